"""The file of a memory log: SQLite connection, durability settings, tables and errors.

Write-ahead logging lets readers look while a recorder writes; every commit reaches the disk before
it returns; erased rows are overwritten. A killed process needs no repair: SQLite rolls back what
was not committed when the file is opened next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from mythos.errors import MemoryLogError, NotFoundError, UnavailableError

FORMAT = 2
LOCK_WAIT_S = 20.0
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")

_SCHEMA = """
CREATE TABLE log (origin TEXT NOT NULL)

CREATE TABLE entries (
    seq INTEGER PRIMARY KEY CHECK (seq >= 0),
    entry BLOB NOT NULL,
    leaf BLOB NOT NULL CHECK (length(leaf) = 32))

CREATE TABLE salts (
    seq INTEGER PRIMARY KEY REFERENCES entries,
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) = 32))

CREATE INDEX salts_of_key ON salts (key_hash)

CREATE TABLE contents (seq INTEGER PRIMARY KEY REFERENCES salts, content BLOB NOT NULL)

CREATE TABLE pending (
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    seq INTEGER NOT NULL UNIQUE REFERENCES entries,
    PRIMARY KEY (store, key))

CREATE TABLE checkpoints (size INTEGER PRIMARY KEY CHECK (size >= 0), note TEXT NOT NULL)

CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'a logged entry never changes'); END

CREATE TRIGGER entries_remain BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'a logged entry is never removed'); END
"""


@contextmanager
def connect(path: Path, *, mode: Literal["rw", "rwc"]) -> Iterator[sqlite3.Connection]:
    """Open the database (`rwc`: make it where it is not) and close it at the end.

    Raises:
        NotFoundError: mode `rw`, and no file.
        MemoryLogError: the file is no SQLite database, or a statement of the caller failed.
        UnavailableError: another process held the lock for `LOCK_WAIT_S`.
    """
    if mode == "rw" and not path.exists():
        raise no_log(path)
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        with closing(_open(uri)) as connection:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            yield connection
    except sqlite3.Error as error:
        raise _failed(path, error) from error


@contextmanager
def write_lock(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock; commit at the end, roll back on any error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def make_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of an empty log, inside the caller's transaction."""
    for statement in _SCHEMA.split("\n\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {FORMAT}")


def no_log(path: Path) -> NotFoundError:
    """Say that there is no log at `path`."""
    return NotFoundError(
        f"no memory log at {path}",
        remedy="seed the store, or adopt what is in it: the log begins with what is there then",
    )


def _open(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=LOCK_WAIT_S, isolation_level=None)


def _failed(path: Path, error: sqlite3.Error) -> UnavailableError | MemoryLogError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:  # the low byte is the primary code
        return UnavailableError(
            f"memory log {path} stayed locked for {LOCK_WAIT_S:g} s",
            remedy="let the writer or the audit that holds it finish, then try again",
        )
    return MemoryLogError(
        f"memory log {path} cannot be read: {error}",
        remedy="restore the log from a backup, or begin a new one from a new state folder",
    )
