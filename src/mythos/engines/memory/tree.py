"""The Merkle tree of RFC 6962: append, roots of every past size, and proofs.

Leaves and inner nodes are hashed with different prefixes, so a node can never pass for a leaf.
Complete subtrees never change once filled; a log keeps only their hashes (two a leaf), and every
root and proof is assembled from O(log n) of them, wherever they lie.

Source: RFC 6962, section 2.1; RFC 9162, section 2.1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Self

from mythos.errors import MemoryLogError

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash an entry as a leaf: SHA-256 of 0x00 and the entry."""
    return sha256(leaf_message(data)).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees as their parent: SHA-256 of 0x01 and both hashes."""
    return sha256(b"\x01" + left + right).digest()


def leaf_message(data: bytes) -> bytes:
    """Return what is hashed for an entry: 0x00 and the entry."""
    return b"\x00" + data


def leaf_hashes(messages: Iterable[bytes]) -> list[bytes]:
    """Hash many leaves, each given as `leaf_message` writes it.

    Who reads entries from a database gets them with the byte before: to join it here would take a
    fifth of a rebuild.
    """
    sha = sha256  # a local name: this loop is half of a rebuild
    return [sha(message).digest() for message in messages]


def parents(hashes: Sequence[bytes]) -> list[bytes]:
    """Hash neighbours as pairs; an odd one at the end is left out."""
    one, found, begun = iter(hashes), [], sha256(b"\x01").copy
    for left, right in zip(one, one, strict=False):
        digest = begun()  # a seventh cheaper than a new hash of the joined texts
        digest.update(left)
        digest.update(right)
        found.append(digest.digest())
    return found


class HashTree(ABC):
    """Roots and proofs of every past size, from the hashes of complete subtrees."""

    __slots__ = ()

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of leaves."""

    @abstractmethod
    def node(self, level: int, place: int) -> bytes:
        """Return the root of the complete subtree of leaves [place, place + 1) * 2**level."""

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves (default: all); SHA-256 of nothing if 0."""
        size = self._known_size(size)
        return self._range_root(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """Prove that leaf `index` lies in the tree of the first `size` leaves.

        Returns:
            Sibling hashes from the leaf upwards, at most ceil(log2(size)); none for one leaf.

        Raises:
            MemoryLogError: `index` is not below `size`, or `size` is not in this log.

        Source: RFC 6962, section 2.1.1 (PATH).
        """
        size = self._known_size(size)
        if not 0 <= index < size:
            raise MemoryLogError(
                f"no leaf {index} in a tree of {size}",
                remedy="ask for an index below the size of the checkpoint",
            )
        start, end, path = 0, size, []
        while end - start > 1:
            middle = start + _split(end - start)
            if index < middle:
                path.append(self._range_root(middle, end))
                end = middle
            else:
                path.append(self._range_root(start, middle))
                start = middle
        return path[::-1]

    def consistency_proof(self, old: int, new: int | None = None) -> list[bytes]:
        """Prove that the tree of `old` leaves is a prefix of the tree of `new` leaves.

        Returns:
            Hashes for `proofs.verify_consistency`; none if the sizes are equal.

        Raises:
            MemoryLogError: not 0 < old <= new, or `new` is not in this log.

        Source: RFC 6962, section 2.1.2 (PROOF, SUBPROOF).
        """
        new = self._known_size(new)
        if not 0 < old <= new:
            raise MemoryLogError(
                f"no consistency proof from size {old} to {new}",
                remedy="ask from a size of at least 1 that is not above the newer one",
            )
        start, end, path = 0, new, []
        while old != end:
            middle = start + _split(end - start)
            if old <= middle:
                path.append(self._range_root(middle, end))
                end = middle
            else:
                path.append(self._range_root(start, middle))
                start = middle
        if start:  # the verifier knows the old root already, but not a subtree inside it
            path.append(self._range_root(start, end))
        return path[::-1]

    def _known_size(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise MemoryLogError(
                f"size {size} is not between 0 and {self.size}",
                remedy="use the log that the checkpoint came from, complete to that size",
            )
        return size

    def _range_root(self, start: int, end: int) -> bytes:
        """Root of leaves [start, end); the RFC's splits keep `start` aligned to the width."""
        width = end - start
        if width & (width - 1) == 0:
            level = width.bit_length() - 1
            return self.node(level, start >> level)
        middle = start + _split(width)
        return node_hash(self._range_root(start, middle), self._range_root(middle, end))


class MerkleLog(HashTree):
    """An append-only Merkle tree in memory.

    `_levels[k]` holds the hashes of the complete subtrees of 2**k leaves, from left to right.
    """

    __slots__ = ("_levels",)

    def __init__(self) -> None:
        """Start empty."""
        self._levels: list[list[bytes]] = [[]]

    @classmethod
    def of_hashes(cls, leaves: Iterable[bytes]) -> Self:
        """Build the log from leaf hashes, each 32 bytes."""
        log = cls()
        log.extend_hashes(list(leaves))
        return log

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def node(self, level: int, place: int) -> bytes:
        """The root of one complete subtree."""
        return self._levels[level][place]

    def append(self, data: bytes) -> int:
        """Add one entry and return its index."""
        return self.append_hash(leaf_hash(data))

    def extend(self, entries: Iterable[bytes]) -> int:
        """Add entries in order and return the new size."""
        self.extend_hashes(leaf_hashes(map(leaf_message, entries)))
        return self.size

    def append_hash(self, leaf: bytes) -> int:
        """Add one leaf by its hash and return its index."""
        self.extend_hashes([leaf])
        return self.size - 1

    def extend_hashes(self, leaves: Sequence[bytes]) -> None:
        """Add leaves by their hashes, in order."""
        require_hashes(leaves)
        level, added = 0, leaves
        while added:
            if level == len(self._levels):
                self._levels.append([])
            here = self._levels[level]
            n_paired = len(here) & ~1
            here.extend(added)
            added = parents(here[n_paired:])
            level += 1


def require_hashes(leaves: Sequence[bytes]) -> None:
    """Refuse leaf hashes that are not of 32 bytes."""
    for leaf in leaves:
        if len(leaf) != HASH_BYTES:
            raise MemoryLogError(
                f"leaf hash of {len(leaf)} bytes, expected {HASH_BYTES}",
                remedy="append the SHA-256 leaf hash, or the entry itself with append()",
            )


def _split(width: int) -> int:
    """Return the largest power of two below `width` (> 1)."""
    return 1 << ((width - 1).bit_length() - 1)
