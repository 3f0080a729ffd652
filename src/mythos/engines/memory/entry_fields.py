"""What an audit reads of entries at sight: of one, or of a page of them column by column.

A regular expression tells the usual entry, whose texts need no escape, from everything else, and
is exactly as strict as `entry.parse_entry`. A page is read by one search over all its lines.
"""

from __future__ import annotations

import re
from binascii import Error as NoHex
from binascii import hexlify, unhexlify
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

HASH_BYTES = 32


class EntryFields(NamedTuple):
    """Fields of one entry in the bytes that stand there.

    `content` is 64 hex digits, or None where the memory is gone; `key` is 64 hex digits.
    """

    content: bytes | None
    key: bytes
    op: bytes
    seq: bytes
    store: bytes


class EntryColumns(NamedTuple):
    """Fields of entries in order: `contents` (None: gone) and `keys` are hashes of 32 bytes."""

    contents: Sequence[bytes | None]
    keys: Sequence[bytes]
    ops: Sequence[bytes]
    seqs: Sequence[int]
    stores: Sequence[bytes]


def _canonical(digits: bytes) -> bytes:
    """A pattern of the one form (RFC 8785) of a usual entry; the time ends with the year 9999."""
    return (
        rb'\{"content_hash":(?:"salted-sha256:(' + digits + rb')"|null),'
        rb'"key_hash":"sha256:(' + digits + rb')",'
        rb'"op":"((?(1)(?:put|baseline|accept)|(?:delete|expire|accept)))",'
        rb'"policy_ref":"[ !#-\[\]-~]{0,300}","seq":(0|[1-9][0-9]{0,14}),'
        rb'"source":"(?:user|tool|agent|import|operator)",'
        rb'"store":"([A-Za-z0-9][A-Za-z0-9._-]{0,149})","trace_id":"(?:[0-9a-f]{32})?",'
        rb'"ts":(?:0|[1-9][0-9]{0,13}),"v":1\}'
    )


_ENTRY = re.compile(_canonical(rb"[0-9a-f]{64}"))
_LINES = re.compile(rb"(?ms)^\x00" + _canonical(rb".{64}") + rb"$")  # digits are looked at apart


def fields_of(raw: bytes, *, start: int = 0) -> EntryFields | None:
    """Read an entry of the usual form, exactly as strictly as `parse_entry`.

    Args:
        raw: its bytes.
        start: where they begin.

    Returns:
        None for bytes that are no entry, or one with unusual text; `parse_entry` tells which.
    """
    found = _ENTRY.fullmatch(raw, start)
    return None if found is None else EntryFields(*found.groups())


def columns_of(messages: Sequence[bytes]) -> EntryColumns | None:
    """Read a page of entries, each given as `tree.leaf_message` writes it.

    Returns:
        None if `fields_of` would say None of any of them.
    """
    lines = b"\n".join(messages)
    found = _LINES.findall(lines)
    n = len(messages)
    if not found or len(found) != n or lines.count(b"\n") != n - 1:
        return None
    contents, keys, ops, seqs, stores = zip(*found, strict=True)
    digits = b"".join(keys) + b"".join(contents)
    try:
        joined = unhexlify(digits)
    except NoHex:
        return None
    if hexlify(joined) != digits:  # capitals
        return None
    hashes = hashes_in(joined)
    rest = iter(hashes[n:])
    logged = (
        hashes[n:]
        if len(hashes) == 2 * n
        else [next(rest) if content else None for content in contents]
    )
    return EntryColumns(logged, hashes[:n], ops, [*map(int, seqs)], stores)


def hashes_in(joined: bytes | bytearray) -> tuple[bytes, ...]:
    """Take hashes, or other values of 32 bytes, apart that were joined."""
    unpacked: tuple[bytes, ...] = _values(len(joined) // HASH_BYTES).unpack(joined)
    return unpacked


@lru_cache(maxsize=8)
def _values(n: int) -> Struct:
    return Struct(f"{HASH_BYTES}s" * n)
