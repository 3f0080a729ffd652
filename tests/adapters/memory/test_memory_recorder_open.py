"""A recorder that stays open is as durable as one that does not, and writes where others look."""

from __future__ import annotations

import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_log import LogPlace, open_log
from mythos.adapters.memory_log_postgresql import ServerLog
from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.entry import MemoryWrite
from mythos.errors import ConflictError, MemoryLogError, NotFoundError, UnavailableError
from tests.adapters.memory.conftest import AT, Place

ORIGIN = "mythos/n1/clerk"


def put(recorder: Recorder, key: str, content: bytes = b"x") -> None:
    recorder.record(key, content, source="agent", at=AT)


@pytest.fixture
def store(tmp_path: Path, log_place: LogPlace) -> DirectoryStore:
    """An empty store with a log."""
    live = DirectoryStore(tmp_path / "memory")
    seed(live, log_place, {}, origin=ORIGIN, at=AT)
    return live


def test_threads_take_turns_at_one_recorder(log_place: LogPlace, store: DirectoryStore) -> None:
    with Recorder(store, log_place) as recorder:

        def work(name: str) -> None:
            for n in range(10):
                put(recorder, f"{name}/{n}")

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = audit_store(store, log_place, at=AT)
    assert (found.ok, found.size, found.score) == (40, 40, 1.0)


