"""A memory log in one SQLite file: entries, leaf hashes, salts and signed checkpoints.

Salts, key names and contents stand apart from the entries. They stay after a memory is deleted, so
that it can be restored, and go when it is *erased*: the log stays valid, and what it said can no
longer be guessed. *Pending* rows name changes that are logged and may not be in the store yet; a
later change of a key replaces its pending one.

Rows are not trusted to have the types they were written with: whoever can write this file can
write anything. Such a one can also rewrite the whole log; only a checkpoint remembered elsewhere
shows that.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_log_file import FORMAT, connect, make_tables, no_log, write_lock
from mythos.engines.memory.checkpoint import checkpoint_text, parse_checkpoint, require_extends
from mythos.engines.memory.entry import SALT_BYTES, MemoryWrite, entry_of, parse_entry
from mythos.engines.memory.note import (
    NoteSigner,
    NoteVerifier,
    parse_note,
    sign_note,
    verify_note,
)
from mythos.engines.memory.tree import MerkleLog, leaf_hash
from mythos.errors import MemoryLogError, NotFoundError
from mythos.values.memory import Checkpoint, MemoryEntry


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


class SqliteMemoryLog:
    """One open log. Methods that write, or that belong together, run inside `transaction()`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Wrap a connection of `open_log` or `create_log`."""
        self._connection = connection

    def transaction(self) -> AbstractContextManager[None]:
        """Hold the write lock; commit at the end, roll back on any error."""
        return write_lock(self._connection)

    def exists(self) -> bool:
        """Tell whether `begin` has been called on this file."""
        version = self._one("PRAGMA user_version")
        if version not in {0, FORMAT}:
            raise MemoryLogError(
                f"memory log has format {version}, this MythOS reads {FORMAT}",
                remedy="use the MythOS that wrote it, or a newer one",
            )
        return bool(version)

    def begin(self, origin: str) -> None:
        """Make the tables and name the log."""
        make_tables(self._connection)
        self._connection.execute("INSERT INTO log VALUES (?)", (origin,))

    @property
    def origin(self) -> str:
        """The log's name."""
        return _text(self._one("SELECT origin FROM log"))

    @property
    def size(self) -> int:
        """Number of entries."""
        size = self._one("SELECT coalesce(max(seq) + 1, 0) FROM entries")
        return size if isinstance(size, int) else 0

    def append(self, writes: Iterable[MemoryWrite], *, at: datetime) -> list[MemoryEntry]:
        """Log `writes` in order; those that change the store become pending."""
        appended = []
        for seq, write in enumerate(writes, start=self.size):
            salt = secrets.token_bytes(SALT_BYTES)
            entry = entry_of(write, seq=seq, salt=salt, at=at)
            self._insert(entry, write, salt)
            appended.append(entry)
        return appended

    def entries(self) -> Iterator[MemoryEntry]:
        """Yield the log from entry 0, refusing an entry that differs from its leaf hash."""
        for seq, raw, leaf in self._all("SELECT seq, entry, leaf FROM entries ORDER BY seq"):
            yield parse_entry(_require_leaf(seq, raw, leaf))

    def entry(self, seq: int) -> MemoryEntry:
        """Return one entry, refusing one that differs from its leaf hash.

        Raises:
            NotFoundError: the log has no entry of this number.
        """
        return parse_entry(self.raw_entry(seq))

    def raw_entry(self, seq: int) -> bytes:
        """Return the canonical bytes of one entry."""
        row = self._connection.execute(
            "SELECT entry, leaf FROM entries WHERE seq = ?", (seq,)
        ).fetchone()
        if row is None:
            raise NotFoundError(
                f"the log has no entry {seq}", remedy=f"name one from 0 to {self.size - 1}"
            )
        return _require_leaf(seq, *row)

    def tree(self) -> MerkleLog:
        """Return the tree over the stored leaf hashes."""
        leaves = self._all("SELECT leaf FROM entries ORDER BY seq")
        return MerkleLog.of_hashes(_blob(leaf) for (leaf,) in leaves)

    def salts(self) -> dict[str, bytes]:
        """Return key hash → salt of the key's last logged content."""
        rows = self._all("SELECT key_hash, salt FROM salts ORDER BY seq")
        return {_text(hashed): _blob(salt) for hashed, salt in rows}

    def keys(self, store: str) -> list[str]:
        """Return the names of the keys of `store` that were not erased."""
        statement = "SELECT DISTINCT key FROM salts WHERE store = ?"
        return [_text(key) for (key,) in self._connection.execute(statement, (store,))]

    def kept(self, seq: int) -> Kept | None:
        """Return what stands beside entry `seq`; None where it had no content or was erased."""
        row = self._connection.execute(
            "SELECT store, key, salt, content FROM salts LEFT JOIN contents USING (seq)"
            " WHERE seq = ?",
            (seq,),
        ).fetchone()
        if row is None:
            return None
        store, key, salt, content = row
        return Kept(
            _text(store), _text(key), _blob(salt), None if content is None else _blob(content)
        )

    def erase(self, hashed: str) -> None:
        """Remove name, salts and contents of a key, of all its entries."""
        of_key = "SELECT seq FROM salts WHERE key_hash = ?"
        self._connection.execute(f"DELETE FROM contents WHERE seq IN ({of_key})", (hashed,))  # noqa: S608
        self._connection.execute("DELETE FROM salts WHERE key_hash = ?", (hashed,))

    def pending(self, store: str) -> Iterator[PendingChange]:
        """Yield the changes to put in place in `store`, oldest first."""
        seqs = self._connection.execute(
            "SELECT seq FROM pending WHERE store = ? ORDER BY seq", (store,)
        ).fetchall()
        for (seq,) in seqs:
            row = self._connection.execute(
                "SELECT entry, pending.key, content, salt FROM pending JOIN entries USING (seq)"
                " LEFT JOIN salts USING (seq) LEFT JOIN contents USING (seq) WHERE seq = ?",
                (seq,),
            ).fetchone()
            raw, key, content, salt = row
            yield PendingChange(
                entry=parse_entry(_blob(raw)),
                key=_text(key),
                content=None if content is None else _blob(content),
                salt=None if salt is None else _blob(salt),
            )

    def settle(self, seq: int) -> None:
        """Forget that change `seq` is pending: it is in place."""
        self._connection.execute("DELETE FROM pending WHERE seq = ?", (seq,))

    def notes(self) -> list[str]:
        """Return the signed checkpoints, oldest first."""
        rows = self._all("SELECT note FROM checkpoints ORDER BY size")
        return [_text(note) for (note,) in rows]

    def checkpoints(self, *verifiers: NoteVerifier) -> list[Checkpoint]:
        """Return what was signed; given verifiers, refuse a note that none of them verifies."""
        notes = self.notes()
        read = [verify_note(note, *verifiers) if verifiers else parse_note(note) for note in notes]
        return [parse_checkpoint(note.text) for note in read]

    def keep(self, size: int, note: str) -> None:
        """Store the signed checkpoint of `size`."""
        self._connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", (size, note))

    def _insert(self, entry: MemoryEntry, write: MemoryWrite, salt: bytes) -> None:
        raw = entry.canonical()
        run = self._connection.execute
        run("INSERT INTO entries VALUES (?, ?, ?)", (entry.seq, raw, leaf_hash(raw)))
        if write.content is not None:
            named = (entry.seq, write.store, write.key, entry.key_hash, salt)
            run("INSERT INTO salts VALUES (?, ?, ?, ?, ?)", named)
            run("INSERT INTO contents VALUES (?, ?)", (entry.seq, write.content))
        run("DELETE FROM pending WHERE store = ? AND key = ?", (write.store, write.key))
        if entry.op != "accept":
            run("INSERT INTO pending VALUES (?, ?, ?)", (write.store, write.key, entry.seq))

    def _all(self, statement: str) -> sqlite3.Cursor:
        return self._connection.execute(statement)

    def _one(self, statement: str) -> object:
        row = self._connection.execute(statement).fetchone()
        return row[0] if row else None


