"""A memory log in a database: entries, hashes, salts, contents and signed checkpoints.

Salts, key names and contents stand apart from the entries. They stay after a memory is deleted, so
that it can be restored, and go when it is *erased*: the log stays valid, and what it said can no
longer be guessed. *Pending* rows name changes that are logged and may not be in the store yet; a
later change of a key replaces its pending one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from mythos.adapters.memory_log_database import FORMAT, PAGE, blob_of, no_log, text_of
from mythos.adapters.memory_log_postgresql import ServerLog, connect_server
from mythos.adapters.memory_log_reader import LogReader, require_leaf
from mythos.adapters.memory_log_sqlite import connect_file
from mythos.adapters.memory_log_tree import StoredTree
from mythos.engines.memory.entry import (
    SALT_BYTES,
    MemoryWrite,
    entry_bytes,
    key_hashes,
    parse_entry,
)
from mythos.engines.memory.tree import leaf_hashes, leaf_message, parents
from mythos.errors import MemoryLogError
from mythos.values.memory import MemoryEntry

LogPlace = Path | ServerLog
_IN_PLACE = {"accept"}  # what these log is in the store already


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A logged change that may not have reached the store yet; `content` None removes the key."""

    entry: MemoryEntry
    key: str
    content: bytes | None
    salt: bytes | None


