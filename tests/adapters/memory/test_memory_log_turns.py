"""Writers of one log take turns, and a recorder writes on behind what others did meanwhile."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log
from mythos.adapters.memory_log_postgresql import ServerLog
from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.entry import MemoryWrite
from mythos.engines.memory.tree import MerkleLog
from mythos.errors import MemoryLogError, UnavailableError
from tests.adapters.memory.conftest import AT

MAX_ROUND_TRIPS = 6


@pytest.fixture
def store(tmp_path: Path, log_place: LogPlace) -> DirectoryStore:
    """An empty store with a log."""
    live = DirectoryStore(tmp_path / "memory")
    seed(live, log_place, {}, origin="mythos/n1/clerk", at=AT)
    return live


def put(recorder: Recorder, key: str) -> None:
    recorder.record(key, b"x", source="agent", at=AT)


def elsewhere(n: int, policy_ref: str = "") -> list[MemoryWrite]:
    """Changes of another store of the same log."""
    return [MemoryWrite("other", f"k{at}", "put", b"x", "agent", "", policy_ref) for at in range(n)]


def require_whole_tree(place: LogPlace) -> None:
    """Every stored subtree is that of the entries."""
    with open_log(place) as log:
        whole = MerkleLog.of_hashes(log.leaves(0, log.size))
        stored = log._database.all("SELECT level, place, hash FROM nodes")
    expected = [
        (level, at, whole.node(level, at))
        for level in range(1, whole.size.bit_length())
        for at in range(whole.size >> level)
    ]
    assert sorted(stored) == expected


@pytest.mark.parametrize("n", [1, 2, 7, 1023, 1024, 1025, 1100])
def test_a_recorder_writes_on_behind_what_another_logged(
    log_place: LogPlace, store: DirectoryStore, n: int
) -> None:
    with Recorder(store, log_place) as recorder, open_log(log_place) as other:
        for at in range(3):
            put(recorder, f"before{at}")
        with other.transaction():
            other.append(elsewhere(n), at=AT)
        put(recorder, "after")
        put(recorder, "later")
    found = audit_store(store, log_place, at=AT)
    assert (found.ok, found.size, found.score) == (5, 5 + n, 1.0)
    require_whole_tree(log_place)


def test_a_recorder_writes_on_behind_changes_of_its_own_that_were_taken_back(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    name = store.name
    writes = [MemoryWrite(name, f"k{at}", "put", b"x", "agent") for at in range(1025)]
    too_long = MemoryWrite(name, "last", "put", b"x", "agent", "", "x" * 5000)
    with Recorder(store, log_place) as recorder:
        put(recorder, "before")
        with pytest.raises(MemoryLogError, match="policy_ref"):
            recorder.record_all([*writes, too_long], at=AT)
        put(recorder, "after")
        put(recorder, "later")
    found = audit_store(store, log_place, at=AT)
    assert (found.ok, found.size, found.score) == (3, 3, 1.0)
    require_whole_tree(log_place)


def test_a_recorder_goes_on_when_a_lock_is_free_again(
    log_place: LogPlace, store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_log_database.LOCK_WAIT_S", 0.05)
    with Recorder(store, log_place) as recorder:
        with (
            open_log(log_place) as holder,
            holder.transaction(),
            pytest.raises(UnavailableError, match="stayed locked"),
        ):
            put(recorder, "a")
        put(recorder, "b")
    assert list(store.keys()) == ["b"]
    assert audit_store(store, log_place, at=AT).score == 1.0


def test_a_statement_that_fails_takes_the_others_back_and_is_told_as_itself(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    def fail(log: MemoryLog) -> None:
        with log.transaction():
            log.append(elsewhere(1), at=AT)
            log._database.many("INSERT INTO entries SELECT * FROM entries", [()])
            log.append(elsewhere(1), at=AT)

    with open_log(log_place) as log:
        with pytest.raises(MemoryLogError, match=r"(?i)unique"):
            fail(log)
        assert log.size == 0
        with log.transaction():
            log.append(elsewhere(3), at=AT)
    require_whole_tree(log_place)


def test_a_transaction_in_which_a_statement_failed_is_not_taken_for_done(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    if not isinstance(log_place, ServerLog):
        pytest.skip("SQLite goes on after a statement that failed")

    def fail(log: MemoryLog) -> None:
        with log.transaction(), suppress(MemoryLogError):
            log.append(elsewhere(1), at=AT)
            log._database.all("SELECT nothing")

    with open_log(log_place) as log:
        with pytest.raises(MemoryLogError, match="a statement failed"):
            fail(log)
        assert log.size == 0


def test_a_write_asks_the_server_few_times(
    tmp_path: Path, log_place: LogPlace, store: DirectoryStore
) -> None:
    if not isinstance(log_place, ServerLog):
        pytest.skip("a file has no server")
    with Recorder(store, log_place) as recorder, (tmp_path / "wire").open("wb") as wire:
        put(recorder, "first")
        with recorder._log.turn() as log:
            connection = log._database._connection.pgconn  # type: ignore[attr-defined]
        connection.trace(wire.fileno())
        for n in range(32):
            put(recorder, f"k{n}")
        connection.untrace()
        os.fsync(wire.fileno())
    answers = (tmp_path / "wire").read_text().count("ReadyForQuery")
    assert 32 <= answers <= 32 * MAX_ROUND_TRIPS