@contextmanager
def create_log(path: Path) -> Iterator[SqliteMemoryLog]:
    """Open the file of a log, making it if it is not there; `begin` is the caller's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with connect(path, mode="rwc") as connection:
        yield SqliteMemoryLog(connection)


@contextmanager
def open_log(path: Path) -> Iterator[SqliteMemoryLog]:
    """Open a log that exists.

    Raises:
        NotFoundError: there is no file, or no log in it.
        MemoryLogError: the file is no SQLite database, or is damaged.
        UnavailableError: another process held the lock too long.
    """
    with connect(path, mode="rw") as connection:
        log = SqliteMemoryLog(connection)
        if not log.exists():
            raise no_log(path)
        yield log


def checkpoint(log_path: Path, key: Ed25519PrivateKey) -> str:
    """Sign what the log is now, keep the note in the log and return it.

    The key's name on the note is the log's origin. A log that no longer extends its last signed
    checkpoint is not signed: that would make the node attest a rewritten history.

    Raises:
        NotFoundError: no log.
        MemoryLogError: the log does not extend what was signed before.
    """
    with open_log(log_path) as log, log.transaction():
        origin, tree = log.origin, log.tree()
        for known in log.checkpoints()[-1:]:
            require_extends(tree, known, origin=origin)
        text = checkpoint_text(origin, tree.size, tree.root())
        note = sign_note(text, NoteSigner(origin, key))
        log.keep(tree.size, note)
    return note


def _require_leaf(seq: object, raw: object, leaf: object) -> bytes:
    if leaf_hash(_blob(raw)) != leaf:
        raise MemoryLogError(
            f"entry {seq} of the log differs from its leaf hash",
            remedy="treat the log as altered: restore it from before the change",
        )
    return _blob(raw)


def _blob(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    raise _mistyped(value, "bytes")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _mistyped(value, "text")


def _mistyped(value: object, wanted: str) -> MemoryLogError:
    return MemoryLogError(
        f"memory log holds {type(value).__name__} where {wanted} must stand",
        remedy="treat the log as altered: restore it from before the change",
    )
