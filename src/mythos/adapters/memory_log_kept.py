"""What stands beside the entries of a log until it is erased: names of keys, salts and contents."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from mythos.adapters.memory_log_database import PAGE, Database, blob_of, text_of
from mythos.adapters.memory_log_tree import require_leaf
from mythos.engines.memory.entry import key_hash, key_hashes, parse_entry
from mythos.errors import MemoryLogError
from mythos.values.memory import MemoryEntry

_AT_ONCE = 64  # contents that are in memory at a time
_VALUES = 256  # databases bound the values of a statement


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands beside an entry, until it is erased: enough to check it, and to write it back."""

    store: str
    key: str
    salt: bytes
    content: bytes | None


class KeptReader:
    """What can be read of it."""

    def __init__(self, database: Database) -> None:
        """Wrap a database of `open_log` or `create_log`."""
        self._database = database

    def names_of(self, hashes: Collection[bytes]) -> dict[bytes, str]:
        """Return the keys with these hashes, but those erased or filed with names of other keys."""
        named: dict[bytes, str] = {}
        waiting = iter(hashes)
        while some := list(islice(waiting, _VALUES)):
            found = self._database.all(
                "SELECT DISTINCT salts.store, key FROM salts JOIN entries USING (seq)"  # noqa: S608 - no outsider's text
                f" WHERE key_hash IN ({_places(some)})",
                some,
            )
            for store, key in ((text_of(store), text_of(key)) for store, key in found):
                named[key_hashes(store, [key])[0]] = key
        return {hashed: named[hashed] for hashed in hashes if hashed in named}

    def names(self, start: int, end: int) -> dict[str, str]:
        """Return the keys, by hash, that entries from `start` to before `end` gave a content."""
        found = self._database.all(
            "SELECT DISTINCT store, key FROM salts WHERE seq >= ? AND seq < ?", (start, end)
        )
        named = ((text_of(store), text_of(key)) for store, key in found)
        return {key_hash(store, key): key for store, key in named}

    def keys(self, store: str) -> list[str]:
        """Return the names of the keys of `store` that were not erased."""
        statement = "SELECT DISTINCT key FROM salts WHERE store = ?"
        return [text_of(key) for (key,) in self._database.all(statement, (store,))]

    def salts(self, store: str) -> Iterator[tuple[int, bytes]]:
        """Yield the numbers of the entries of `store` that have a salt, in order, each with it."""
        statement = "SELECT seq, salt FROM salts WHERE store = ? AND seq > ? ORDER BY seq LIMIT ?"
        last = -1
        while found := self._database.all(statement, (store, last, PAGE)):
            for seq, salt in found:
                if isinstance(seq, int):
                    yield (last := seq), blob_of(salt)

    def kept(self, seq: int) -> Kept | None:
        """Return what stands beside entry `seq`; None where it had no content or was erased."""
        found = self._database.all(
            "SELECT store, key, salt, content FROM salts LEFT JOIN contents USING (seq)"
            " WHERE seq = ?",
            (seq,),
        )
        if not found:
            return None
        return _kept(*found[0])

    def kept_beside(self, seqs: Iterable[int]) -> Iterator[tuple[MemoryEntry, Kept | None]]:
        """Yield entries by their numbers, in the order given, each with what stands beside it.

        Raises:
            MemoryLogError: one is not there, or differs from its leaf hash.
        """
        waiting = iter(seqs)
        while some := list(islice(waiting, _AT_ONCE)):
            found = self._database.all(
                "SELECT seq, entry, leaf, store, key, salt, content FROM entries"  # noqa: S608 - no outsider's text
                " LEFT JOIN salts USING (seq) LEFT JOIN contents USING (seq)"
                f" WHERE seq IN ({_places(some)})",
                some,
            )
            rows = {row[0]: row[1:] for row in found}
            for seq in some:
                if seq not in rows:
                    raise MemoryLogError(
                        f"the log lost entry {seq}",
                        remedy="treat the log as altered: restore it from before the change",
                    )
                raw, leaf, store, *kept = rows[seq]
                entry = parse_entry(require_leaf(seq, raw, leaf))
                yield entry, None if store is None else _kept(store, *kept)


def _places(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _kept(store: object, key: object, salt: object, content: object) -> Kept:
    return Kept(
        text_of(store),
        text_of(key),
        blob_of(salt),
        None if content is None else blob_of(content),
    )
