"""Tails of a log: every entry of them provable, none of them inventable."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.checkpoint import root_text
from mythos.engines.memory.entry import MemoryWrite, entry_of, key_hash
from mythos.engines.memory.proofs import verify_inclusion
from mythos.engines.memory.tail import joined_tails, newest, require_tail, tail_of, tree_of
from mythos.engines.memory.tree import MerkleLog, leaf_hash
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint, LogTail, MemoryEntry

AT = datetime(2026, 1, 1, tzinfo=UTC)
ORIGIN = "mythos/host-1/support"
KEYS = [f"note-{n}" for n in range(5)]
NAMES = {key_hash("memory", key): key for key in KEYS}
ENTRIES = [
    entry_of(
        MemoryWrite("memory", KEYS[n % len(KEYS)], "put", b"%d" % n, "agent"),
        seq=n,
        salt=bytes(32),
        at=AT,
    )
    for n in range(70)
]
SIZES = st.integers(0, len(ENTRIES))


def log_of(size: int) -> MerkleLog:
    log = MerkleLog()
    log.extend(entry.canonical() for entry in ENTRIES[:size])
    return log


def tail(start: int, size: int, *, names: dict[str, str] | None = None) -> LogTail:
    said = NAMES if names is None else names
    return tail_of(log_of(size), ENTRIES[start:size], origin=ORIGIN, names=said)


def checkpoint(size: int) -> Checkpoint:
    return Checkpoint(origin=ORIGIN, size=size, root=root_text(log_of(size).root()))


@given(SIZES, SIZES)
def test_a_tail_gives_the_root_and_the_proofs_of_the_whole_log(a: int, b: int) -> None:
    start, size = sorted((a, b))
    found = tail(start, size)
    require_tail(found, checkpoint(size))
    tree, whole = tree_of(found), log_of(size)
    assert tree.root() == whole.root()
    for entry in found.entries:
        proof = tree.inclusion_proof(entry.seq)
        assert proof == whole.inclusion_proof(entry.seq)
        leaf = leaf_hash(entry.canonical())
        verify_inclusion(leaf, entry.seq, size, proof=proof, root=whole.root())


@given(SIZES, SIZES, SIZES, SIZES, st.integers(1, 80))
def test_joined_tails_are_the_newest_entries_without_a_gap(
    a: int, b: int, c: int, d: int, keep: int
) -> None:
    (start, end), (late_start, late_end) = sorted((a, b)), sorted((c, d))
    joined = joined_tails(tail(start, end), tail(late_start, late_end), keep=keep)
    size = max(end, late_end)
    require_tail(joined, checkpoint(size))
    newer_start = max((end, start), (late_end, late_start))[1] if end != late_end else None
    first = min(start, late_start) if newer_start is None else newer_start
    if newer_start is not None and min(end, late_end) >= newer_start:
        first = min(start, late_start)
    assert joined.start == max(first, size - keep)
    assert joined == joined_tails(tail(late_start, late_end), tail(start, end), keep=keep)


@given(SIZES, SIZES, st.integers(1, 80))
def test_the_newest_of_a_tail_is_the_tail_of_those(a: int, b: int, keep: int) -> None:
    start, size = sorted((a, b))
    assert newest(tail(start, size), keep=keep) == tail(max(start, size - keep), size)


@given(st.data())
def test_an_entry_that_was_changed_breaks_the_tail(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, 60))
    size = data.draw(st.integers(start + 1, 70))
    found = tail(start, size)
    place = data.draw(st.integers(0, len(found.entries) - 1))
    forged = found.entries[place].model_copy(update={"source": "operator"})
    entries = (*found.entries[:place], forged, *found.entries[place + 1 :])
    with pytest.raises(MemoryLogError, match="not those of the checkpoint"):
        require_tail(found.model_copy(update={"entries": entries}), checkpoint(size))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"start": 9, "entries": ENTRIES[10:21]}, "not numbered"),
        ({"edge": ()}, "0 hashes for the 2 subtrees"),
        ({"origin": "mythos/host-2/support"}, "ends at entry 20 of mythos/host-2"),
        ({"entries": ENTRIES[10:19]}, "ends at entry 19"),
        ({"entries": [*ENTRIES[10:19], ENTRIES[21]]}, "not numbered"),
    ],
)
def test_a_tail_that_does_not_fit_is_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(MemoryLogError, match=message):
        require_tail(tail(10, 20).model_copy(update=changed), checkpoint(20))


def test_entries_before_the_tail_cannot_be_proved_from_it() -> None:
    with pytest.raises(MemoryLogError, match="does not reach back"):
        tree_of(tail(11, 20)).inclusion_proof(9)


def test_an_erased_key_loses_its_name_in_what_was_kept() -> None:
    erased = ENTRIES[20].key_hash
    left = {hashed: name for hashed, name in NAMES.items() if hashed != erased}
    joined = joined_tails(tail(0, 20), tail(20, 21, names=left), keep=50)
    assert any(entry.key_hash == erased for entry in joined.entries[:20])
    assert joined.names == left


@pytest.mark.parametrize("hashed", [ENTRIES[15].key_hash, key_hash("memory", "note-9")])
def test_a_name_that_is_not_the_keys_is_refused(hashed: str) -> None:
    named = tail(10, 20).model_copy(update={"names": {hashed: "note-9"}})
    with pytest.raises(MemoryLogError, match="'note-9' is not the key with the hash"):
        require_tail(named, checkpoint(20))


def test_names_of_keys_without_an_entry_are_left_out() -> None:
    only: list[MemoryEntry] = ENTRIES[19:20]
    found = tail_of(log_of(20), only, origin=ORIGIN, names=NAMES)
    assert found.names == {ENTRIES[19].key_hash: KEYS[4]}
