"""Log entries: from a write (key and content) to the hashes that are logged, and back from bytes.

Keys and contents never enter the log. A key is hashed with the name of its store, so that two
stores of one log cannot be confused; a content is hashed under a salt of its own, so that a short
memory ("likes tea") cannot be guessed from the log.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from json.encoder import encode_basestring

import orjson
from pydantic import ValidationError

from mythos.engines.memory.entry_fields import fields_of
from mythos.errors import MemoryLogError
from mythos.values.memory import MemoryEntry, MemoryOp, MemorySource

SALT_BYTES = 32
_MILLISECOND = timedelta(milliseconds=1)
_COMMITS = "salted-sha256:"
MAX_REF_CHARS = 300
_ORDER = re.compile(r" \(order ([0-9a-f]{32})\)\Z")
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


def key_hashes(store: str, keys: Collection[str]) -> list[bytes]:
    """Hash many keys of one store: SHA-256 of the canonical JSON of `[store, key]`, 32 bytes each.

    For a pair of texts the canonical form is written here: JSON's own escapes and nothing more.

    Raises:
        MemoryLogError: a key is no Unicode text.
    """
    before, rests = f"[{encode_basestring(store)},", _rests_at_once(keys)
    try:
        if rests is None:
            begun, rests = b"", [f"{before}{encode_basestring(key)}]".encode() for key in keys]
        else:
            begun = f'{before}"'.encode()
    except UnicodeEncodeError as error:
        raise MemoryLogError(
            f"key {error.object[len(before) : 80]!r} is no Unicode text",
            remedy="name the memory in valid UTF-8",
        ) from error
    fresh, hashes = sha256(begun).copy, []
    for rest in rests:
        digest = fresh()
        digest.update(rest)
        hashes.append(digest.digest())
    return hashes


def _rests_at_once(keys: Collection[str]) -> list[bytes] | None:
    """What follows the first quote of each key in the JSON of its pair.

    None if a key is not of ASCII, needs an escape or holds a DEL.
    """
    joined = '"]\x7f'.join(keys)
    if not joined.isascii():
        return None
    rests = f'{joined}"]'.encode().split(b"\x7f")
    if len(rests) != len(keys):
        return None
    escapes = len(keys) - 1  # those of the quotes between the keys
    return rests if len(orjson.dumps(joined)) == len(joined) + escapes + len('""') else None


def entry_content_hash(salt: bytes, content: bytes) -> str:
    """Commit to `content`: `salted-sha256:` and the SHA-256, in hex, of the salt and the content.

    32 random bytes before the content hide it; since they are always 32, nobody can move the place
    where the content begins.

    Raises:
        MemoryLogError: the salt is not of 32 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise MemoryLogError(
            f"salt of {len(salt)} bytes, expected {SALT_BYTES}",
            remedy=f"give the {SALT_BYTES} random bytes that were drawn for this entry",
        )
    return f"{_COMMITS}{sha256(salt + content).hexdigest()}"


def is_content(content: bytes, logged: str | None, *, salt: bytes) -> bool:
    """Whether a logged `content_hash` is of this salt and content; False for any other salt."""
    if logged is None or len(salt) != SALT_BYTES:
        return False
    return compare_digest(entry_content_hash(salt, content), logged)


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


def restores_ref(ref: str, seq: int) -> str:
    """Add to an operator's `reason_ref` which entry is restored.

    Raises:
        MemoryLogError: it becomes longer than the format holds.
    """
    return _bounded(f"{ref} (restores entry {seq})", f"say that entry {seq} is restored")


def ordered_ref(ref: str, order: str) -> str:
    """Add to an operator's `reason_ref` the id of the control plane's order that it carries out.

    Raises:
        MemoryLogError: it becomes longer than the format holds.
    """
    return _bounded(f"{ref} (order {order})", f"name order {order}")


def order_in(ref: str) -> str:
    """The id of the order that an operator's `ordered_ref` names; empty where it names none."""
    named = _ORDER.search(ref)
    return named[1] if named else ""


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
        mac = f'"{entry_content_hash(salt, write.content)}"'
    hashed = key_hashes(write.store, [write.key])[0].hex()
    raw = (
        f'{{"content_hash":{mac},"key_hash":"sha256:{hashed}","op":"{write.op}",'
        f'"policy_ref":"{write.policy_ref}","seq":{seq},"source":"{write.source}",'
        f'"store":"{write.store}","trace_id":"{write.trace_id}",'
        f'"ts":{(at - _EPOCH) // _MILLISECOND},"v":1}}'
    ).encode(errors="surrogatepass")
    usual = len(salt) == SALT_BYTES and fields_of(raw) is not None
    return raw if usual else entry_of(write, seq=seq, salt=salt, at=at).canonical()


def parse_entry(raw: bytes) -> MemoryEntry:
    """Read one logged entry, refusing bytes that are not its only canonical form.

    Raises:
        MemoryLogError: not an entry, or not canonical.
    """
    try:
        entry = MemoryEntry.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise _malformed("logged entry", error) from error
    if fields_of(raw) is None and entry.canonical() != raw:
        raise MemoryLogError(
            f"entry {entry.seq} is not in canonical form (RFC 8785)",
            remedy="treat the log as altered; only MythOS writes entries",
        )
    return entry


def _bounded(ref: str, added: str) -> str:
    """A policy reference to which a reason left room for what was added, in words."""
    if len(ref) > MAX_REF_CHARS:
        raise MemoryLogError(
            f"the reason leaves no room to {added}",
            remedy=f"give a reason that is {len(ref) - MAX_REF_CHARS} characters shorter",
        )
    return ref


def _malformed(what: str, error: ValidationError) -> MemoryLogError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return MemoryLogError(
        f"{what}: {field}: {first['msg']}" if field else f"{what}: {first['msg']}",
        remedy="see MemoryEntry for the fields and their bounds",
    )
