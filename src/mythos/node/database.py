"""The file of a node's durable state: one SQLite database in WAL mode, and named values in it.

A commit survives the death of the process; `_on_disk` waits for the disk as well.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mythos.errors import UnavailableError

_META = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);"


class NodeDatabase:
    """One open file. Thread-safe: one connection, one lock."""

    def __init__(self, path: Path, *, tables: str) -> None:
        """Open or create the file, for its owner alone, with these tables.

        Raises:
            UnavailableError: the folder cannot be written or the file is no database.
        """
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._db = sqlite3.connect(
                path, timeout=20, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_META + tables)
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(
                f"cannot open the node's state at {path}: {error}",
                remedy="check the folder's permissions and free space",
            ) from None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                self._roll_back()
                raise UnavailableError(
                    f"the node's state cannot be written: {error}",
                    remedy="free disk space; agents retry, so nothing acknowledged is lost",
                ) from error
            except BaseException:
                self._roll_back()
                raise

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise UnavailableError(
                    f"the node's state cannot be read: {error}",
                    remedy="check the disk; the node goes on when it can read again",
                ) from error

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    @property
    def epoch(self) -> str:
        """32 hex digits, made with the state folder."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (secrets.token_hex(16),))
            return str(db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0])

    def remember(self, name: str, value: str) -> None:
        """Keep one named value."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def recall(self, name: str) -> str | None:
        """A named value, or None if it was never kept."""
        with self._reading() as db:
            found = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def secret(self, name: str) -> bytes:
        """32 random bytes that are drawn once and never leave this host."""
        with self._transaction() as db:
            drawn = secrets.token_hex(32)
            db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (f"secret {name}", drawn))
            kept = db.execute("SELECT value FROM meta WHERE name = ?", (f"secret {name}",))
            return bytes.fromhex(kept.fetchone()[0])

    @contextmanager
    def _on_disk(self) -> Iterator[None]:
        """Let the commit inside return only when the disk has it."""
        with self._reading() as db:
            db.execute("PRAGMA synchronous=FULL")
            try:
                yield
            finally:
                with suppress(sqlite3.Error):
                    db.execute("PRAGMA synchronous=NORMAL")