class MemoryLog(LogReader):
    """One open log. Methods that write, or that belong together, run inside `transaction()`."""

    def transaction(self) -> AbstractContextManager[None]:
        """Hold the write lock; commit at the end, roll back on any error."""
        return self._database.transaction()

    def settling(self) -> AbstractContextManager[None]:
        """Hold the write lock to settle changes: if that is lost, they are settled once more."""
        return self._database.settling()

    @property
    def lost(self) -> bool:
        """Whether the log is to be opened anew."""
        return self._database.lost

    def look_afresh(self) -> bool:
        """Read anew what may have been overwritten since the last call; tell whether it may."""
        return self._database.look_afresh()

    def begin(self, origin: str) -> None:
        """Make the tables and name the log."""
        self._database.make_tables()
        self._database.all("INSERT INTO log VALUES (?, ?)", (origin, FORMAT))

    def append(self, writes: Iterable[MemoryWrite], *, at: datetime) -> list[MemoryEntry]:
        """Log `writes` in order; those that change the store become pending."""
        return [parse_entry(raw) for page in self._pages(writes, at) for raw in page]

    def extend(self, writes: Iterable[MemoryWrite], *, at: datetime) -> int:
        """Log any number of writes, as `append`, and return how many they were."""
        return sum(len(page) for page in self._pages(writes, at))

    def _pages(self, writes: Iterable[MemoryWrite], at: datetime) -> Iterator[list[bytes]]:
        start, waiting = self.size, iter(writes)
        while some := list(islice(waiting, PAGE)):
            salts = [secrets.token_bytes(SALT_BYTES) for _ in some]
            raws = [
                entry_bytes(write, seq=seq, salt=salt, at=at)
                for seq, (write, salt) in enumerate(zip(some, salts, strict=True), start)
            ]
            self._insert(start, raws, some, salts)
            yield raws
            start += len(some)

    def erase(self, hashed: bytes) -> None:
        """Remove name, salts and contents of a key, of all its entries."""
        of_key = "seq IN (SELECT seq FROM entries WHERE key_hash = ?)"
        for table in ("contents", "salts"):
            self._database.all(f"DELETE FROM {table} WHERE {of_key}", (hashed,))  # noqa: S608

    def scrub(self) -> None:
        """Leave nothing of what was erased in files beside the log. In no transaction."""
        self._database.scrub()

    def pending(self, store: str) -> Iterator[PendingChange]:
        """Yield the changes to put in place in `store`, oldest first."""
        seqs = self._database.all("SELECT seq FROM pending WHERE store = ? ORDER BY seq", (store,))
        for (seq,) in seqs:
            found = self._database.all(
                "SELECT entry, leaf, pending.key, content, salt FROM pending"
                " JOIN entries USING (seq)"
                " LEFT JOIN salts USING (seq) LEFT JOIN contents USING (seq) WHERE seq = ?",
                (seq,),
            )
            if not found:
                raise MemoryLogError(
                    f"change {seq} is listed as pending, and the log has no such entry",
                    remedy="treat the log as altered: restore it from before the change",
                )
            raw, leaf, key, content, salt = found[0]
            yield PendingChange(
                entry=parse_entry(require_leaf(seq, raw, leaf)),
                key=text_of(key),
                content=None if content is None else blob_of(content),
                salt=None if salt is None else blob_of(salt),
            )

    def settle_from(self, seq: int) -> None:
        """Forget that changes from number `seq` on are pending: they are in place."""
        self._database.all("DELETE FROM pending WHERE seq >= ?", (seq,))

    def settle(self, seq: int) -> None:
        """Forget that change `seq` is pending: it is in place."""
        self._database.all("DELETE FROM pending WHERE seq = ?", (seq,))

    def keep(self, size: int, note: str) -> None:
        """Store the signed checkpoint of `size`."""
        self._database.all(
            "INSERT INTO checkpoints VALUES (?, ?)"
            " ON CONFLICT (size) DO UPDATE SET note = excluded.note",
            (size, note),
        )

    def _insert(
        self, start: int, raws: list[bytes], writes: list[MemoryWrite], salts: list[bytes]
    ) -> None:
        leaves = leaf_hashes(map(leaf_message, raws))
        many = self._database.many
        seqs = range(start, start + len(raws))
        hashes = [key_hashes(write.store, [write.key])[0] for write in writes]
        rows = zip(seqs, hashes, raws, leaves, strict=True)
        many("INSERT INTO entries VALUES (?, ?, ?, ?)", rows)
        self._grow(start, leaves)
        kept = [
            (seq, write.store, write.key, salt, write.content)
            for seq, write, salt in zip(seqs, writes, salts, strict=True)
            if write.content is not None
        ]
        many("INSERT INTO salts VALUES (?, ?, ?, ?)", (row[:-1] for row in kept))
        many("INSERT INTO contents VALUES (?, ?)", ((row[0], row[-1]) for row in kept))
        last = {(write.store, write.key): seq for seq, write in zip(seqs, writes, strict=True)}
        many("DELETE FROM pending WHERE store = ? AND key = ?", last)
        many(
            "INSERT INTO pending VALUES (?, ?, ?)",
            (
                (*named, seq)
                for named, seq in last.items()
                if writes[seq - start].op not in _IN_PLACE
            ),
        )

    def _grow(self, place: int, hashes: list[bytes]) -> None:
        """Store the complete subtrees above new leaves, of which `place` is the first's."""
        tree, level = StoredTree(self._database, place + len(hashes)), 0
        while hashes:
            if place % 2:
                hashes = [tree.node(level, place - 1), *hashes]
            hashes, place, level = parents(hashes), place // 2, level + 1
            rows = [(level, at, hashed) for at, hashed in enumerate(hashes, place)]
            self._database.many("INSERT INTO nodes VALUES (?, ?, ?)", rows)


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
def open_log(place: LogPlace) -> Iterator[MemoryLog]:
    """Open a log that exists.

    Raises:
        NotFoundError: there is no file or schema, or no log in it.
        MemoryLogError: it is no database, or is damaged.
        UnavailableError: another process held the lock too long, or the server is not there.
    """
    if isinstance(place, ServerLog):
        with connect_server(place, create=False) as database:
            yield _begun(MemoryLog(database), place)
    else:
        with connect_file(place, mode="rw") as database:
            yield _begun(MemoryLog(database), place)


def _begun(log: MemoryLog, place: LogPlace) -> MemoryLog:
    if not log.exists():
        raise no_log(place)
    return log
