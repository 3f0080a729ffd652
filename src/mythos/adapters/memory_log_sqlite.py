"""A memory log's database as one SQLite file.

Write-ahead logging lets readers look while a recorder writes; every commit reaches the disk before
it returns; erased rows are overwritten. A killed process needs no repair: SQLite rolls back what
was not committed when the file is opened next.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from mythos.adapters.memory_log_database import (
    NO_QUESTION,
    Database,
    Question,
    Rows,
    lock_wait_s,
    no_log,
    refused_row,
    unreadable,
)
from mythos.adapters.memory_log_tables import STATEMENTS, TABLES_ASKED, not_made
from mythos.adapters.sqlite_reading import READ_ONLY, UNLOCKED, WRITABLE, opening_query, watched
from mythos.errors import MemoryLogError, UnavailableError

Identity = tuple[int, int]
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_REFUSED = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}
_PRIVATE = 0o600
STATEMENT_CPU_S = 60.0
"""Processor seconds of one statement; the longest looks at a million entries in 1.2 s."""
_STEPS = 1_000_000  # of SQLite's machine between two looks at the time, about 20 ms
_WHY_READ_ONLY = {
    READ_ONLY: "the log cannot be written, and was only read",
    UNLOCKED: "the log cannot be written, and was only read, as a file that nobody writes"
    " meanwhile",
}
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")


@contextmanager
def connect_file(path: Path, *, mode: Literal["rw", "rwc"]) -> Iterator[Database]:
    """Open the database (`rwc`: make it where it is not) and close it at the end.

    Raises:
        NotFoundError: mode `rw`, and no file.
        MemoryLogError: the file is no SQLite database, or a statement failed.
        UnavailableError: another process held the lock for `LOCK_WAIT_S`, or the disk is full or
            refuses to be written.
    """
    file = _found(path)  # before it is opened: a later one is another
    if mode == "rw" and file is None:
        raise no_log(path)
    if file is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(_PRIVATE)  # contents and salts lie in it; SQLite's files beside it follow
    with _told(path), closing(_open(f"{path.absolute().as_uri()}?mode={mode}")) as connection:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        yield _File(connection, path, file or _found(path))


@contextmanager
def connect_to_read(path: Path) -> Iterator[Database]:
    """As `connect_file` with `rw`; a database that cannot be written is opened to be read.

    Raises:
        As `connect_file`; also UnavailableError: it was written while it was read without locks.
    """
    query = opening_query(path)
    if query == WRITABLE:
        with connect_file(path, mode="rw") as database:
            yield database
        return
    file = _found(path)
    with (
        watched(path, query),
        _told(path),
        closing(_open(f"{path.absolute().as_uri()}?{query}")) as connection,
    ):
        yield _File(connection, path, file, read_only=_WHY_READ_ONLY[query])


class _File:
    """One open file. What it was opened as must stay under its name while it is written."""

    leaf_message = "CAST(x'00' || entry AS BLOB)"
    misfiled = (
        """instr(entry, CAST('"key_hash":"sha256:' || lower(hex(key_hash)) || '"' AS BLOB)) = 0"""
    )

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        file: os.stat_result | None,
        *,
        read_only: str = "",
    ) -> None:
        self.read_only = read_only
        self._connection = connection
        self._path = path.absolute()
        self._wal = Path(f"{os.path.realpath(path)}-wal")
        self._opened = _identity_of(file)
        self._opened_wal: Identity | None = None
        self._size_bytes = file.st_size if file else 0
        self._written_ns = file.st_ctime_ns if file else 0
        self._cut = False
        self._ends_s = 0.0
        self.lost = False
        connection.set_progress_handler(self._overdue, _STEPS)

    def exists(self) -> bool:
        """Whether the file has tables.

        Raises:
            MemoryLogError: they are not as they were made: a view or a trigger may run for ever.
        """
        found = self.all(TABLES_ASKED)
        if (name := not_made(found)) is not None:
            raise unreadable(self._path, f"{name!r} in it was not made by MythOS")
        return any(name == "log" for name, _ in found)

    def make_tables(self) -> None:
        """Make the tables and what guards them."""
        for statement in STATEMENTS:
            self.all(statement)

    @contextmanager
    def transaction(self, question: Question = NO_QUESTION) -> Iterator[Rows]:
        """Hold the file's write lock."""
        with self._locked():
            self._require_in_place()
            yield self.all(*question)
        self._require_in_place()

    @contextmanager
    def settling(self, question: Question = NO_QUESTION) -> Iterator[Rows]:
        """Hold the file's write lock, and do not wait for the disk at the end."""
        self.all("PRAGMA synchronous = NORMAL")
        try:
            with self._locked():
                yield self.all(*question)
        finally:
            self.all("PRAGMA synchronous = FULL")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.all("BEGIN" if self.read_only else "BEGIN IMMEDIATE")
            yield
            self.all("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self.all("ROLLBACK")
            raise

    def look_afresh(self) -> bool:
        """Forget the pages that were read, if the file was written: a checkpoint does, and `cp`."""
        found = _found(self._path)
        written_ns = found.st_ctime_ns if found else 0
        if written_ns == self._written_ns:
            return False
        self._require_in_place()
        self.all("PRAGMA shrink_memory")
        self._written_ns = written_ns
        return True

    def scrub(self) -> None:
        """Move what was written ahead into the file, where deleted rows are overwritten."""
        self.all("PRAGMA wal_checkpoint(TRUNCATE)")

    def all(self, statement: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement, and return its rows."""
        self._ends_s = time.thread_time() + STATEMENT_CPU_S
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise _failed(self._path, error) from error
        except OverflowError as error:  # asked for what lies behind the greatest number
            raise unreadable(self._path, error) from error

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row of values."""
        self._ends_s = time.thread_time() + STATEMENT_CPU_S
        try:
            self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise _failed(self._path, error) from error

    def _overdue(self) -> bool:
        """Whether to end a statement: somebody made a view of a table since the file was opened."""
        return time.thread_time() > self._ends_s

    def _require_in_place(self) -> None:
        """Refuse a file that is another, or is gone or cut: what is written there is lost."""
        found, wal = _found(self._path), _identity(self._wal)
        self._opened_wal = self._opened_wal or wal
        if (_identity_of(found), wal) != (self._opened, self._opened_wal):
            self.lost = True
            raise MemoryLogError(
                f"memory log {self._path} was moved or replaced while it was open",
                remedy="find out who did it; the next call opens what lies there then",
            )
        size_bytes = found.st_size if found else 0
        self._cut = self._cut or size_bytes < self._size_bytes
        if self._cut:  # for good: a checkpoint makes the file as long again, with holes in it
            raise MemoryLogError(
                f"memory log {self._path} was cut short or overwritten while it was open",
                remedy="find out who did it, close what has it open, and restore it from a backup",
            )
        self._size_bytes = size_bytes


def _identity(path: Path) -> Identity | None:
    """Which file lies at `path`: device and number; None if none."""
    return _identity_of(_found(path))


def _identity_of(found: os.stat_result | None) -> Identity | None:
    return (found.st_dev, found.st_ino) if found else None


def _found(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _failed(path, error) from error


def _open(uri: str) -> sqlite3.Connection:
    """Connect. Threads may share it if they take turns, as a `Recorder` makes them."""
    return sqlite3.connect(
        uri, uri=True, timeout=lock_wait_s(), isolation_level=None, check_same_thread=False
    )


def _failed(path: Path, error: sqlite3.Error) -> UnavailableError | MemoryLogError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    if code in _BUSY:
        return UnavailableError(
            f"memory log {path} stayed locked for {lock_wait_s():g} s",
            remedy="let the writer or the audit that holds it finish, then try again",
        )
    if code == sqlite3.SQLITE_CONSTRAINT:
        return refused_row(path, error)
    if code == sqlite3.SQLITE_INTERRUPT:
        return MemoryLogError(
            f"a look into memory log {path} was ended after {STATEMENT_CPU_S:g} s of CPU time",
            remedy="if it has tens of millions of entries, look on a faster machine; if it is"
            " smaller, treat the log as altered: keep a copy, and restore it from a backup",
        )
    if code in _REFUSED:
        return _refused(path, code, error)
    return unreadable(path, error)


def _refused(path: Path, code: int, error: sqlite3.Error) -> UnavailableError | MemoryLogError:
    """Why a file is not opened, read or written. What is no file can be no log, at any time."""
    if path.exists() and not path.is_file():
        return MemoryLogError(
            f"memory log {path} is no regular file",
            remedy="name the log's file, or move away what lies there",
        )
    if path.exists() and not os.access(path, os.R_OK):
        return UnavailableError(
            f"memory log {path} cannot be opened: {os.strerror(errno.EACCES)}",
            remedy="let the user that MythOS runs as read and write it",
        )
    if code == sqlite3.SQLITE_CANTOPEN and (wal := Path(f"{os.path.realpath(path)}-wal")).exists():
        return UnavailableError(
            f"memory log {path} cannot be read there: its newest entries lie in {wal.name}",
            remedy="copy both files to where one may write, and name the copy: --log COPY",
        )
    return UnavailableError(
        f"the disk refuses memory log {path}: {error}",
        remedy="free space or allow writing there, then repeat; what was logged is kept",
    )
