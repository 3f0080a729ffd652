"""The tree of a log in a database: its right edge, and single hashes where they are needed."""

from __future__ import annotations

from mythos.adapters.memory_log_database import Database, blob_of
from mythos.engines.memory.frontier import Frontier
from mythos.engines.memory.tree import HashTree
from mythos.errors import MemoryLogError

_EDGE = """
WITH RECURSIVE edge(level, n) AS (
    SELECT 0, coalesce(max(seq) + 1, 0) FROM entries
    UNION ALL SELECT level + 1, n / 2 FROM edge WHERE n > 1)
SELECT level, n, CASE
    WHEN n % 2 = 0 THEN NULL
    WHEN level = 0 THEN (SELECT leaf FROM entries WHERE seq = n - 1)
    ELSE (SELECT hash FROM nodes WHERE nodes.level = edge.level AND place = n - 1) END
FROM edge ORDER BY level
"""
"""For each level the number of its complete subtrees, and the last where it has no sibling."""


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
            raise _lost(level, place)
        return blob_of(found[0][0])


def stored_edge(database: Database) -> Frontier:
    """The right edge of the tree as it is now.

    Raises:
        MemoryLogError: a hash of it is not there.
    """
    levels = [(level, n, hashed) for level, n, hashed in database.all(_EDGE) if isinstance(n, int)]
    for level, n, hashed in levels:
        if n % 2 and hashed is None:
            raise _lost(level, n - 1)
    alone = [None if hashed is None else blob_of(hashed) for _, _, hashed in levels]
    return Frontier(levels[0][1], alone)


def _lost(level: object, place: int) -> MemoryLogError:
    return MemoryLogError(
        f"the log lost the hash at level {level}, place {place}",
        remedy="treat the log as altered: restore it from before the change",
    )
