"""Entries: what is logged, in one form of bytes, and that it gives nothing away."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.entry import (
    MemoryWrite,
    entry_bytes,
    entry_content_hash,
    entry_of,
    is_content,
    key_hash,
    key_hashes,
    order_in,
    ordered_ref,
    parse_entry,
)
from mythos.engines.memory.entry_fields import columns_of, fields_of
from mythos.engines.memory.tree import leaf_message
from mythos.errors import DocumentError, MemoryLogError
from mythos.values.digest import canonical_bytes
from mythos.values.memory import MemoryEntry, MemoryOp

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


def test_the_content_hash_is_the_sha256_of_the_salt_and_the_content() -> None:
    # the two-block message of FIPS 180-4, of which the first 32 bytes stand for a salt
    message = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    digest = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    assert entry_content_hash(message[:32], message[32:]) == f"salted-sha256:{digest}"


@given(st.binary(max_size=80), st.binary(max_size=40))
def test_a_content_passes_under_its_own_salt_alone(salt: bytes, content: bytes) -> None:
    logged = entry_content_hash(SALT, content)
    assert is_content(content, logged, salt=SALT)
    assert is_content(content, logged, salt=salt) == (salt == SALT)
    assert not is_content(content + b".", logged, salt=SALT)
    assert not is_content(content, None, salt=SALT)


def test_the_place_where_a_content_begins_cannot_be_moved() -> None:
    logged = entry_content_hash(SALT, b"likes tea")
    for moved in (-1, 1):
        whole, cut = SALT + b"likes tea", 32 + moved
        assert not is_content(whole[cut:], logged, salt=whole[:cut])
        with pytest.raises(MemoryLogError, match=f"salt of {cut} bytes"):
            entry_content_hash(whole[:cut], whole[cut:])


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
        assert (fields.content is None) == (entry.content_hash is None)


@given(writes, st.integers(0, 2**53 - 1))
def test_the_bytes_of_an_entry_are_its_canonical_json(write: MemoryWrite, seq: int) -> None:
    with suppress(MemoryLogError):  # a write that no entry can log
        entry = entry_of(write, seq=seq, salt=SALT, at=AT)
        assert entry.canonical() == canonical_bytes(entry.model_dump())


GONE = MemoryWrite("directory", "user/tea.md", "delete", None, "agent")


@given(st.data())
def test_what_is_read_as_an_entry_at_sight_is_one(data: st.DataObject) -> None:
    raw = bytearray(entry_bytes(data.draw(st.sampled_from([TEA, GONE])), seq=3, salt=SALT, at=AT))
    where = data.draw(st.integers(0, len(raw) - 1))
    raw[where] = data.draw(st.integers(0, 255))
    if fields_of(bytes(raw)) is not None:
        assert MemoryEntry.model_validate_json(raw, strict=True).canonical() == raw


@given(st.lists(st.tuples(writes, st.integers(0, 2**50)), max_size=4), st.data())
def test_a_page_is_read_at_sight_as_its_entries_are_one_by_one(
    logged: list[tuple[MemoryWrite, int]], data: st.DataObject
) -> None:
    page = [leaf_message(entry_of(TEA, seq=3, salt=SALT, at=AT).canonical())]
    for write, seq in logged:
        with suppress(MemoryLogError, DocumentError):
            page.append(leaf_message(entry_bytes(write, seq=seq, salt=SALT, at=AT)))
    which = data.draw(st.integers(0, len(page) - 1))
    start = data.draw(st.integers(0, len(page[which])))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(
        st.sampled_from([b"", b"\n", b"A", b"\n\0", b'"', page[0]]) | st.binary(max_size=3)
    )
    page[which] = page[which][:start] + put + page[which][start + cut :]

    read = [fields_of(m, start=1) if m.startswith(b"\0") else None for m in page]
    columns = columns_of(page)
    assert (columns is None) == (None in read)
    if columns is not None:
        assert read == [
            (content and content.hex().encode(), key.hex().encode(), op, b"%d" % seq, store)
            for content, key, op, seq, store in zip(*columns, strict=True)
        ]


def test_a_page_of_nothing_is_read_by_nobody_at_sight() -> None:
    assert columns_of([]) is None


@given(texts, st.lists(texts | st.text(' ]!~\x7f\n"\\a', max_size=3), max_size=4))
def test_a_key_is_hashed_as_the_canonical_json_of_store_and_key(
    store: str, keys: list[str]
) -> None:
    hashes = key_hashes(store, keys)
    assert hashes == [sha256(canonical_bytes([store, key])).digest() for key in keys]
    assert [key_hash(store, key) for key in keys] == [f"sha256:{each.hex()}" for each in hashes]


def test_of_many_keys_the_one_that_is_no_text_is_named() -> None:
    with pytest.raises(MemoryLogError, match="ud800here"):
        key_hashes("directory", ["fine", "\ud800here", "fine too"])


def test_an_entry_of_the_form_before_is_refused() -> None:
    raw = entry_of(TEA, seq=7, salt=SALT, at=AT).canonical()
    old = raw.replace(b"salted-sha256", b"hmac-sha256")
    assert fields_of(old) is None
    with pytest.raises(MemoryLogError, match="content_hash") as caught:
        parse_entry(old)
    assert caught.value.remedy


@given(st.text(max_size=100), st.text("0123456789abcdef", min_size=32, max_size=32))
def test_the_order_that_a_reference_names_is_read_from_its_end(ref: str, order: str) -> None:
    named = ordered_ref(ref, order)
    assert order_in(named) == order
    assert order_in(ordered_ref(named, "f" * 32)) == "f" * 32
    for other in (ref + order, f"{named} ", f"{named}\n", named.removesuffix(")")):
        assert not order_in(other)
