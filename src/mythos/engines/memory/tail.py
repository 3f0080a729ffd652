"""The tail of a log: its newest entries, with enough of the tree to prove each of them.

Whoever keeps a tail and the signed checkpoint at its end can show which entry stands where, and
write a proof of it, without the log. The edge of the entries before it suffices for that: a proof
of an entry passes to the left of the tail only by complete subtrees that end there.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from hmac import compare_digest

from mythos.engines.memory.entry import key_hash
from mythos.engines.memory.tree import HashTree, leaf_hash, node_hash
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint, LogTail, MemoryEntry


class TailTree(HashTree):
    """A tree of which the leaves from `start` on are known; proofs of those can be made."""

    __slots__ = ("_known", "_size")

    def __init__(self, start: int, edge: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        """Build it.

        Args:
            start: number of leaves before the first known one.
            edge: roots of the complete subtrees of those, the largest first.
            leaves: hashes of the known ones.

        Raises:
            MemoryLogError: the edge is not of as many subtrees as `start` leaves have.
        """
        places = list(_edge_places(start))
        if len(places) != len(edge):
            raise _wrong(f"{len(edge)} hashes for the {len(places)} subtrees of {start} entries")
        self._known = dict(zip(places, edge, strict=True))
        self._size = start + len(leaves)
        for place, leaf in enumerate(leaves, start):
            self._add(place, leaf)

    @property
    def size(self) -> int:
        """Number of leaves, those before the known ones counted."""
        return self._size

    def node(self, level: int, place: int) -> bytes:
        """The root of one complete subtree.

        Raises:
            MemoryLogError: it lies inside what is before the tail.
        """
        try:
            return self._known[level, place]
        except KeyError:
            raise MemoryLogError(
                f"the tail does not reach back to entry {place << level}",
                remedy="make the proof on the host, with `mythos memory prove`",
            ) from None

    def _add(self, place: int, digest: bytes) -> None:
        level = 0
        self._known[0, place] = digest
        while place % 2:
            digest = node_hash(self._known[level, place - 1], digest)
            level, place = level + 1, place // 2
            self._known[level, place] = digest


def edge_of(tree: HashTree, size: int) -> tuple[str, ...]:
    """The edge of the first `size` leaves of a tree, as a `LogTail` holds it."""
    return tuple(base64.b64encode(tree.node(*place)).decode() for place in _edge_places(size))


def tail_of(
    tree: HashTree, entries: Sequence[MemoryEntry], *, origin: str, names: dict[str, str]
) -> LogTail:
    """The tail of a log whose newest entries are these; `names` are keys by hash, any of them.

    Raises:
        MemoryLogError: entries of another number than the log's last.
    """
    start = tree.size - len(entries)
    if [entry.seq for entry in entries] != [*range(start, tree.size)]:
        raise _wrong(f"its entries are not the last {len(entries)} of {tree.size}")
    ours = {entry.key_hash for entry in entries}
    return LogTail(
        origin=origin,
        start=start,
        edge=edge_of(tree, start),
        entries=tuple(entries),
        names={hashed: name for hashed, name in names.items() if hashed in ours},
    )


def tree_of(tail: LogTail) -> TailTree:
    """The tree of a tail; its root is what the tail claims.

    Raises:
        MemoryLogError: an entry is not in its place, or the edge does not fit.
    """
    return _tree(tail.start, tail.edge, tail.entries)


def require_tail(tail: LogTail, said: Checkpoint) -> None:
    """Check a tail against a checkpoint whose signature was verified, and its names.

    Raises:
        MemoryLogError: it is not the end of the log that the checkpoint is of, or names a key
            otherwise than its hash says.
    """
    if (tail.origin, tail.size) != (said.origin, said.size):
        raise _wrong(f"it ends at entry {tail.size} of {tail.origin}, not {said.size}")
    if not compare_digest(f"sha256:{tree_of(tail).root().hex()}", said.root):
        raise _wrong(f"its entries are not those of the checkpoint of size {said.size}")
    stores = {entry.key_hash: entry.store for entry in tail.entries}
    for hashed, name in tail.names.items():
        if hashed not in stores or key_hash(stores[hashed], name) != hashed:
            raise _wrong(f"{name[:80]!r} is not the key with the hash {hashed}")


def joined_tails(kept: LogTail, told: LogTail, *, keep: int) -> LogTail:
    """Two proved tails of one log as one: its newest entries, at most `keep`.

    What lies before a gap is let go. A key that the newer tail has an entry of and does not name
    was erased, and loses its name.
    """
    older, newer = sorted((kept, told), key=lambda tail: tail.size)
    if not older.start < newer.start <= older.size:
        return newest(newer, keep=keep)
    before = older.entries[: newer.start - older.start]
    ours = {entry.key_hash for entry in newer.entries}
    names = {hashed: name for hashed, name in older.names.items() if hashed not in ours}
    entries, names = (*before, *newer.entries), {**names, **newer.names}
    tree = _tree(older.start, older.edge, entries)
    return tail_of(tree, entries[-keep:], origin=newer.origin, names=names)


def erased_in(tail: LogTail) -> frozenset[str]:
    """Hashes of the keys that a tail's newest entry on them says are gone, and that have no name.

    A node that tells no names makes every key that was deleted look erased.
    """
    gone = {entry.key_hash: entry.op == "delete" for entry in tail.entries}
    return frozenset(hashed for hashed, is_gone in gone.items() if is_gone) - tail.names.keys()


def newest(tail: LogTail, *, keep: int) -> LogTail:
    """The newest entries of a tail, at most `keep` (> 0)."""
    return tail_of(tree_of(tail), tail.entries[-keep:], origin=tail.origin, names=tail.names)


def _tree(start: int, edge: Sequence[str], entries: Sequence[MemoryEntry]) -> TailTree:
    if [entry.seq for entry in entries] != [*range(start, start + len(entries))]:
        raise _wrong("its entries are not numbered one after the other")
    leaves = [leaf_hash(entry.canonical()) for entry in entries]
    return TailTree(start, [base64.b64decode(each) for each in edge], leaves)


def _edge_places(size: int) -> Iterator[tuple[int, int]]:
    """Level and place of each complete subtree that `size` leaves fall into, the largest first."""
    begin = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            yield level, begin >> level
            begin += 1 << level


def _wrong(message: str) -> MemoryLogError:
    return MemoryLogError(
        f"the tail of a log does not hold: {message}",
        remedy="find out who changed the log or what the host sends",
    )
