"""Replaying a log: is it whole, and what does it say is in a store?

Entries come in batches of leaf messages, each with the salt that stands beside it. Every byte is
hashed into the tree, whose root is compared with each remembered checkpoint as its size is passed;
an entry that is not canonical, or not in its place, ends the replay. What remains in memory is one
row of 72 bytes for each key of the store (about 230 bytes with Python's share).
"""

from __future__ import annotations

from binascii import unhexlify
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from mythos.engines.memory.checkpoint import require_root, shorter
from mythos.engines.memory.entry import SALT_BYTES, EntryFields, fields_of, parse_entry
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
    """What one entry says of a key: its number, the key's hash, what is expected since, expiry.

    `expected` is None where the memory is gone, else 8 bytes of entry number, the salt (nothing if
    it is not there any more, and then no content passes) and 32 bytes of HMAC.
    """

    seq: int
    hashed: bytes
    expected: bytes | None
    expired: bool


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
        self._expected: dict[bytes, bytes] = {}
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
        touched: set[bytes] = set()
        expected, expired = self._expected, self.expired
        for stated in self._stated(rows):
            if stated.expected is None:
                expected.pop(stated.hashed, None)
            else:
                expected[stated.hashed] = stated.expected
            if stated.expired:
                expired.add(stated.hashed)
            elif expired:
                expired.discard(stated.hashed)
            if 0 <= since <= stated.seq:
                touched.add(stated.hashed)
        self._grow(rows)
        return touched

    def follow(self, rows: Sequence[LoggedRow]) -> dict[bytes, bytes | None]:
        """Take the next entries into the tree, and return what they state, apart from the rest.

        Raises:
            As `feed`.
        """
        stated = {one.hashed: one.expected for one in self._stated(rows)}
        self._grow(rows)
        return stated

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

    def take(self, hashes: Iterable[bytes]) -> list[bytes | None]:
        """Return what is expected under each key (see `Stated`), and expect it no more."""
        pop = self._expected.pop
        return [pop(hashed, None) for hashed in hashes]

    def rest(self) -> Iterable[bytes]:
        """Hashes of the keys that are still expected."""
        return self._expected.keys()

    def _grow(self, rows: Sequence[LoggedRow]) -> None:
        """Add leaves, stopping at the size of each checkpoint to compare roots."""
        leaves = leaf_hashes([row.message for row in rows])
        if leaves != (stored := [row.leaf for row in rows]):
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

    def _stated(self, rows: Sequence[LoggedRow]) -> Iterator[Stated]:
        for seq, (message, _, salt) in enumerate(rows, self.size):
            mac, key, op, said, store = fields_of(message, start=1) or _slowly(message[1:])
            if int(said) != seq:
                raise MemoryLogError(
                    f"entry {seq} of the log says it is number {int(said)}",
                    remedy="treat the log as altered: an entry was removed, added or moved",
                )
            if store != self._store or not self.concerns(hashed := unhexlify(key)):
                continue
            if mac is None:
                yield Stated(seq, hashed, None, op == b"expire")
            else:
                kept = salt if salt is not None and len(salt) == SALT_BYTES else b""
                yield Stated(seq, hashed, seq.to_bytes(8) + kept + unhexlify(mac), expired=False)


def differs_from_leaf(seq: object) -> MemoryLogError:
    """Say that an entry is not the one whose hash is in the tree."""
    return MemoryLogError(
        f"entry {seq} of the log differs from its leaf hash",
        remedy="treat the log as altered: restore it from before the change",
    )


def _slowly(raw: bytes) -> EntryFields:
    entry = parse_entry(raw)
    mac = entry.content_hash
    return EntryFields(
        None if mac is None else mac.removeprefix("hmac-sha256:").encode(),
        entry.key_hash.removeprefix("sha256:").encode(),
        entry.op.encode(),
        str(entry.seq).encode(),
        entry.store.encode(),
    )
