"""A memory log in a database: entries, hashes, salts, contents and signed checkpoints.

Salts, key names and contents stand apart from the entries. They stay after a memory is deleted, so
that it can be restored, and go when it is *erased*: the log stays valid, and what it said can no
longer be guessed. *Pending* rows name changes that are logged and may not be in the store yet; a
later change of a key replaces its pending one.

Rows are not trusted to have the types they were written with: whoever can write the tables can
write anything. Such a one can also rewrite the whole log; only a checkpoint remembered elsewhere
shows that.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from mythos.adapters.memory_log_database import FORMAT, Database, blob_of, no_log, text_of
from mythos.adapters.memory_log_postgresql import ServerLog, connect_server
from mythos.adapters.memory_log_sqlite import connect_file
from mythos.adapters.memory_log_tree import StoredTree
from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.entry import (
    SALT_BYTES,
    MemoryWrite,
    entry_bytes,
    key_hashes,
    parse_entry,
)
from mythos.engines.memory.note import (
    NoteVerifier,
    parse_note,
    verify_note,
)
from mythos.engines.memory.replay import LoggedRow, differs_from_leaf
from mythos.engines.memory.tree import HashTree, leaf_hash, leaf_hashes, leaf_message, parents
from mythos.errors import MemoryLogError, NotFoundError
from mythos.values.memory import Checkpoint, MemoryEntry

LogPlace = Path | ServerLog
PAGE = 1024
_IN_PLACE = {"accept"}  # what these log is in the store already


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A logged change that may not have reached the store yet; `content` None removes the key."""

    entry: MemoryEntry
    key: str
    content: bytes | None
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands beside an entry, until it is erased: enough to check it, and to write it back."""

    store: str
    key: str
    salt: bytes
    content: bytes | None


class MemoryLog:
    """One open log. Methods that write, or that belong together, run inside `transaction()`."""

    def __init__(self, database: Database) -> None:
        """Wrap a database of `open_log` or `create_log`."""
        self._database = database

    def transaction(self) -> AbstractContextManager[None]:
        """Hold the write lock; commit at the end, roll back on any error."""
        return self._database.transaction()

    def exists(self) -> bool:
        """Tell whether `begin` has been called here.

        Raises:
            MemoryLogError: the log has another format.
        """
        if not self._database.exists():
            return False
        found = self._one("SELECT format FROM log")
        if found != FORMAT:
            raise MemoryLogError(
                f"memory log has format {found}, this MythOS reads {FORMAT}",
                remedy="use the MythOS that wrote it",
            )
        return True

    def begin(self, origin: str) -> None:
        """Make the tables and name the log."""
        self._database.make_tables()
        self._database.all("INSERT INTO log VALUES (?, ?)", (origin, FORMAT))

    @property
    def origin(self) -> str:
        """The log's name."""
        return text_of(self._one("SELECT origin FROM log"))

    @property
    def size(self) -> int:
        """Number of entries."""
        size = self._one("SELECT coalesce(max(seq) + 1, 0) FROM entries")
        return size if isinstance(size, int) else 0

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

    def rows(self, start: int = 0) -> Iterator[list[LoggedRow]]:
        """Yield the log from entry `start`, a page at a time, with the salts beside it."""
        statement = (
            f"SELECT seq, {self._database.leaf_message}, leaf, salt"  # noqa: S608 - no outsider's text
            " FROM entries LEFT JOIN salts USING (seq) WHERE seq >= ? ORDER BY seq LIMIT ?"
        )
        while found := self._database.all(statement, (start, PAGE)):
            yield [
                LoggedRow(blob_of(message), blob_of(leaf), None if salt is None else blob_of(salt))
                for _, message, leaf, salt in found
            ]
            last = found[-1][0]
            start = (last if isinstance(last, int) else start) + 1

    def newest(self, hashed: bytes) -> int | None:
        """Return the number of the newest entry about a key."""
        found = self._database.all("SELECT max(seq) FROM entries WHERE key_hash = ?", (hashed,))
        seq = found[0][0]
        return seq if isinstance(seq, int) else None

    def knows(self, store: str) -> bool:
        """Tell whether any entry is about `store`."""
        return any(entry.store == store for entry in self.entries())

    def name_of(self, hashed: bytes) -> str | None:
        """Return the key with this hash, unless it was erased."""
        found = self._database.all(
            "SELECT key FROM salts JOIN entries USING (seq) WHERE key_hash = ? LIMIT 1", (hashed,)
        )
        return text_of(found[0][0]) if found else None

    def entries(self) -> Iterator[MemoryEntry]:
        """Yield the log from entry 0, refusing an entry that differs from its leaf hash."""
        statement = "SELECT seq, entry, leaf FROM entries WHERE seq >= ? ORDER BY seq LIMIT ?"
        start = 0
        while found := self._database.all(statement, (start, PAGE)):
            for seq, raw, leaf in found:
                entry = parse_entry(_require_leaf(seq, raw, leaf))
                if entry.seq != start:
                    raise MemoryLogError(
                        f"entry {start} of the log says it is number {entry.seq}",
                        remedy="treat the log as altered: an entry was removed, added or moved",
                    )
                yield entry
                start += 1

    def entry(self, seq: int) -> MemoryEntry:
        """Return one entry, refusing one that differs from its leaf hash.

        Raises:
            NotFoundError: the log has no entry of this number.
        """
        return parse_entry(self.raw_entry(seq))

    def raw_entry(self, seq: int) -> bytes:
        """Return the canonical bytes of one entry."""
        found = self._database.all("SELECT entry, leaf FROM entries WHERE seq = ?", (seq,))
        if not found:
            raise NotFoundError(
                f"the log has no entry {seq}", remedy=f"name one from 0 to {self.size - 1}"
            )
        return _require_leaf(seq, *found[0])

    def tree(self) -> HashTree:
        """Return the tree as it is now, from the stored hashes."""
        return StoredTree(self._database, self.size)

    def keys(self, store: str) -> list[str]:
        """Return the names of the keys of `store` that were not erased."""
        statement = "SELECT DISTINCT key FROM salts WHERE store = ?"
        return [text_of(key) for (key,) in self._database.all(statement, (store,))]

    def kept(self, seq: int) -> Kept | None:
        """Return what stands beside entry `seq`; None where it had no content or was erased."""
        found = self._database.all(
            "SELECT store, key, salt, content FROM salts LEFT JOIN contents USING (seq)"
            " WHERE seq = ?",
            (seq,),
        )
        if not found:
            return None
        store, key, salt, content = found[0]
        return Kept(
            text_of(store),
            text_of(key),
            blob_of(salt),
            None if content is None else blob_of(content),
        )

    def erase(self, hashed: bytes) -> None:
        """Remove name, salts and contents of a key, of all its entries."""
        of_key = "seq IN (SELECT seq FROM entries WHERE key_hash = ?)"
        for table in ("contents", "salts"):
            self._database.all(f"DELETE FROM {table} WHERE {of_key}", (hashed,))  # noqa: S608

    def pending(self, store: str) -> Iterator[PendingChange]:
        """Yield the changes to put in place in `store`, oldest first."""
        seqs = self._database.all("SELECT seq FROM pending WHERE store = ? ORDER BY seq", (store,))
        for (seq,) in seqs:
            ((raw, key, content, salt),) = self._database.all(
                "SELECT entry, pending.key, content, salt FROM pending JOIN entries USING (seq)"
                " LEFT JOIN salts USING (seq) LEFT JOIN contents USING (seq) WHERE seq = ?",
                (seq,),
            )
            yield PendingChange(
                entry=parse_entry(blob_of(raw)),
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

    def notes(self) -> list[str]:
        """Return the signed checkpoints, oldest first."""
        rows = self._database.all("SELECT note FROM checkpoints ORDER BY size")
        return [text_of(note) for (note,) in rows]

    def checkpoints(self, *verifiers: NoteVerifier) -> list[Checkpoint]:
        """Return what was signed; given verifiers, refuse a note that none of them verifies."""
        notes = self.notes()
        read = [verify_note(note, *verifiers) if verifiers else parse_note(note) for note in notes]
        return [parse_checkpoint(note.text) for note in read]

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

    def _one(self, statement: str) -> object:
        found = self._database.all(statement)
        return found[0][0] if found else None


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


def _require_leaf(seq: object, raw: object, leaf: object) -> bytes:
    if leaf_hash(blob_of(raw)) != leaf:
        raise differs_from_leaf(seq)
    return blob_of(raw)
