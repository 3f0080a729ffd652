"""Replaying a log: is it whole, and what does it say is in a store?

Entries come in batches of leaf messages, each with the salt that stands beside it. Every byte is
hashed into the tree, whose root is compared with each remembered checkpoint as its size is passed;
an entry that is not canonical, or not in its place, ends the replay. What remains in memory is the
last word on each key (`expected`).
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable, Sequence
from itertools import compress, pairwise
from typing import NamedTuple

from mythos.engines.memory.checkpoint import require_root, shorter
from mythos.engines.memory.entry import SALT_BYTES, parse_entry
from mythos.engines.memory.entry_fields import EntryColumns, EntryFields, columns_of, fields_of
from mythos.engines.memory.expected import Expected, LastWord
from mythos.engines.memory.frontier import Frontier
from mythos.engines.memory.tree import leaf_hashes
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint


class LoggedRow(NamedTuple):
    """One entry as a log keeps it: leaf message, leaf hash, and the salt if it is there."""

    message: bytes
    leaf: bytes
    salt: bytes | None


class Stated(NamedTuple):
    """What entries say of the keys of one store, column by column.

    `contents` is None where the memory is gone; a salt that is not there any more is empty.
    """

    seqs: Sequence[int]
    hashes: Sequence[bytes]
    ops: Sequence[bytes]
    salts: Sequence[bytes]
    contents: Sequence[bytes | None]

    def only(self, wanted: Sequence[bool]) -> Stated:
        """Keep the entries that are wanted."""
        return Stated(
            [*compress(self.seqs, wanted)],
            [*compress(self.hashes, wanted)],
            [*compress(self.ops, wanted)],
            [*compress(self.salts, wanted)],
            [*compress(self.contents, wanted)],
        )


class Replay:
    """A log on its way past: its tree, and the state of one store.

    `share` keeps only the keys whose hash falls into part i of n, so that a log of any size can be
    replayed n times in bounded memory.
    """

    def __init__(
        self,
        *,
        store: str,
        origin: str,
        checkpoints: Iterable[Checkpoint] = (),
        share: tuple[int, int] = (0, 1),
    ) -> None:
        """Begin at entry 0."""
        self.store = store
        self._store = store.encode()
        self._origin = origin
        self._ahead = sorted(checkpoints, key=lambda known: known.size, reverse=True)
        self.share = share
        self._tree = Frontier()
        self.expected = Expected()
        self.expired: set[bytes] = set()
        self._compare_root()

    @property
    def size(self) -> int:
        """Entries so far."""
        return self._tree.size

    def root(self) -> bytes:
        """The root of the entries so far."""
        return self._tree.root()

    def feed(self, rows: Sequence[LoggedRow], *, since: int = -1) -> set[bytes]:
        """Take the next entries.

        Returns:
            Hashes of the keys of this store that entries from number `since` on are about; none
            if `since` is negative.

        Raises:
            MemoryLogError: an entry is malformed or out of its place, or a checkpoint is not met.
        """
        if not rows:
            return set()
        messages, leaves, salts = zip(*rows, strict=True)
        stated = self._stated(messages, salts)
        ends = [place for place, content in enumerate(stated.contents) if content is None]
        for before, end in pairwise([-1, *ends, len(stated.hashes)]):
            self._put(stated, before + 1, end)
            if end < len(stated.hashes):
                self._end(stated.hashes[end], stated.ops[end])
        self._grow(messages, leaves)
        if since < 0:
            return set()
        return set(compress(stated.hashes, [seq >= since for seq in stated.seqs]))

    def follow(self, rows: Sequence[LoggedRow]) -> dict[bytes, LastWord | None]:
        """Take the next entries into the tree, and return what they state, apart from the rest.

        Raises:
            As `feed`.
        """
        if not rows:
            return {}
        messages, leaves, salts = zip(*rows, strict=True)
        stated = self._stated(messages, salts)
        self._grow(messages, leaves)
        return {
            hashed: None if content is None else LastWord(seq, salt, content)
            for seq, hashed, _, salt, content in zip(*stated, strict=True)
        }

    def close(self) -> None:
        """Say that the log ends here.

        Raises:
            MemoryLogError: a checkpoint remembers more entries.
        """
        if self._ahead:
            raise shorter(self.size, self._ahead[0])

    @property
    def partial(self) -> bool:
        """Whether some keys belong to other shares."""
        return self.share[1] > 1

    def concerns(self, hashed: bytes) -> bool:
        """Whether a key belongs to this replay's share."""
        part, parts = self.share
        return parts == 1 or int.from_bytes(hashed[:4]) % parts == part

    def _put(self, stated: Stated, start: int, end: int) -> None:
        """Expect what entries without an end among them say."""
        hashes = stated.hashes[start:end]
        contents = [content for content in stated.contents[start:end] if content is not None]
        self.expected.put(hashes, stated.seqs[start:end], stated.salts[start:end], contents)
        if self.expired:
            self.expired.difference_update(hashes)

    def _end(self, hashed: bytes, op: bytes) -> None:
        """Expect a memory no more."""
        self.expected.drop(hashed)
        if op == b"expire":
            self.expired.add(hashed)
        else:
            self.expired.discard(hashed)

    def _grow(self, messages: Sequence[bytes], stored: Sequence[bytes]) -> None:
        """Add leaves, stopping at the size of each checkpoint to compare roots."""
        leaves = leaf_hashes(messages)
        if leaves != [*stored]:
            wrong = next(i for i, leaf in enumerate(leaves) if leaf != stored[i])
            raise differs_from_leaf(self.size + wrong)
        while self._ahead and self._ahead[-1].size <= self.size + len(leaves):
            upto = self._ahead[-1].size - self.size
            self._tree.extend_hashes(leaves[:upto])
            leaves = leaves[upto:]
            self._compare_root()
        self._tree.extend_hashes(leaves)

    def _compare_root(self) -> None:
        while self._ahead and self._ahead[-1].size == self.size:
            require_root(self._tree.root(), self._ahead.pop(), origin=self._origin)

    def _stated(self, messages: Sequence[bytes], salts: Sequence[bytes | None]) -> Stated:
        """Read entries, and keep what is about the keys of this share."""
        read = columns_of(messages) or _one_by_one(messages)
        numbers = range(self.size, self.size + len(messages))
        if (said := [*read.seqs]) != [*numbers]:
            seq, wrong = next(
                pair for pair in zip(numbers, said, strict=True) if pair[0] != pair[1]
            )
            raise MemoryLogError(
                f"entry {seq} of the log says it is number {wrong}",
                remedy="treat the log as altered: an entry was removed, added or moved",
            )
        kept = [salt if salt is not None and len(salt) == SALT_BYTES else b"" for salt in salts]
        stated = Stated(numbers, read.keys, read.ops, kept, read.contents)
        if read.stores.count(self._store) == len(messages) and not self.partial:
            return stated
        ours = [
            store == self._store and self.concerns(hashed)
            for store, hashed in zip(read.stores, read.keys, strict=True)
        ]
        return stated.only(ours)


def differs_from_leaf(seq: object) -> MemoryLogError:
    """Say that an entry is not the one whose hash is in the tree."""
    return MemoryLogError(
        f"entry {seq} of the log differs from its leaf hash",
        remedy="treat the log as altered: restore it from before the change",
    )


def _one_by_one(messages: Sequence[bytes]) -> EntryColumns:
    """Read entries some of which have unusual texts, or are none."""
    read = [fields_of(message, start=1) or _slowly(message[1:]) for message in messages]
    return EntryColumns(
        [None if each.content is None else unhexlify(each.content) for each in read],
        [unhexlify(each.key) for each in read],
        [each.op for each in read],
        [int(each.seq) for each in read],
        [each.store for each in read],
    )


def _slowly(raw: bytes) -> EntryFields:
    entry = parse_entry(raw)
    content = entry.content_hash
    return EntryFields(
        None if content is None else content.rpartition(":")[2].encode(),
        entry.key_hash.rpartition(":")[2].encode(),
        entry.op.encode(),
        str(entry.seq).encode(),
        entry.store.encode(),
    )
