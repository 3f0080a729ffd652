"""What a memory log asks of the database that it lies in, and the tables it has there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

from mythos.errors import MemoryLogError, NotFoundError

FORMAT = 3
LOCK_WAIT_S = 20.0
PAGE = 1024  # rows that are in memory at a time
_AT_MOST_S: ContextVar[float] = ContextVar("lock_wait_s", default=math.inf)

TABLES = """
CREATE TABLE log (origin TEXT NOT NULL, format INTEGER NOT NULL)

CREATE TABLE entries (
    seq BIGINT PRIMARY KEY CHECK (seq >= 0),
    key_hash BLOB NOT NULL,
    entry BLOB NOT NULL,
    leaf BLOB NOT NULL CHECK (length(leaf) = 32))

CREATE INDEX entries_of_key ON entries (key_hash)

CREATE TABLE nodes (
    level INTEGER NOT NULL,
    place BIGINT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, place))

CREATE TABLE salts (
    seq BIGINT PRIMARY KEY REFERENCES entries,
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) = 32))

CREATE TABLE contents (seq BIGINT PRIMARY KEY REFERENCES salts, content BLOB NOT NULL)

CREATE TABLE pending (
    store TEXT NOT NULL,
    key TEXT NOT NULL,
    seq BIGINT NOT NULL UNIQUE REFERENCES entries,
    PRIMARY KEY (store, key))

CREATE TABLE checkpoints (size BIGINT PRIMARY KEY CHECK (size >= 0), note TEXT NOT NULL)
"""
"""Statements apart by a blank line. `entries` hold the leaves of the tree with their hashes,
`nodes` the hashes of complete subtrees above them."""


Rows = list[tuple[object, ...]]
Question = tuple[str, Sequence[object]]
NO_QUESTION: Question = ("SELECT 1", ())


def lock_wait_s() -> float:
    """Seconds to wait for another process's lock on a log that is opened now."""
    return min(LOCK_WAIT_S, _AT_MOST_S.get())


@contextmanager
def waiting_at_most(wait_s: float) -> Iterator[None]:
    """Wait no longer for the locks of logs that this thread opens in the block."""
    before = _AT_MOST_S.set(wait_s)
    try:
        yield
    finally:
        _AT_MOST_S.reset(before)


class Database(Protocol):
    """A connection to the tables of one log. Places of values in statements are `?`."""

    @property
    def leaf_message(self) -> str:
        """The column `entry` with the byte 0x00 before it, as this database writes that."""
        ...

    @property
    def lost(self) -> bool:
        """Whether it can be used no more, and is to be opened anew."""
        ...

    @property
    def read_only(self) -> str:
        """Why nothing can be written here, in words; empty where it can."""
        ...

    @property
    def misfiled(self) -> str:
        """That the column `key_hash` is not what `entry` says, as this database writes that."""
        ...

    def exists(self) -> bool:
        """Whether the tables are there."""
        ...

    def make_tables(self) -> None:
        """Make them, inside a transaction."""
        ...

    def transaction(self, question: Question = NO_QUESTION) -> AbstractContextManager[Rows]:
        """Hold the write lock; commit at the end, durable before it returns; undo on any error.

        Args:
            question: statement and values, which are read first under the lock; its rows are given.
        """
        ...

    def settling(self, question: Question = NO_QUESTION) -> AbstractContextManager[Rows]:
        """As `transaction`, but a power cut may undo it, and nothing that is durable before it."""
        ...

    def look_afresh(self) -> bool:
        """Forget what was read, if something beside this connection may have written since."""
        ...

    def scrub(self) -> None:
        """Leave nothing of what was deleted in files beside the database."""
        ...

    def all(self, statement: str, values: Sequence[object] = ()) -> Rows:
        """Run one statement, and return its rows."""
        ...

    def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement, which returns nothing, for each row of values.

        In a transaction it may run later: before the next that returns something, or at the end.
        """
        ...


def no_log(place: object) -> NotFoundError:
    """Say that there is no log at `place`."""
    return NotFoundError(
        f"no memory log at {place}",
        remedy="begin one with what is in the store now: `mythos memory baseline`",
    )


def unreadable(place: object, why: object) -> MemoryLogError:
    """Say that what lies at `place` cannot be read as a log."""
    return MemoryLogError(
        f"memory log {place} cannot be read: {why}",
        remedy="restore the log from a backup, or begin a new one from a new state folder",
    )


def refused_row(place: object, why: object) -> MemoryLogError:
    """Say that the tables at `place` do not take a row that every log takes."""
    return MemoryLogError(
        f"memory log {place} does not take a row: {why}",
        remedy="treat the log as altered: audit it, and restore it from before the change",
    )


def blob_of(value: object) -> bytes:
    """A cell that must hold bytes, whatever is in it."""
    if isinstance(value, bytes):
        return value
    raise _mistyped(value, "bytes")


def text_of(value: object) -> str:
    """A cell that must hold text, whatever is in it."""
    if isinstance(value, str):
        return value
    raise _mistyped(value, "text")


def _mistyped(value: object, wanted: str) -> MemoryLogError:
    return MemoryLogError(
        f"memory log holds {type(value).__name__} where {wanted} must stand",
        remedy="treat the log as altered: restore it from before the change",
    )
