"""Entries: what is logged, in one form of bytes, and that it gives nothing away."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.entry import (
    MemoryWrite,
    entry_bytes,
    entry_content_hash,
    entry_of,
    fields_of,
    key_hash,
    parse_entry,
)
from mythos.errors import DocumentError, MemoryLogError
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.memory import MemoryOp

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


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
odd_texts = st.text(max_size=12)  # lone surrogates too
ops: st.SearchStrategy[MemoryOp] = st.sampled_from(
    ["put", "delete", "baseline", "expire", "accept"]
)
writes = st.builds(
    MemoryWrite,
    store=st.sampled_from(["directory", "table.x", "no name", ""]) | texts,
    key=texts,
    op=ops,
    content=st.none() | st.binary(max_size=3),
    source=st.sampled_from(["user", "tool", "agent", "import", "operator"]),
    trace_id=st.sampled_from(["", "a" * 32, "A" * 32]),
    policy_ref=st.sampled_from(["", "ops: looked at it", "x" * 301]) | odd_texts,
)


@given(writes, st.integers(0, 2**54), st.datetimes(timezones=st.just(UTC)))
def test_the_bytes_of_a_write_are_those_of_its_entry_or_refused_alike(
    write: MemoryWrite, seq: int, at: datetime
) -> None:
    try:
        entry = entry_of(write, seq=seq, salt=SALT, at=at)
        wanted = entry.canonical()
    except (MemoryLogError, DocumentError):
        with pytest.raises((MemoryLogError, DocumentError)):
            entry_bytes(write, seq=seq, salt=SALT, at=at)
        return
    raw = entry_bytes(write, seq=seq, salt=SALT, at=at)
    assert raw == wanted
    if (fields := fields_of(raw)) is not None:
        assert int(fields.seq) == entry.seq
        assert fields.store.decode() == entry.store
        assert fields.op.decode() == entry.op
        assert f"sha256:{fields.key.decode()}" == entry.key_hash
        assert (fields.mac is None) == (entry.content_hash is None)


@given(st.data())
def test_what_is_read_as_an_entry_at_sight_is_one(data: st.DataObject) -> None:
    raw = bytearray(entry_bytes(TEA, seq=3, salt=SALT, at=AT))
    where = data.draw(st.integers(0, len(raw) - 1))
    raw[where] = data.draw(st.integers(0, 255))
    if fields_of(bytes(raw)) is not None:
        parse_entry(bytes(raw))


@given(texts, texts)
def test_a_key_is_hashed_as_the_canonical_json_of_store_and_key(store: str, key: str) -> None:
    assert key_hash(store, key) == digest_of(canonical_bytes([store, key]))
