"""Entries: what is logged, in one form of bytes, and that it gives nothing away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mythos.engines.memory.entry import (
    MemoryWrite,
    entry_content_hash,
    entry_of,
    key_hash,
    parse_entry,
)
from mythos.errors import MemoryLogError

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
SALT = b"s" * 32
TEA = MemoryWrite("directory", "user/tea.md", "put", b"likes tea", "agent", trace_id="a" * 32)


def test_an_entry_carries_the_published_keys_and_comes_back_from_its_bytes() -> None:
    entry = entry_of(TEA, seq=7, salt=SALT, at=AT)
    raw = entry.canonical()
    assert raw == (
        b'{"content_hash":"' + entry_content_hash(SALT, b"likes tea").encode() + b'",'
        b'"key_hash":"' + key_hash("directory", "user/tea.md").encode() + b'",'
        b'"op":"put","policy_ref":"","seq":7,"source":"agent","store":"directory",'
        b'"trace_id":"' + b"a" * 32 + b'","ts":1767323045678,"v":1}'
    )
    assert parse_entry(raw) == entry


def test_neither_key_nor_content_nor_their_plain_hash_stands_in_an_entry() -> None:
    one = entry_of(TEA, seq=0, salt=SALT, at=AT)
    two = entry_of(TEA, seq=0, salt=b"t" * 32, at=AT)
    assert one.content_hash != two.content_hash
    assert b"tea" not in one.canonical()


def test_the_content_hash_is_the_hmac_of_rfc_4231_case_2() -> None:
    digest = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    computed = entry_content_hash(b"Jefe", b"what do ya want for nothing?")
    assert computed == f"hmac-sha256:{digest}"


def test_one_key_in_two_stores_is_two_keys() -> None:
    assert key_hash("a", "b/c") != key_hash("a/b", "c")


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (MemoryWrite("directory", "k", "put", None, "agent"), "'put' takes a content_hash"),
        (MemoryWrite("directory", "k", "delete", b"", "agent"), "'delete' takes no content_hash"),
        (MemoryWrite("", "k", "put", b"", "agent"), "store"),
        (MemoryWrite("directory", "k", "put", b"", "agent", trace_id="xyz"), "trace_id"),
        (MemoryWrite("directory", "k", "put", b"", "agent", policy_ref="x" * 301), "policy_ref"),
        (MemoryWrite("directory", "\ud800", "put", b"", "agent"), "no Unicode text"),
    ],
)
def test_a_write_the_format_does_not_allow_is_refused(write: MemoryWrite, said: str) -> None:
    with pytest.raises(MemoryLogError, match=said) as caught:
        entry_of(write, seq=0, salt=SALT, at=AT)
    assert caught.value.remedy


def test_a_time_without_zone_and_a_short_salt_are_refused() -> None:
    with pytest.raises(MemoryLogError, match="without a zone"):
        entry_of(TEA, seq=0, salt=SALT, at=AT.replace(tzinfo=None))
    with pytest.raises(MemoryLogError, match="salt of 4 bytes"):
        entry_of(TEA, seq=0, salt=b"salt", at=AT)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"v":1', b'"v":2', "v: "),
        (b'"v":1', b'"v":1,"w":1', "Extra inputs"),
        (b'"seq":7', b'"seq":"7"', "seq: "),
        (b'"seq":7', b'"seq": 7', "canonical form"),
        (b'"seq":7', b'"seq":7,"seq":7', "canonical form"),
        (b"}", b"", "logged entry"),
        (b"agent", b"\xff", "logged entry"),
    ],
)
def test_bytes_that_are_not_the_one_form_of_an_entry_are_refused(
    old: bytes, new: bytes, said: str
) -> None:
    raw = entry_of(TEA, seq=7, salt=SALT, at=AT).canonical()
    with pytest.raises(MemoryLogError, match=said):
        parse_entry(raw.replace(old, new, 1))
