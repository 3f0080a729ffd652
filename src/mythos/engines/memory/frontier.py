"""The frontier of a growing tree: its root at every size it passes, in O(log n) memory.

It is the right edge of a Merkle tree: for each level the one complete subtree that has no sibling
yet, as in a binary counter. Whoever only checks a log needs no more.

Source: RFC 9162, section 2.1.2 (the stack of complete subtrees).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self

from mythos.engines.memory.tree import EMPTY_ROOT, node_hash, parents


class Frontier:
    """A tree that remembers its right edge only."""

    __slots__ = ("_alone", "size")

    def __init__(self, size: int = 0, alone: Sequence[bytes | None] = ()) -> None:
        """Start with the edge of a tree of `size` leaves: by level, the subtree without a sibling.

        Without any, start empty.
        """
        self._alone = list(alone)
        self.size = size

    def copy(self) -> Self:
        """Another of the same size, which grows by itself."""
        return type(self)(self.size, self._alone)

    def extend_hashes(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes in order, each 32 bytes."""
        for _ in self.grow(leaves):
            pass

    def grow(self, leaves: Sequence[bytes]) -> Iterator[tuple[int, int, list[bytes]]]:
        """Add leaf hashes as `extend_hashes`, and yield the complete subtrees that they make.

        Yields:
            Level (1: above two leaves), place of the first in its level, and hashes in order.
        """
        place, level, hashes = self.size, 0, list(leaves)
        self.size += len(leaves)
        while hashes:
            if level == len(self._alone):
                self._alone.append(None)
            if (alone := self._alone[level]) is not None:
                hashes.insert(0, alone)
            self._alone[level] = hashes[-1] if len(hashes) % 2 else None
            hashes = parents(hashes)
            place, level = place // 2, level + 1
            if hashes:
                yield level, place, hashes

    def root(self) -> bytes:
        """The root of all leaves so far; SHA-256 of nothing if there are none."""
        root: bytes | None = None
        for alone in self._alone:
            if alone is not None:
                root = alone if root is None else node_hash(alone, root)
        return EMPTY_ROOT if root is None else root
