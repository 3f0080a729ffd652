"""The frontier of a growing tree: its root at every size it passes, in O(log n) memory.

It is the right edge of a Merkle tree: for each level the one complete subtree that has no sibling
yet, as in a binary counter. Whoever only checks a log needs no more.

Source: RFC 9162, section 2.1.2 (the stack of complete subtrees).
"""

from __future__ import annotations

from collections.abc import Sequence

from mythos.engines.memory.tree import EMPTY_ROOT, node_hash, parents


class Frontier:
    """A tree that remembers its right edge only."""

    __slots__ = ("_alone", "size")

    def __init__(self) -> None:
        """Start empty."""
        self._alone: list[bytes | None] = []
        self.size = 0

    def extend_hashes(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes in order, each 32 bytes."""
        self.size += len(leaves)
        level, hashes = 0, list(leaves)
        while hashes:
            if level == len(self._alone):
                self._alone.append(None)
            if (alone := self._alone[level]) is not None:
                hashes.insert(0, alone)
            self._alone[level] = hashes[-1] if len(hashes) % 2 else None
            hashes = parents(hashes)
            level += 1

    def root(self) -> bytes:
        """The root of all leaves so far; SHA-256 of nothing if there are none."""
        root: bytes | None = None
        for alone in self._alone:
            if alone is not None:
                root = alone if root is None else node_hash(alone, root)
        return EMPTY_ROOT if root is None else root
