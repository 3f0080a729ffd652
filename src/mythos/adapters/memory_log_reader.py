"""What a memory log says: reading the entries and what stands beside them.

Rows are not trusted to have the types they were written with: whoever can write the tables can
write anything. Such a one can also rewrite the whole log; only a checkpoint remembered elsewhere
shows that.
"""

from __future__ import annotations

from collections.abc import Iterator

from mythos.adapters.memory_log_database import FORMAT, PAGE, blob_of, text_of
from mythos.adapters.memory_log_kept import KeptReader
from mythos.adapters.memory_log_tree import StoredTree, require_leaf
from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.entry import is_content, parse_entry
from mythos.engines.memory.note import NoteVerifier, parse_note
from mythos.engines.memory.replay import LoggedRow
from mythos.engines.memory.tree import HashTree
from mythos.engines.memory.verified_notes import VerifiedNotes
from mythos.errors import MemoryLogError, NotFoundError
from mythos.values.memory import Checkpoint, MemoryEntry


class LogReader(KeptReader):
    """What can be read of one open log."""

    def exists(self) -> bool:
        """Tell whether `begin` has been called here.

        Raises:
            MemoryLogError: the log has another format.
        """
        if not self._database.exists():
            return False
        self.require_format()
        return True

    def require_format(self) -> None:
        """Refuse a log of another format.

        Raises:
            MemoryLogError: it has one.
        """
        found = self._one("SELECT format FROM log")
        if found != FORMAT:
            raise MemoryLogError(
                f"memory log has format {found}, this MythOS reads {FORMAT}",
                remedy="use the MythOS that wrote it, or begin a log anew: mythos memory baseline",
            )

    @property
    def read_only(self) -> str:
        """Why the log was opened to be read only; empty where it can be written."""
        return self._database.read_only

    @property
    def origin(self) -> str:
        """The log's name."""
        return text_of(self._one("SELECT origin FROM log"))

    @property
    def size(self) -> int:
        """Number of entries."""
        size = self._one("SELECT coalesce(max(seq) + 1, 0) FROM entries")
        return size if isinstance(size, int) else 0

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

    def require_filed(self) -> None:
        """Refuse a log whose entries are filed under keys that they do not name.

        Raises:
            MemoryLogError: an entry would not be found, or found for another key's.
        """
        statement = f"SELECT seq FROM entries WHERE {self._database.misfiled} LIMIT 1"  # noqa: S608 - no outsider's text
        if (found := self._one(statement)) is not None:
            raise MemoryLogError(
                f"entry {found} of the log is filed under another key than it names",
                remedy="treat the log as altered: restore it from before the change",
            )

    def newest(self, hashed: bytes) -> int | None:
        """Return the number of the newest entry about a key."""
        found = self._database.all("SELECT max(seq) FROM entries WHERE key_hash = ?", (hashed,))
        seq = found[0][0]
        return seq if isinstance(seq, int) else None

    def next(self, hashed: bytes, *, after: int | None) -> int | None:
        """Return the number of the first entry about a key after entry `after`; None: the first."""
        found = self._database.all(
            "SELECT min(seq) FROM entries WHERE key_hash = ? AND seq > ?",
            (hashed, -1 if after is None else after),
        )
        seq = found[0][0]
        return seq if isinstance(seq, int) else None

    def keys_written(self, start: int, end: int) -> tuple[int, int]:
        """Count the keys that entries from `start` to before `end` are about.

        Returns:
            How many, and how many of them older entries are about too.
        """
        found = self._database.all(
            "SELECT count(*), count(older) FROM (SELECT key_hash, (SELECT min(seq)"
            " FROM entries AS all_of WHERE all_of.key_hash = written.key_hash AND seq < ?) AS older"
            " FROM (SELECT DISTINCT key_hash FROM entries WHERE seq >= ? AND seq < ?) AS written)"
            " AS counted",
            (start, start, end),
        )
        written, known = found[0]
        return (written, known) if isinstance(written, int) and isinstance(known, int) else (0, 0)

    def newest_saying(
        self, hashed: bytes, content: bytes | None, *, trace_id: str
    ) -> MemoryEntry | None:
        """Return the newest entry about a key, if its run and what it says of it are these."""
        found = self._database.all(
            "SELECT seq, entry, leaf, salt FROM entries LEFT JOIN salts USING (seq)"
            " WHERE seq = (SELECT max(seq) FROM entries WHERE key_hash = ?)",
            (hashed,),
        )
        if not found:
            return None
        seq, raw, leaf, salt = found[0]
        entry = parse_entry(require_leaf(seq, raw, leaf))
        if entry.trace_id != trace_id or (entry.content_hash is None) != (content is None):
            return None
        same = content is None or (
            salt is not None and is_content(content, entry.content_hash, salt=blob_of(salt))
        )
        return entry if same else None

    def knows(self, store: str) -> bool:
        """Tell whether any entry is about `store`."""
        return any(entry.store == store for entry in self.entries())

    def entries(self, start: int = 0) -> Iterator[MemoryEntry]:
        """Yield the log from entry `start`, refusing an entry that differs from its leaf hash."""
        statement = "SELECT seq, entry, leaf FROM entries WHERE seq >= ? ORDER BY seq LIMIT ?"
        while found := self._database.all(statement, (start, PAGE)):
            for seq, raw, leaf in found:
                entry = parse_entry(require_leaf(seq, raw, leaf))
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
        return require_leaf(seq, *found[0])

    def leaves(self, start: int, end: int) -> tuple[bytes, ...]:
        """Return the stored leaf hashes of the entries from `start` to before `end`."""
        statement = "SELECT leaf FROM entries WHERE seq >= ? AND seq < ? ORDER BY seq"
        return tuple(blob_of(leaf) for (leaf,) in self._database.all(statement, (start, end)))

    def tree(self, size: int | None = None) -> HashTree:
        """Return the tree as it was at a size, or is now, from the stored hashes."""
        return StoredTree(self._database, self.size if size is None else size)

    def notes(self) -> list[str]:
        """Return the signed checkpoints, oldest first."""
        rows = self._database.all("SELECT note FROM checkpoints ORDER BY size")
        return [text_of(note) for (note,) in rows]

    def note(self, size: int | None = None) -> str:
        """Return the signed checkpoint of a size, of any the newest; empty where there is none."""
        if size is None:
            found = self._database.all("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")
        else:
            found = self._database.all("SELECT note FROM checkpoints WHERE size = ?", (size,))
        return text_of(found[0][0]) if found else ""

    def checkpoint(self, size: int | None = None) -> Checkpoint | None:
        """Return what the note of a size says, unverified; of any, the newest."""
        note = self.note(size)
        return parse_checkpoint(parse_note(note).text) if note else None

    def checkpoints(
        self, *verifiers: NoteVerifier, verified: VerifiedNotes | None = None
    ) -> list[Checkpoint]:
        """Return what was signed; given verifiers, refuse a note that none of them verifies.

        Those that are `verified` already are not verified again.
        """
        notes = self.notes()
        if verifiers:
            return (verified or VerifiedNotes()).verify(notes, *verifiers)
        return [parse_checkpoint(parse_note(note).text) for note in notes]

    def _one(self, statement: str) -> object:
        found = self._database.all(statement)
        return found[0][0] if found else None
