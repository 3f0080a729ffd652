"""Log entries: from a write (key and content) to the hashes that are logged, and back from bytes.

Keys and contents never enter the log. A key is hashed with the name of its store, so that two
stores of one log cannot be confused; a content is hashed under a salt of its own, so that a short
memory ("likes tea") cannot be guessed from the log.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from mythos.errors import DocumentError, MemoryLogError
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.memory import MemoryEntry, MemoryOp, MemorySource

SALT_BYTES = 32
MAX_REF_CHARS = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class MemoryWrite:
    """One change that a recorder saw. `content` is None where the memory is gone."""

    store: str
    key: str
    op: MemoryOp
    content: bytes | None
    source: MemorySource
    trace_id: str = ""
    policy_ref: str = ""


def key_hash(store: str, key: str) -> str:
    """Hash a key within its store: the digest of the canonical pair."""
    try:
        return digest_of(canonical_bytes([store, key]))
    except DocumentError as error:
        raise MemoryLogError(
            f"key {key[:80]!r} is no Unicode text",
            remedy="name the memory in valid UTF-8",
        ) from error


def entry_content_hash(salt: bytes, content: bytes) -> str:
    """Return `hmac-sha256:` and the HMAC of `content` under `salt`, in hex."""
    return f"hmac-sha256:{hmac.digest(salt, content, 'sha256').hex()}"


def reason_ref(by: str, why: str) -> str:
    """Write who decided and why as the policy reference of an operator's entry.

    Raises:
        MemoryLogError: nobody, no reason, or more than the format holds.
    """
    who, reason = " ".join(by.split()), " ".join(why.split())
    ref = f"{who}: {reason}"
    if not who or not reason or ": " in who or len(ref) > MAX_REF_CHARS:
        raise MemoryLogError(
            f"{ref[:80]!r} does not say who decided, and why",
            remedy=f"give a name without ': ' and a reason, {MAX_REF_CHARS} characters together",
        )
    return ref


def entry_of(write: MemoryWrite, *, seq: int, salt: bytes, at: datetime) -> MemoryEntry:
    """Return the entry that logs `write` as number `seq`.

    Raises:
        MemoryLogError: a naive time, a short salt, or a field the format does not allow.
    """
    if at.tzinfo is None or len(salt) != SALT_BYTES:
        raise MemoryLogError(
            f"time {at.isoformat()} without a zone, or a salt of {len(salt)} bytes",
            remedy=f"give a time with its zone and {SALT_BYTES} random bytes",
        )
    content_hash = None if write.content is None else entry_content_hash(salt, write.content)
    try:
        return MemoryEntry(
            seq=seq,
            store=write.store,
            key_hash=key_hash(write.store, write.key),
            op=write.op,
            content_hash=content_hash,
            source=write.source,
            trace_id=write.trace_id,
            policy_ref=write.policy_ref,
            ts=(at - _EPOCH) // timedelta(milliseconds=1),
        )
    except ValidationError as error:
        raise _malformed(f"write to {write.key[:80]!r}", error) from error


def parse_entry(raw: bytes) -> MemoryEntry:
    """Read one logged entry, refusing bytes that are not its only canonical form.

    Raises:
        MemoryLogError: not an entry, or not canonical.
    """
    try:
        entry = MemoryEntry.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise _malformed("logged entry", error) from error
    if entry.canonical() != raw:
        raise MemoryLogError(
            f"entry {entry.seq} is not in canonical form (RFC 8785)",
            remedy="treat the log as altered; only MythOS writes entries",
        )
    return entry


def _malformed(what: str, error: ValidationError) -> MemoryLogError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return MemoryLogError(
        f"{what}: {field}: {first['msg']}" if field else f"{what}: {first['msg']}",
        remedy="see MemoryEntry for the fields and their bounds",
    )
