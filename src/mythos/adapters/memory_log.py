"""A memory log in a database: entries, hashes, salts, contents and signed checkpoints.

Salts, key names and contents stand apart from the entries. They stay after a memory is deleted, so
that it can be restored, and go when it is *erased*: the log stays valid, and what it said can no
longer be guessed. *Pending* rows name changes that are logged and may not be in the store yet; a
later change of a key replaces its pending one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

from mythos.adapters.memory_log_database import (
    FORMAT,
    PAGE,
    Rows,
    no_log,
)
from mythos.adapters.memory_log_mark import NOTHING, RECENT, LogMark
from mythos.adapters.memory_log_pending import AT_ONCE, PendingChange, change_of, pending
from mythos.adapters.memory_log_postgresql import ServerLog, connect_server
from mythos.adapters.memory_log_reader import LogReader
from mythos.adapters.memory_log_sqlite import connect_file, connect_to_read
from mythos.adapters.memory_log_tree import stored_edge
from mythos.engines.memory.entry import (
    SALT_BYTES,
    MemoryWrite,
    entry_bytes,
    key_hashes,
    parse_entry,
)
from mythos.engines.memory.frontier import Frontier
from mythos.engines.memory.tree import leaf_hashes, leaf_message
from mythos.values.memory import MemoryEntry

LogPlace = Path | ServerLog
_IN_PLACE = {"accept"}  # what these log is in the store already


class MemoryLog(LogReader):
    """One open log. Methods that write, or that belong together, run inside `transaction()`."""

    mark: LogMark | None = None
    """What was seen of it: it must hold that to be written. None where nothing is remembered."""

    doubted = False
    """Whether all of that is to be found again, not the newest entry alone."""

    def remember(self) -> None:
        """See what it is now."""
        self.mark = LogMark.of(self._database.all(*NOTHING.question(RECENT)))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the write lock; commit at the end, roll back on any error.

        Raises:
            MemoryLogError: the log does not hold what was seen of it.
        """
        if (seen := self.mark) is None:
            with self._database.transaction():
                yield
            return
        self.doubted = self._database.look_afresh() or self.doubted
        n = RECENT if self.doubted else 1
        try:
            with self._database.transaction(seen.question(n)) as rows:
                self.mark = seen.grown(rows, n)
                self.doubted = False
                yield
        except BaseException:
            self.mark = seen
            raise

    @contextmanager
    def settling(self, store: str) -> Iterator[Iterator[PendingChange]]:
        """Hold the write lock to settle changes: if that is lost, they are settled once more.

        Yields:
            The changes, as `pending`.
        """
        with self._database.settling(pending(store)) as rows:
            yield self._changes(store, rows)

    @property
    def lost(self) -> bool:
        """Whether the log is to be opened anew."""
        return self._database.lost

    def begin(self, origin: str) -> None:
        """Make the tables and name the log."""
        self._database.make_tables()
        self._database.many("INSERT INTO log VALUES (?, ?)", [(origin, FORMAT)])

    def append(self, writes: Iterable[MemoryWrite], *, at: datetime) -> list[MemoryEntry]:
        """Log `writes` in order; those that change the store become pending."""
        return [parse_entry(raw) for page in self._pages(writes, at) for raw in page]

    def extend(self, writes: Iterable[MemoryWrite], *, at: datetime) -> int:
        """Log any number of writes, as `append`, and return how many they were."""
        return sum(len(page) for page in self._pages(writes, at))

    def _pages(self, writes: Iterable[MemoryWrite], at: datetime) -> Iterator[list[bytes]]:
        edge, waiting = self._edge(), iter(writes)
        while some := list(islice(waiting, PAGE)):
            salts = [secrets.token_bytes(SALT_BYTES) for _ in some]
            raws = [
                entry_bytes(write, seq=seq, salt=salt, at=at)
                for seq, (write, salt) in enumerate(zip(some, salts, strict=True), edge.size)
            ]
            leaves = leaf_hashes(map(leaf_message, raws))
            self._insert(edge.size, raws, leaves, list(zip(some, salts, strict=True)))
            self._grow(edge, leaves)
            yield raws

    def _edge(self) -> Frontier:
        if self.mark is None or self.mark.edge is None:
            return stored_edge(self._database)
        return self.mark.edge.copy()

    def erase(self, hashed: bytes) -> None:
        """Remove name, salts and contents of a key, of all its entries."""
        of_key = "seq IN (SELECT seq FROM entries WHERE key_hash = ?)"
        for table in ("contents", "salts"):
            self._database.many(f"DELETE FROM {table} WHERE {of_key}", [(hashed,)])  # noqa: S608

    def scrub(self) -> None:
        """Leave nothing of what was erased in files beside the log. In no transaction."""
        self._database.scrub()

    def pending(self, store: str) -> Iterator[PendingChange]:
        """Yield the changes to put in place in `store`, oldest first."""
        return self._changes(store, self._database.all(*pending(store)))

    def _changes(self, store: str, rows: Rows) -> Iterator[PendingChange]:
        while rows:
            yield from map(change_of, rows)
            last, full = rows[-1][0], len(rows) == AT_ONCE
            rows = self._database.all(*pending(store, after=last)) if full else []

    def settle_from(self, seq: int) -> None:
        """Forget that changes from number `seq` on are pending: they are in place."""
        self._database.many("DELETE FROM pending WHERE seq >= ?", [(seq,)])

    def settle(self, seq: int) -> None:
        """Forget that change `seq` is pending: it is in place."""
        self._database.many("DELETE FROM pending WHERE seq = ?", [(seq,)])

    def keep(self, size: int, note: str) -> None:
        """Store the signed checkpoint of `size`."""
        self._database.many(
            "INSERT INTO checkpoints VALUES (?, ?)"
            " ON CONFLICT (size) DO UPDATE SET note = excluded.note",
            [(size, note)],
        )

    def _insert(
        self,
        start: int,
        raws: list[bytes],
        leaves: list[bytes],
        writes: list[tuple[MemoryWrite, bytes]],
    ) -> None:
        many = self._database.many
        hashes = [key_hashes(write.store, [write.key])[0] for write, _ in writes]
        seqs = range(start, start + len(raws))
        rows = zip(seqs, hashes, raws, leaves, strict=True)
        many("INSERT INTO entries VALUES (?, ?, ?, ?)", rows)
        kept = [
            (seq, write.store, write.key, salt, write.content)
            for seq, (write, salt) in zip(seqs, writes, strict=True)
            if write.content is not None
        ]
        many("INSERT INTO salts VALUES (?, ?, ?, ?)", (row[:-1] for row in kept))
        many("INSERT INTO contents VALUES (?, ?)", ((row[0], row[-1]) for row in kept))
        last = {(write.store, write.key): seq for seq, (write, _) in zip(seqs, writes, strict=True)}
        in_place = {named for named, seq in last.items() if writes[seq - start][0].op in _IN_PLACE}
        many("DELETE FROM pending WHERE store = ? AND key = ?", in_place)
        many(
            "INSERT INTO pending VALUES (?, ?, ?)"
            " ON CONFLICT (store, key) DO UPDATE SET seq = excluded.seq",
            ((*named, seq) for named, seq in last.items() if named not in in_place),
        )

    def _grow(self, edge: Frontier, leaves: list[bytes]) -> None:
        """Store the complete subtrees above new leaves."""
        rows = [
            (level, place, hashed)
            for level, start, hashes in edge.grow(leaves)
            for place, hashed in enumerate(hashes, start)
        ]
        self._database.many("INSERT INTO nodes VALUES (?, ?, ?)", rows)
        if self.mark is not None:
            self.mark = self.mark.appended(leaves, edge)


