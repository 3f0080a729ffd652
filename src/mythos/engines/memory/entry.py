"""Log entries: from a write (key and content) to the hashes that are logged, and back from bytes.

Keys and contents never enter the log. A key is hashed with the name of its store, so that two
stores of one log cannot be confused; a content is hashed under a salt of its own, so that a short
memory ("likes tea") cannot be guessed from the log.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from json.encoder import encode_basestring
from typing import NamedTuple

from pydantic import ValidationError

from mythos.errors import MemoryLogError
from mythos.values.memory import MemoryEntry, MemoryOp, MemorySource

SALT_BYTES = 32
_MILLISECOND = timedelta(milliseconds=1)
# Canonical entries (RFC 8785) whose texts need no escape. The time may not pass the year 9999.
_USUAL = re.compile(
    rb'\{"content_hash":(?:"hmac-sha256:([0-9a-f]{64})"|null),"key_hash":"sha256:([0-9a-f]{64})",'
    rb'"op":"(put|delete|baseline|expire|accept)","policy_ref":"[ !#-\[\]-~]{0,300}",'
    rb'"seq":(0|[1-9][0-9]{0,14}),"source":"(?:user|tool|agent|import|operator)",'
    rb'"store":"([A-Za-z0-9][A-Za-z0-9._-]{0,149})","trace_id":"(?:[0-9a-f]{32})?",'
    rb'"ts":(?:0|[1-9][0-9]{0,13}),"v":1\}'
)
_HAS_CONTENT = {
    b"put": {True},
    b"baseline": {True},
    b"delete": {False},
    b"expire": {False},
    b"accept": {True, False},
}
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
    return f"sha256:{key_hashes(store, [key])[0].hex()}"


def key_hashes(store: str, keys: Iterable[str]) -> list[bytes]:
    """Hash many keys of one store: SHA-256 of the canonical JSON of `[store, key]`, 32 bytes each.

    For a pair of texts the canonical form is written here: JSON's own escapes and nothing more.

    Raises:
        MemoryLogError: a key is no Unicode text.
    """
    before = f"[{encode_basestring(store)},"
    try:
        return [sha256(f"{before}{encode_basestring(key)}]".encode()).digest() for key in keys]
    except UnicodeEncodeError as error:
        raise MemoryLogError(
            f"key {error.object[len(before) : 80]!r} is no Unicode text",
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
            ts=(at - _EPOCH) // _MILLISECOND,
        )
    except ValidationError as error:
        raise _malformed(f"write to {write.key[:80]!r}", error) from error


def entry_bytes(write: MemoryWrite, *, seq: int, salt: bytes, at: datetime) -> bytes:
    """Return the canonical bytes of the entry that logs `write`: those of `entry_of`, sooner.

    Raises:
        MemoryLogError: as `entry_of`.
    """
    if at.tzinfo is None:
        return entry_of(write, seq=seq, salt=salt, at=at).canonical()
    mac = "null"
    if write.content is not None:
        mac = f'"hmac-sha256:{hmac.digest(salt, write.content, "sha256").hex()}"'
    hashed = key_hashes(write.store, [write.key])[0].hex()
    raw = (
        f'{{"content_hash":{mac},"key_hash":"sha256:{hashed}","op":"{write.op}",'
        f'"policy_ref":"{write.policy_ref}","seq":{seq},"source":"{write.source}",'
        f'"store":"{write.store}","trace_id":"{write.trace_id}",'
        f'"ts":{(at - _EPOCH) // _MILLISECOND},"v":1}}'
    ).encode(errors="surrogatepass")
    usual = len(salt) == SALT_BYTES and fields_of(raw) is not None
    return raw if usual else entry_of(write, seq=seq, salt=salt, at=at).canonical()


class EntryFields(NamedTuple):
    """What an audit reads of an entry, in the bytes that stand there; `mac` None is a memory gone.

    `mac` and `key` are 64 hex digits.
    """

    mac: bytes | None
    key: bytes
    op: bytes
    seq: bytes
    store: bytes


def fields_of(raw: bytes, *, start: int = 0) -> EntryFields | None:
    """Read an entry of the usual form, exactly as strictly as `parse_entry`.

    Args:
        raw: its bytes.
        start: where they begin.

    Returns:
        None for bytes that are no entry, or one with unusual text; `parse_entry` tells which.
    """
    found = _USUAL.fullmatch(raw, start)
    if found is None:
        return None
    fields = EntryFields(*found.groups())
    return fields if (fields.mac is not None) in _HAS_CONTENT[fields.op] else None


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
