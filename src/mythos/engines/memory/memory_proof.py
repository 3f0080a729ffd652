"""What a proof file says of one memory: its log entry and, where disclosed, its key and salt.

Without the salt the proof shows that *something* was logged, when and on whose behalf. With key and
salt anybody who has the content can check that it is this memory and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from pydantic import ConfigDict, ValidationError

from mythos.engines.memory.cosignature import CosignatureVerifier, verify_any_cosignature
from mythos.engines.memory.entry import is_content, key_hash
from mythos.engines.memory.note import NoteVerifier
from mythos.engines.memory.tlog_proof import (
    TlogProof,
    parse_proof,
    proof_text,
    require_path,
    verify_proof,
)
from mythos.engines.memory.tree import leaf_hash
from mythos.errors import MemoryLogError
from mythos.values.base import Value
from mythos.values.digest import canonical_bytes
from mythos.values.memory import Checkpoint, MemoryEntry


class Disclosure(Value):
    """The extra data of a proof: the entry; key and salt (hex) where they are disclosed."""

    model_config = ConfigDict(title="memory proof")

    entry: MemoryEntry
    key: str = ""
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof shows, its hashes and signatures checked.

    `cosigned_at` is when a witness that is known cosigned the checkpoint, None if none is.
    """

    disclosure: Disclosure
    checkpoint: Checkpoint
    cosigned_at: datetime | None = None

    def names_key(self) -> bool | None:
        """Whether the key that the proof discloses is the entry's; None if none is disclosed."""
        entry = self.disclosure.entry
        if not self.disclosure.key:
            return None
        return compare_digest(key_hash(entry.store, self.disclosure.key), entry.key_hash)

    def holds(self, content: bytes) -> bool | None:
        """Whether `content` is what was logged; None if that cannot be told without the salt."""
        if not self.disclosure.salt:
            return None
        try:
            salt = bytes.fromhex(self.disclosure.salt)
        except ValueError:
            return False
        return is_content(content, self.disclosure.entry.content_hash, salt=salt)


def prove_entry(
    disclosure: Disclosure, *, index: int, hashes: tuple[bytes, ...], checkpoint: str
) -> str:
    """Write the proof file of one entry under a signed checkpoint."""
    extra = canonical_bytes(disclosure.model_dump())
    return proof_text(TlogProof(index, hashes, checkpoint, extra))


def verify_entry(
    text: str, *verifiers: NoteVerifier, witnesses: Sequence[CosignatureVerifier] = ()
) -> Proved:
    """Check a proof file.

    Args:
        text: the file.
        verifiers: keys of the log; none will do where a witness is known, which cosigns only what
            the log signed.
        witnesses: one of them must have cosigned the checkpoint, if there are any.

    Raises:
        MemoryLogError: malformed, signed by no known key, not cosigned, or the entry is not where
            it says.
    """
    proof = parse_proof(text)
    try:
        disclosure = Disclosure.model_validate_json(proof.extra)
    except ValidationError as error:
        raise MemoryLogError(
            f"proof: its extra data is no memory entry: {error.errors()[0]['msg']}",
            remedy="name a proof made by `mythos memory prove`",
        ) from error
    if disclosure.entry.seq != proof.index:
        raise MemoryLogError(
            f"proof: entry {disclosure.entry.seq} stands at index {proof.index}",
            remedy="treat the proof as forged",
        )
    at = verify_any_cosignature(proof.checkpoint, witnesses) if witnesses else None
    leaf = leaf_hash(disclosure.entry.canonical())
    if witnesses and not verifiers:
        return Proved(disclosure, require_path(proof, leaf), at)
    return Proved(disclosure, verify_proof(proof, leaf, *verifiers), at)