def test_two_open_recorders_and_an_audit_share_a_log(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    with Recorder(store, log_place) as one, Recorder(store, log_place) as other:
        for n in range(8):
            put((one, other)[n % 2], f"k{n % 3}", b"%d" % n)
            assert audit_store(store, log_place, at=AT).score == 1.0
    assert audit_store(store, log_place, at=AT).size == 8


def test_a_change_of_a_key_that_the_store_cannot_have_is_not_logged(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    with Recorder(store, log_place) as recorder:
        with pytest.raises(MemoryLogError, match="plain relative path"):
            recorder.forget("../escape", source="agent", at=AT)
        with pytest.raises(MemoryLogError, match="plain relative path"):
            recorder.erase("../escape", source="agent", at=AT)
        with pytest.raises(MemoryLogError, match="to the recorder of 'directory'"):
            recorder.record_all([MemoryWrite("other", "a", "put", b"1", "agent")], at=AT)
        put(recorder, "a")
    assert audit_store(store, log_place, at=AT).size == 1


def test_a_logged_change_that_no_store_can_carry_out_holds_up_no_other(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    with open_log(log_place) as log, log.transaction():
        log.append([MemoryWrite("directory", "../escape", "delete", None, "agent")], at=AT)
    with Recorder(store, log_place) as recorder:
        put(recorder, "a")
    found = audit_store(store, log_place, at=AT)
    assert (found.ok, found.score) == (1, 1.0)
    assert "not a plain relative path" in found.notes[0]


@dataclass(frozen=True, slots=True)
class Recursive(DirectoryStore):
    """A directory that records when it is written to."""

    recorders: list[Recorder] = field(default_factory=list)

    def put(self, key: str, content: bytes) -> None:
        put(self.recorders[0], key)


def test_a_recorder_is_not_called_from_within_its_own_call(place: Place) -> None:
    live = Recursive(place.store)
    with Recorder(live, place.log) as recorder:
        live.recorders.append(recorder)
        with pytest.raises(ConflictError, match="at work"):
            put(recorder, "a")
    assert place.audit().score == 1.0


def test_a_closed_recorder_says_so(place: Place) -> None:
    recorder = place.recorder()
    recorder.close()
    recorder.close()
    with pytest.raises(ConflictError, match="closed") as caught:
        put(recorder, "a")
    assert "open another" in caught.value.remedy


def test_a_store_without_a_log_has_no_recorder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no memory log"):
        Place(tmp_path / "memory", tmp_path / "memory.db").recorder()


def test_a_log_moved_away_refuses_one_change_and_is_not_found_from_then_on(place: Place) -> None:
    with place.recorder() as recorder:
        put(recorder, "before")
        moved = place.log.rename(place.log.with_name("moved.db"))
        with pytest.raises(MemoryLogError, match="moved or replaced while it was open"):
            put(recorder, "lost")
        assert not (place.store / "lost").exists()
        with pytest.raises(NotFoundError, match="no memory log"):
            put(recorder, "lost")
        moved.rename(place.log)
        put(recorder, "after")
    found = place.audit()
    assert (found.ok, found.score) == (5, 1.0)


def test_a_log_replaced_by_another_gets_what_is_written_from_then_on(
    place: Place, tmp_path: Path
) -> None:
    shutil.copyfile(place.log, tmp_path / "backup")
    with place.recorder() as recorder:
        (tmp_path / "backup").replace(place.log)
        with pytest.raises(MemoryLogError, match="moved or replaced"):
            put(recorder, "lost")
        put(recorder, "user/tea.md", b"black tea")
    found = place.audit()
    assert (found.ok, found.size, found.score) == (3, 5, 1.0)


def test_a_write_ahead_file_that_is_gone_is_noticed_and_takes_nothing_with_it(
    place: Place,
) -> None:
    with place.recorder() as recorder:
        put(recorder, "before")
        place.log.with_name(f"{place.log.name}-wal").unlink()
        with pytest.raises(MemoryLogError, match="moved or replaced"):
            put(recorder, "lost")
        put(recorder, "after")
    found = place.audit()
    assert (found.ok, found.size, found.score) == (5, 6, 1.0)


def test_a_log_cut_short_in_place_takes_no_more_changes(place: Place) -> None:
    with place.recorder() as recorder:
        put(recorder, "before")
        place.log.write_bytes(b"")
        for _ in range(3):
            with pytest.raises(MemoryLogError, match="cut short or overwritten") as caught:
                put(recorder, "lost")
    assert "restore it from a backup" in caught.value.remedy
    assert not (place.store / "lost").exists()


def test_a_log_overwritten_by_a_shorter_backup_takes_no_more_changes(place: Place) -> None:
    backup = place.log.read_bytes()
    with place.recorder() as recorder:
        recorder.record_all(
            [
                MemoryWrite("directory", f"k{n}", "put", b"x" * 5000, "agent")
                for n in range(1000)  # more than is written ahead: the file grows
            ],
            at=AT,
        )
        assert place.log.stat().st_size > len(backup)
        place.log.write_bytes(backup)
        for _ in range(3):
            with pytest.raises(MemoryLogError, match="cut short or overwritten"):
                put(recorder, "lost")
    assert not (place.store / "lost").exists()


@pytest.mark.parametrize("after", [0, 3])
def test_a_log_overwritten_by_an_older_copy_of_its_size_takes_no_more_changes(
    place: Place, after: int
) -> None:
    with place.recorder() as recorder:
        put(recorder, "big", b"x" * 200_000)
        recorder.erase("big", source="agent", at=AT)
        backup = place.log.read_bytes()
        for n in range(20):  # into the pages that are free now
            put(recorder, f"k{n}")
        with closing(sqlite3.connect(place.log)) as checkpointer:
            checkpointer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for n in range(after):  # the newest entries are in the write-ahead file again
            put(recorder, f"later{n}")
        assert place.log.stat().st_size == len(backup)
        assert place.log.read_bytes() != backup
        place.log.write_bytes(backup)
        for _ in range(3):
            with pytest.raises(MemoryLogError, match=r"no longer holds|cannot be read"):
                put(recorder, "lost")
    assert not (place.store / "lost").exists()


def test_a_log_overwritten_by_a_longer_one_takes_no_more_changes(
    place: Place, tmp_path: Path
) -> None:
    other = Place(tmp_path / "other", tmp_path / "other.db")
    seed(other.live, other.log, {"a": b"x" * 300_000}, origin="mythos/n1/other", at=AT)
    with place.recorder() as recorder:
        place.log.write_bytes(other.log.read_bytes())
        for _ in range(3):
            with pytest.raises(MemoryLogError, match="was replaced by mythos/n1/other"):
                put(recorder, "lost")
    assert not (place.store / "lost").exists()


def test_a_log_that_grows_by_the_checkpoints_of_others_is_not_taken_for_another(
    place: Place,
) -> None:
    with place.recorder() as one, place.recorder() as other:
        for n in range(6):
            put(one, f"one{n}", b"x" * 5000)
            put(other, f"other{n}", b"x" * 5000)
            with closing(sqlite3.connect(place.log)) as reader:
                reader.execute(f"PRAGMA wal_checkpoint({('PASSIVE', 'TRUNCATE')[n % 2]})")
    found = place.audit()
    assert (found.ok, found.score) == (15, 1.0)


def test_a_log_replaced_by_one_of_another_origin_is_refused_until_it_is_opened_anew(
    place: Place, tmp_path: Path
) -> None:
    other = Place(place.store, tmp_path / "other.db")
    seed(DirectoryStore(tmp_path / "empty"), other.log, {}, origin="mythos/n1/other", at=AT)
    with place.recorder() as recorder:
        other.log.replace(place.log)
        with pytest.raises(MemoryLogError, match="moved or replaced"):
            put(recorder, "lost")
        for _ in range(3):
            with pytest.raises(MemoryLogError, match="clerk was replaced by mythos/n1/other"):
                put(recorder, "lost")
    assert not (place.store / "lost").exists()
    with place.recorder() as recorder:
        put(recorder, "after")


def test_a_log_replaced_by_an_older_copy_of_itself_is_refused_until_it_is_opened_anew(
    place: Place, tmp_path: Path
) -> None:
    shutil.copyfile(place.log, tmp_path / "backup")
    with place.recorder() as recorder:
        put(recorder, "user/tea.md", b"black tea")
        (tmp_path / "backup").replace(place.log)
        place.log.with_name(f"{place.log.name}-wal").unlink()
        with pytest.raises(MemoryLogError, match="moved or replaced"):
            put(recorder, "lost")
        for _ in range(3):
            with pytest.raises(MemoryLogError, match="no longer holds entries 0 to 4") as caught:
                put(recorder, "lost")
    assert "open another one" in caught.value.remedy
    assert not (place.store / "lost").exists()
    with place.recorder() as recorder:
        put(recorder, "after")


def test_a_log_whose_entry_was_rewritten_under_its_number_is_refused(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    with Recorder(store, log_place) as recorder, open_log(log_place) as other:
        put(recorder, "a")
        if isinstance(log_place, ServerLog):
            other._database.all("DROP TRIGGER entries_stay ON entries")
        else:
            other._database.all("DROP TRIGGER entries_stay")
        other._database.all("UPDATE entries SET leaf = ?", (bytes(32),))
        with pytest.raises(MemoryLogError, match="no longer holds entries 0 to 0"):
            put(recorder, "lost")


def test_a_relative_place_is_where_it_was_when_the_recorder_was_opened(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place.log.parent)
    with Recorder(place.live, Path(place.log.name)) as recorder:
        put(recorder, "one")
        monkeypatch.chdir(tmp_path)
        put(recorder, "two")
    assert place.audit().ok == 5


def test_a_recorder_goes_on_when_its_server_is_back(
    log_place: LogPlace, store: DirectoryStore
) -> None:
    if not isinstance(log_place, ServerLog):
        pytest.skip("a file has no server")
    with Recorder(store, log_place) as recorder, open_log(log_place) as other:
        put(recorder, "before")
        with recorder._log.turn() as log:
            pid = log._database.all("SELECT pg_backend_pid()")[0]
        other._database.all("SELECT pg_terminate_backend(?)", pid)
        with pytest.raises(UnavailableError, match="cannot be reached"):
            put(recorder, "lost")
        put(recorder, "after")
    found = audit_store(store, log_place, at=AT)
    assert (found.ok, found.size) == (2, 2)


def test_what_was_erased_is_in_no_file_of_an_open_log(place: Place) -> None:
    with place.recorder() as recorder:
        put(recorder, "plan.md", b"the secret plan")
        recorder.erase("plan.md", source="user", at=AT)
        files = list(place.log.parent.iterdir())
        assert len(files) > 1
        assert not any(b"secret plan" in file.read_bytes() for file in files)
    assert place.audit().score == 1.0


def test_only_settling_does_not_wait_for_the_disk(place: Place) -> None:
    full, normal = [(2,)], [(1,)]
    with open_log(place.log) as log:
        for _ in range(3):
            with log.settling("directory"):
                assert log._database.all("PRAGMA synchronous") == normal
            with log.transaction():
                assert log._database.all("PRAGMA synchronous") == full


FORK = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.errors import ConflictError

at = datetime(2026, 1, 2, tzinfo=UTC)
with Recorder(DirectoryStore(Path(sys.argv[1])), Path(sys.argv[2])) as recorder:
    recorder.record("before", b"x", source="agent", at=at)
    child = os.fork()
    if child == 0:
        try:
            recorder.record("child", b"x", source="agent", at=at)
        except ConflictError as error:
            print(error, flush=True)
        sys.exit(0)  # out of the block, and through all that a process does at its end
    assert os.waitpid(child, 0)[1] == 0
    recorder.record("after", b"x", source="agent", at=at)
"""


def test_a_forked_process_is_refused_and_leaves_its_parents_log_alone(place: Place) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(place.store), str(place.log)],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert "before a fork" in done.stdout
    assert done.stderr == ""
    found = place.audit()
    assert (found.ok, found.size, found.score) == (5, 6, 1.0)
    assert not (place.store / "child").exists()


def test_a_recorder_goes_on_when_the_disk_has_room_again(place: Place) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with place.recorder() as recorder:
        put(recorder, "one")
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            with pytest.raises(UnavailableError, match="the disk refuses memory log"):
                put(recorder, "big", b"x" * 200_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        put(recorder, "two")
    found = place.audit()
    assert (found.ok, found.size, found.score) == (5, 6, 1.0)
