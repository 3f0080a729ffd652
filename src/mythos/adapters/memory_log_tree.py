"""The tree of a log in a database, its hashes read one by one where they are needed."""

from __future__ import annotations

from mythos.adapters.memory_log_database import Database, blob_of
from mythos.engines.memory.tree import HashTree
from mythos.errors import MemoryLogError


class StoredTree(HashTree):
    """The tree of a log, its hashes read one by one where they are needed."""

    __slots__ = ("_database", "_size")

    def __init__(self, database: Database, size: int) -> None:
        self._database = database
        self._size = size

    @property
    def size(self) -> int:
        """Entries of the log when the tree was asked for."""
        return self._size

    def node(self, level: int, place: int) -> bytes:
        """Read one hash.

        Raises:
            MemoryLogError: it is not there.
        """
        if level == 0:
            found = self._database.all("SELECT leaf FROM entries WHERE seq = ?", (place,))
        else:
            found = self._database.all(
                "SELECT hash FROM nodes WHERE level = ? AND place = ?", (level, place)
            )
        if not found:
            raise MemoryLogError(
                f"the log lost the hash at level {level}, place {place}",
                remedy="treat the log as altered: restore it from before the change",
            )
        return blob_of(found[0][0])
