"""Proofs to carry: one text that shows offline that an entry is in a log.

The C2SP tlog-proof format: what stands at which index, the hashes up to the root, and the signed
checkpoint with that root. `extra` is not authenticated; whoever reads a proof must derive the
entry's leaf hash from it and check that.

Source: https://c2sp.org/tlog-proof
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.note import NoteVerifier, parse_note, verify_note
from mythos.engines.memory.proofs import verify_inclusion
from mythos.engines.memory.tree import HASH_BYTES
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint

FIRST_LINE = "c2sp.org/tlog-proof@v1"
MAX_PROOF_CHARS = 2_000_000
MAX_HASHES = 64
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class TlogProof:
    """A proof as it was read; nothing in it is checked."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


def proof_text(proof: TlogProof) -> str:
    """Write a proof; the signed checkpoint goes in as it is."""
    extra = [f"extra {base64.b64encode(proof.extra).decode()}"] if proof.extra else []
    hashes = [base64.b64encode(each).decode() for each in proof.hashes]
    lines = (FIRST_LINE, *extra, f"index {proof.index}", *hashes, "", proof.checkpoint)
    return "\n".join(lines)


def parse_proof(text: str) -> TlogProof:
    """Read a proof, checking no hash and no signature.

    Raises:
        MemoryLogError: not in the format.
    """
    if len(text) > MAX_PROOF_CHARS:
        raise _malformed(f"{len(text)} characters, at most {MAX_PROOF_CHARS}")
    head, blank, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if first != FIRST_LINE or not blank:
        raise _malformed(f"it does not begin with {FIRST_LINE!r} and end in a checkpoint")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _decoded(lines.pop(0).removeprefix("extra "))
    index = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
    if not _DECIMAL.fullmatch(index):
        raise _malformed("it names no index")
    hashes = tuple(_decoded(line) for line in lines)
    if len(hashes) > MAX_HASHES or any(len(each) != HASH_BYTES for each in hashes):
        raise _malformed(f"its path is not of up to {MAX_HASHES} hashes of {HASH_BYTES} bytes")
    return TlogProof(int(index), hashes, checkpoint, extra)


def verify_proof(proof: TlogProof, leaf: bytes, *verifiers: NoteVerifier) -> Checkpoint:
    """Check that `leaf` (a leaf hash) stands at the proof's index, under a checkpoint signed well.

    Returns:
        The checkpoint; its origin is for the caller to compare with the log that was meant.

    Raises:
        MemoryLogError: the signature or the path does not hold.
    """
    verify_note(proof.checkpoint, *verifiers)
    return require_path(proof, leaf)


def require_path(proof: TlogProof, leaf: bytes) -> Checkpoint:
    """Check where `leaf` stands under the checkpoint, of which no signature is checked.

    Raises:
        MemoryLogError: no checkpoint, or the path does not lead to its root.
    """
    checkpoint = parse_checkpoint(parse_note(proof.checkpoint).text)
    root = bytes.fromhex(checkpoint.root.removeprefix("sha256:"))
    verify_inclusion(leaf, proof.index, checkpoint.size, proof=proof.hashes, root=root)
    return checkpoint


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed(f"{encoded[:60]!r} is not base64") from error


def _malformed(message: str) -> MemoryLogError:
    return MemoryLogError(
        f"proof: {message}", remedy="fetch the proof again, with `mythos memory prove`"
    )
