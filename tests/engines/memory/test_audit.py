"""The audit: what is live against what a log says, in every order of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.engines.memory.audit import Audit
from mythos.engines.memory.checkpoint import root_text
from mythos.engines.memory.entry import MemoryWrite, entry_of, key_hash
from mythos.engines.memory.live import Unreadable
from mythos.engines.memory.replay import LoggedRow, Replay
from mythos.engines.memory.tree import EMPTY_ROOT, MerkleLog, leaf_hash, leaf_message
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint, MemoryAudit, MemoryEntry, MemoryOp

AT = datetime(2026, 1, 2, tzinfo=UTC)
Live = Mapping[str, bytes | Unreadable]


def wrote(key: str, content: bytes | None, op: MemoryOp = "put", store: str = "d") -> MemoryWrite:
    return MemoryWrite(store, key, op, content, "agent")


def log_of(*writes: MemoryWrite) -> list[MemoryEntry]:
    return [entry_of(write, seq=i, salt=_salt(i), at=AT) for i, write in enumerate(writes)]


def rows_of(entries: Sequence[MemoryEntry]) -> list[LoggedRow]:
    return [
        LoggedRow(
            leaf_message(raw), leaf_hash(raw), _salt(entry.seq) if entry.content_hash else None
        )
        for entry, raw in ((entry, entry.canonical()) for entry in entries)
    ]


def audited(
    entries: Sequence[MemoryEntry], live: Live, known: Sequence[Checkpoint] = ()
) -> MemoryAudit:
    names = {bytes.fromhex(key_hash("d", key)[7:]): key for key in "abc"}
    audit = Audit(store="d", origin="mythos/n/a", checkpoints=known)
    audit.log(rows_of(entries), since=-1)
    audit.live(list(live.items()))
    return audit.result(lambda _: names, at=AT)


def test_each_kind_of_difference_is_told_apart() -> None:
    log = log_of(
        wrote("a", b"1", "baseline"),
        wrote("b", b"2"),
        wrote("c", b"3"),
        wrote("d", b"4"),
        wrote("d", None, "expire"),
    )
    found = audited(log, {"a": b"1", "b": b"changed", "e": b"new"})
    assert (found.ok, found.altered, found.missing, found.unlogged) == (1, ("b",), ("c",), ("e",))
    assert found.expired == (key_hash("d", "d"),)
    assert found.score == 1 / 4
    assert (found.size, found.audited_at, found.proof_failed) == (5, AT, None)


def test_an_empty_memory_with_a_valid_log_scores_one() -> None:
    found = audited([], {})
    assert (found.score, found.size, found.root) == (1.0, 0, root_text(EMPTY_ROOT))


def test_without_a_log_there_is_no_score() -> None:
    assert MemoryAudit(unlogged=("a",), audited_at=AT).score is None


@pytest.mark.parametrize("after", [("put", b"2"), ("delete", None), ("accept", None)])
def test_an_expiry_is_forgotten_once_the_key_is_logged_again(
    after: tuple[MemoryOp, bytes | None],
) -> None:
    op, content = after
    ended = [wrote("a", b"1"), wrote("a", None, "expire"), wrote("b", None, "expire")]
    found = audited(log_of(*ended, wrote("a", content, op)), {"a": content} if content else {})
    assert found.expired == ("b",)
    assert found.ok == (content is not None)


def test_a_key_that_returns_after_its_logged_end_is_unlogged() -> None:
    for op in ("delete", "expire"):
        log = log_of(wrote("a", b"1"), wrote("a", None, op))
        assert audited(log, {"a": b"1"}).unlogged == ("a",)


def test_an_operator_may_accept_a_content_or_an_absence() -> None:
    log = log_of(
        wrote("a", b"1"), wrote("b", b"2"), wrote("a", b"9", "accept"), wrote("b", None, "accept")
    )
    found = audited(log, {"a": b"9"})
    assert (found.ok, found.score) == (1, 1.0)


def test_what_cannot_be_read_is_never_ok_and_says_why() -> None:
    link = Unreadable("a symbolic link is not followed")
    found = audited(log_of(wrote("a", b"1")), {"a": link, "b": link})
    assert (found.altered, found.unlogged) == (("a",), ("b",))
    assert found.notes == tuple(f"{key}: {link.reason}" for key in "ab")


def test_a_memory_whose_salt_is_gone_proves_nothing() -> None:
    log = log_of(wrote("a", b"1"))
    audit = Audit(store="d", origin="o")
    raw = log[0].canonical()
    audit.log([LoggedRow(leaf_message(raw), leaf_hash(raw), None)], since=-1)
    audit.live([("a", b"1")])
    assert set(audit.census.altered) == {"a"}


def test_another_store_of_the_same_log_is_not_missing_here() -> None:
    log = log_of(wrote("a", b"1"), wrote("a", b"other", store="e"))
    assert audited(log, {"a": b"1"}).score == 1.0


def test_an_entry_removed_from_the_log_fails_the_proof() -> None:
    log = log_of(wrote("a", b"1"), wrote("b", b"2"), wrote("c", b"3"))
    with pytest.raises(MemoryLogError, match="entry 1 of the log says it is number 2"):
        audited([log[0], log[2]], {"a": b"1", "c": b"3"})


def test_a_log_that_does_not_extend_a_remembered_checkpoint_fails_the_proof() -> None:
    log = log_of(wrote("a", b"1"), wrote("b", b"2"))
    tree = MerkleLog()
    tree.extend(entry.canonical() for entry in log)
    known = Checkpoint(origin="mythos/n/a", size=2, root=root_text(tree.root()))
    assert audited(log, {"a": b"1", "b": b"2"}, [known]).score == 1.0
    forged = log_of(wrote("a", b"1"), wrote("b", b"poison"))
    with pytest.raises(MemoryLogError, match="root at size 2"):
        audited(forged, {"a": b"1", "b": b"poison"}, [known])
    with pytest.raises(MemoryLogError, match="log of 1 entries, a checkpoint remembers 2"):
        audited(log[:1], {"a": b"1"}, [known])


def test_replay_refuses_entries_out_of_order() -> None:
    log = log_of(wrote("a", b"1"), wrote("b", b"2"))
    with pytest.raises(MemoryLogError, match="entry 0 of the log says it is number 1"):
        Replay(store="d", origin="o").feed(rows_of(log[::-1]))


keys = st.sampled_from("abcdef")
changes = st.lists(st.tuples(keys, st.none() | st.binary(max_size=2)), max_size=25)


@given(changes, st.dictionaries(keys, st.binary(max_size=2)))
def test_the_census_equals_a_comparison_of_two_dictionaries(
    log: list[tuple[str, bytes | None]], live: dict[str, bytes]
) -> None:
    expected: dict[str, bytes] = {}
    for key, content in log:
        expected.pop(key, None)
        if content is not None:
            expected[key] = content
    writes = [
        wrote(key, content, "put" if content is not None else "delete") for key, content in log
    ]
    found = audited(log_of(*writes), live)
    assert found.ok == len(expected.items() & live.items())
    assert set(found.altered) == {k for k in expected.keys() & live if expected[k] != live[k]}
    assert len(found.missing) == len(expected.keys() - live)
    assert set(found.unlogged) == live.keys() - expected.keys()


many = st.lists(st.sampled_from(range(700)), min_size=600, unique=True)


@given(many, st.permutations(range(700)), st.sets(st.integers(0, 699), max_size=3))
@settings(max_examples=6)
def test_the_order_in_which_memories_come_changes_nothing(
    logged: list[int], order: list[int], touched: set[int]
) -> None:
    log = log_of(*(wrote(str(n), b"%d" % n) for n in logged))
    now: dict[str, bytes | Unreadable] = {str(n): b"%d" % n for n in order}
    for n in touched:
        now[str(n)] = b"changed" if n % 2 else Unreadable("a device")
    altered = {str(n) for n in touched & set(logged)}
    for live in (now, {key: now[key] for key in map(str, range(700))}):
        found = audited(log, live)
        assert (found.ok, set(found.altered)) == (len(logged) - len(altered), altered)
        assert set(found.unlogged) == now.keys() - {str(n) for n in logged}
        assert (len(found.notes), found.missing) == (sum(n % 2 == 0 for n in touched), ())


def _salt(seq: int) -> bytes:
    return seq.to_bytes(32)
