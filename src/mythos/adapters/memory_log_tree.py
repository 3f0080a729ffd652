"""The tree of a log in a database: its right edge, and the hashes that roots and proofs need."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from mythos.adapters.memory_log_database import Database, blob_of
from mythos.engines.memory.frontier import Frontier
from mythos.engines.memory.replay import differs_from_leaf
from mythos.engines.memory.tree import HashTree, leaf_hash
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
    """The tree of a log, of which a root or a proof reads at once what it needs."""

    __slots__ = ("_database", "_read", "_size")

    def __init__(self, database: Database, size: int) -> None:
        self._database = database
        self._size = size
        self._read: dict[tuple[int, int], bytes] = {}

    @property
    def size(self) -> int:
        """Entries of the log when the tree was asked for."""
        return self._size

    def root(self, size: int | None = None) -> bytes:
        """As of any tree."""
        self._read_beside([self._size if size is None else size])
        return super().root(size)

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """As of any tree."""
        self._read_beside([index, self._size if size is None else size])
        return super().inclusion_proof(index, size)

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """As of any tree."""
        self._read_beside([old - 1, old, self._size if new is None else new])
        return super().consistency_proof(old, new)

    def node(self, level: int, place: int) -> bytes:
        """One hash, read where that was not done before.

        Raises:
            MemoryLogError: it is not there.
        """
        if (level, place) not in self._read:
            self._read_all([(level, place)])
        if (found := self._read.get((level, place))) is None:
            raise _lost(level, place)
        return found

    def _read_beside(self, leaves: Sequence[int]) -> None:
        """Read some leaves and, up from each, the complete subtrees beside its path to the root."""
        beside = {(0, leaf) for leaf in leaves} | {
            (level, (leaf >> level) ^ 1)
            for leaf in leaves
            for level in range(self._size.bit_length())
        }
        complete = ((level, at) for level, at in beside if 0 <= at < self._size >> level)
        self._read_all([one for one in complete if one not in self._read])

    def _read_all(self, wanted: list[tuple[int, int]]) -> None:
        leaves = [place for level, place in wanted if level == 0]
        nodes = [one for one in wanted if one[0] > 0]
        asked = []
        if leaves:
            asked.append(f"SELECT 0, seq, leaf FROM entries WHERE seq IN ({_places(leaves, '?')})")  # noqa: S608 - no outsider's text
        if nodes:
            asked.append(
                f"SELECT level, place, hash FROM (VALUES {_places(nodes, '(?, ?)')}) AS wanted"  # noqa: S608 - as above
                " JOIN nodes ON level = column1 AND place = column2"
            )
        if asked:
            values = [*leaves, *(part for one in nodes for part in one)]
            for level, place, hashed in self._database.all(" UNION ALL ".join(asked), values):
                if isinstance(level, int) and isinstance(place, int):
                    self._read[level, place] = blob_of(hashed)


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


def require_leaf(seq: object, raw: object, leaf: object) -> bytes:
    """The bytes of an entry, refusing one that differs from its leaf hash."""
    if leaf_hash(blob_of(raw)) != leaf:
        raise differs_from_leaf(seq)
    return blob_of(raw)


def _places(values: Sized, place: str) -> str:
    return ", ".join([place] * len(values))


def _lost(level: object, place: int) -> MemoryLogError:
    return MemoryLogError(
        f"the log lost the hash at level {level}, place {place}",
        remedy="treat the log as altered: restore it from before the change",
    )
