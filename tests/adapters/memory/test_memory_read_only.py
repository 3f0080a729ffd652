"""A log that cannot be written is audited, proved and traced where it lies, and left as it is."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_baseline import adopt
from mythos.adapters.memory_checkpoint import checkpoint, checkpoint_read
from mythos.adapters.memory_log import open_log, open_to_read
from mythos.adapters.memory_prover import prove_memory
from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_rollback import plan
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.memory_store_sqlite import sqlite_store
from mythos.engines.memory.entry import MemoryWrite
from mythos.engines.memory.rollback import Past
from mythos.errors import UnavailableError
from tests.adapters.memory.conftest import AT
from tests.permissions import bound_by_modes

KEY = Ed25519PrivateKey.from_private_bytes(b"n" * 32)


@dataclass(frozen=True, slots=True)
class Backup:
    """A log in a folder of its own, beside the store that it watches."""

    store: DirectoryStore
    log: Path

    def modes(self, *, file: int, folder: int) -> None:
        self.log.parent.chmod(0o700)
        for each in self.log.parent.iterdir():
            each.chmod(file)
        self.log.parent.chmod(folder)

    @contextmanager
    def kept_from_writing(self, *, file: int = 0o400, folder: int = 0o500) -> Iterator[None]:
        """Nobody may write the log, and at the end nothing was: no file came or changed."""
        before = _contents(self.log.parent)
        self.modes(file=file, folder=folder)
        try:
            with bound_by_modes():
                yield
            assert _contents(self.log.parent) == before
        finally:
            self.modes(file=0o600, folder=0o700)


def _contents(folder: Path) -> dict[str, bytes]:
    read = {each.name: each.read_bytes() for each in folder.iterdir()}
    return {name: content for name, content in read.items() if not name.endswith("-shm")}


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    """A store of two memories; its log has a signed checkpoint and is closed."""
    (tmp_path / "backup").mkdir()
    (tmp_path / "mem").mkdir()
    for key in ("tea.md", "name.md"):
        (tmp_path / "mem" / key).write_text(key)
    made = Backup(DirectoryStore(tmp_path / "mem"), tmp_path / "backup/mem.log.sqlite3")
    adopt(made.store, made.log, origin="mythos/n1/clerk", at=AT)
    checkpoint(made.log, KEY)
    return made


@pytest.mark.parametrize(("file", "folder"), [(0o600, 0o500), (0o400, 0o700), (0o400, 0o500)])
def test_a_log_that_cannot_be_written_is_read_where_it_lies(
    backup: Backup, file: int, folder: int
) -> None:
    (backup.store.path / "tea.md").write_text("changed")
    with backup.kept_from_writing(file=file, folder=folder):
        found = audit_store(backup.store, backup.log, at=AT)
        proof = prove_memory(backup.store, backup.log, "tea.md")
        note, not_kept = checkpoint_read(backup.log, KEY)
        with open_to_read(backup.log) as log:
            entries = list(log.entries())
        made = plan(backup.store, backup.log, Past(2))
    assert (found.ok, found.altered, found.proof_failed) == (1, ("tea.md",), None)
    assert found.notes == (
        "the log cannot be written, and was only read, as a file that nobody writes meanwhile",
    )
    assert (len(entries), proof.checkpoint.size) == (2, 2)
    assert (note, not_kept) == (checkpoint(backup.log, KEY), found.notes[0])
    assert made.blocked == {"tea.md": found.notes[0]}


def test_a_log_that_can_be_written_says_nothing_of_that(backup: Backup) -> None:
    with bound_by_modes():
        assert audit_store(backup.store, backup.log, at=AT).notes == ()


def test_what_is_written_ahead_is_read_too(backup: Backup) -> None:
    with Recorder(backup.store, backup.log) as recorder:
        recorder.record("new.md", b"new", source="agent", at=AT)
        with backup.kept_from_writing():
            found = audit_store(backup.store, backup.log, at=AT)
    assert (found.ok, found.size, found.score) == (3, 3, 1.0)
    assert found.notes == ("the log cannot be written, and was only read",)


def test_what_was_written_ahead_and_has_no_index_is_never_passed_over(
    backup: Backup, tmp_path: Path
) -> None:
    with Recorder(backup.store, backup.log) as recorder:
        recorder.record("new.md", b"new", source="agent", at=AT)
        for suffix in ("", "-wal"):
            shutil.copy(f"{backup.log}{suffix}", tmp_path / f"copy{suffix}")
    for suffix in ("", "-wal"):
        shutil.copy(tmp_path / f"copy{suffix}", f"{backup.log}{suffix}")
    with (
        backup.kept_from_writing(),
        pytest.raises(UnavailableError, match="its newest entries lie in mem") as refused,
    ):
        audit_store(backup.store, backup.log, at=AT)
    assert "copy both files to where one may write" in refused.value.remedy


def test_what_is_logged_and_not_in_the_store_is_noted_and_not_carried_out(backup: Backup) -> None:
    with open_log(backup.log) as log, log.transaction():
        log.append([MemoryWrite("directory", "late.md", "put", b"late", "agent")], at=AT)
    with backup.kept_from_writing():
        found = audit_store(backup.store, backup.log, at=AT)
    assert (found.ok, found.missing) == (2, ("late.md",))
    assert found.notes[1].startswith("logged, not in the store yet: put 'late.md'")
    assert backup.store.get("late.md") is None
    assert audit_store(backup.store, backup.log, at=AT).score == 1.0


def test_a_log_that_is_written_while_it_is_read_without_a_lock_is_refused(backup: Backup) -> None:
    def write(_: int) -> None:
        backup.modes(file=0o600, folder=0o700)
        with Recorder(backup.store, backup.log) as recorder:
            recorder.record("new.md", b"new", source="agent", at=AT)

    backup.modes(file=0o400, folder=0o500)
    with bound_by_modes(), pytest.raises(UnavailableError, match="written while it was read"):
        audit_store(backup.store, backup.log, at=AT, on_progress=write)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_table_that_cannot_be_written_is_audited_too(tmp_path: Path, journal: str) -> None:
    (tmp_path / "backup").mkdir()
    file = tmp_path / "backup/a.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"PRAGMA journal_mode = {journal}")
        database.execute("CREATE TABLE m (id TEXT PRIMARY KEY, v)")
        database.execute("INSERT INTO m VALUES ('a', 1)")
    log = tmp_path / "backup/a.db.m.log.sqlite3"
    adopt(sqlite_store(file, "m"), log, origin="mythos/n1/clerk", at=AT)
    with Backup(DirectoryStore(tmp_path), log).kept_from_writing():
        store = sqlite_store(file, "m")
        assert audit_store(store, log, at=AT).score == 1.0
        assert list(store.rehearse([("a", None)])) == ["a"]


def test_a_memory_that_is_only_read_is_not_rolled_back(tmp_path: Path) -> None:
    store, log = DirectoryStore(tmp_path / "mem"), tmp_path / "log.db"
    store.put("tea.md", b"likes tea")
    adopt(store, log, origin="mythos/n1/clerk", at=AT)
    store.put("tea.md", b"changed")
    store.path.chmod(0o500)
    try:
        with bound_by_modes():
            blocked = plan(store, log, Past(1)).blocked
    finally:
        store.path.chmod(0o700)
    assert "Permission denied" in blocked["tea.md"]