@contextmanager
def create_log(place: LogPlace) -> Iterator[MemoryLog]:
    """Open a log, making what it lies in if that is not there; `begin` is the caller's."""
    if isinstance(place, ServerLog):
        with connect_server(place, create=True) as database:
            yield MemoryLog(database)
    else:
        with connect_file(place, mode="rwc") as database:
            yield MemoryLog(database)


@contextmanager
def open_to_read(place: LogPlace) -> Iterator[MemoryLog]:
    """Open a log that exists, also where it cannot be written: then it says why (`read_only`).

    Raises:
        As `open_log`; also UnavailableError: such a log was written while it was read.
    """
    if isinstance(place, ServerLog):
        with open_log(place) as log:
            yield log
    else:
        with connect_to_read(place) as database:
            yield _begun(MemoryLog(database), place)


@contextmanager
def open_log(place: LogPlace) -> Iterator[MemoryLog]:
    """Open a log that exists.

    Raises:
        NotFoundError: there is no file or schema, or no log in it.
        MemoryLogError: it is no database, or is damaged.
        UnavailableError: another process held the lock too long, or the server is not there.
    """
    if isinstance(place, ServerLog):
        with connect_server(place, create=False) as database:
            log = MemoryLog(database)
            log.require_format()
            yield log
    else:
        with connect_file(place, mode="rw") as database:
            yield _begun(MemoryLog(database), place)


def _begun(log: MemoryLog, place: Path) -> MemoryLog:
    if not log.exists():
        raise no_log(place)
    return log
