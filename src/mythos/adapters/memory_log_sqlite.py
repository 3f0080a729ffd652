"""A memory log's database as one SQLite file.

Write-ahead logging lets readers look while a recorder writes; every commit reaches the disk before
it returns; erased rows are overwritten. A killed process needs no repair: SQLite rolls back what
was not committed when the file is opened next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

from mythos.adapters import memory_log_database
from mythos.adapters.memory_log_database import TABLES, Database, no_log, unreadable
from mythos.errors import MemoryLogError, UnavailableError

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
_TRIGGERS = """
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'a logged entry never changes'); END

CREATE TRIGGER entries_remain BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'a logged entry is never removed'); END
"""


@contextmanager
def connect_file(path: Path, *, mode: Literal["rw", "rwc"]) -> Iterator[Database]:
    """Open the database (`rwc`: make it where it is not) and close it at the end.

    Raises:
        NotFoundError: mode `rw`, and no file.
        MemoryLogError: the file is no SQLite database, or a statement of the caller failed.
        UnavailableError: another process held the lock for `LOCK_WAIT_S`.
    """
    if mode == "rw" and not path.exists():
        raise no_log(path)
    if mode == "rwc":
        path.parent.mkdir(parents=True, exist_ok=True)
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    try:
        with closing(_open(uri)) as connection:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            yield _File(connection)
    except sqlite3.Error as error:
        raise _failed(path, error) from error


class _File:
    """One open file."""

    leaf_message = "CAST(x'00' || entry AS BLOB)"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def exists(self) -> bool:
        """Whether the file has tables."""
        found = self.all("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'log'")
        return bool(found)

    def make_tables(self) -> None:
        """Make the tables and what guards them."""
        for statement in (*TABLES.split("\n\n"), *_TRIGGERS.split("\n\n")):
            self._connection.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the file's write lock."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def all(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Run one statement, and return its rows."""
        return self._connection.execute(statement, values).fetchall()

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each row of values."""
        self._connection.executemany(statement, rows)


def _open(uri: str) -> sqlite3.Connection:
    wait_s = memory_log_database.LOCK_WAIT_S
    return sqlite3.connect(uri, uri=True, timeout=wait_s, isolation_level=None)


def _failed(path: Path, error: sqlite3.Error) -> UnavailableError | MemoryLogError:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:  # the low byte is the primary code
        return UnavailableError(
            f"memory log {path} stayed locked for {memory_log_database.LOCK_WAIT_S:g} s",
            remedy="let the writer or the audit that holds it finish, then try again",
        )
    return unreadable(path, error)
