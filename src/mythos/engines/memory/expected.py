"""What a log expects of the keys of one store: the last word on each, kept in columns.

Keys stand in the order in which the log first named them. A store mostly hands out its memories
in that order too (as they were baselined, or came to be), so those that are asked for together
mostly lie side by side, and are then compared without looking each one up.

About 250 bytes a key that the log ever named, Python's share included.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import compress, repeat
from typing import NamedTuple

from mythos.engines.memory.entry_fields import HASH_BYTES, hashes_in

_GONE, _SALTED, _SALT_ERASED = range(3)
_NO_SALT = bytes(HASH_BYTES)


class LastWord(NamedTuple):
    """The entry that says what a key holds: its number, salt (none if erased) and content hash.

    Where the salt is erased no content passes.
    """

    seq: int
    salt: bytes
    content: bytes


class Words(NamedTuple):
    """The last words on some keys, none of which lacks its salt: salts, and content hashes joined.

    `places` is for `Expected.took`.
    """

    places: Sequence[int]
    salts: Sequence[bytes | bytearray]
    contents: bytes | bytearray


class Expected:
    """Last words, by the hash of the key."""

    __slots__ = ("_contents", "_order", "_place", "_salts", "_seqs", "_state")

    def __init__(self) -> None:
        """Expect nothing."""
        self._place: dict[bytes, int] = {}
        self._order: list[bytes] = []
        self._state = bytearray()
        self._seqs = array("Q")
        self._salts = bytearray()
        self._contents = bytearray()

    def put(
        self,
        hashes: Sequence[bytes],
        seqs: Sequence[int],
        salts: Sequence[bytes],
        contents: Sequence[bytes],
    ) -> None:
        """Expect contents under keys; a later one of a key replaces the one before.

        Args:
            hashes: of the keys.
            seqs: numbers of the entries.
            salts: each of 32 bytes, or empty where it is erased.
            contents: content hashes.
        """
        place, first, n = self._place, len(self._order), len(hashes)
        new = len(set(hashes)) == n and place.keys().isdisjoint(hashes)
        if not new or not all(salts):
            for word in zip(hashes, seqs, salts, contents, strict=True):
                self._put_one(*word)
            return
        place.update(zip(hashes, range(first, first + n), strict=True))
        self._order += hashes
        self._state += bytes([_SALTED]) * n
        self._seqs.extend(seqs)
        self._salts += b"".join(salts)
        self._contents += b"".join(contents)

    def drop(self, hashed: bytes) -> None:
        """Expect a key no more."""
        if (at := self._place.get(hashed)) is not None:
            self._state[at] = _GONE

    def look(self, hashes: Sequence[bytes]) -> Words | None:
        """Return the last words on some keys, or None if one is not expected or lacks its salt."""
        n = len(hashes)
        first = self._place.get(hashes[0]) if hashes else None
        if first is None:
            return None
        past = first + n
        if self._order[first:past] == hashes:
            if self._state[first:past] != bytes([_SALTED]) * n:
                return None
            start, end = HASH_BYTES * first, HASH_BYTES * past
            salts = hashes_in(self._salts[start:end])
            return Words(range(first, past), salts, self._contents[start:end])
        return self._look_up(hashes)

    def took(self, words: Words) -> None:
        """Expect the keys of these words no more."""
        places, state = words.places, self._state
        if isinstance(places, range):
            state[places.start : places.stop] = bytes(len(places))
        else:
            for at in places:
                state[at] = _GONE

    def take(self, hashes: Sequence[bytes]) -> list[LastWord | None]:
        """Return the last word on each key, None where nothing is expected; expect them no more."""
        return [self._take_one(hashed) for hashed in hashes]

    def __iter__(self) -> Iterator[bytes]:
        """Hashes of the keys that are still expected."""
        return compress(self._order, self._state)

    def _put_one(self, hashed: bytes, seq: int, salt: bytes, content: bytes) -> None:
        at = self._place.setdefault(hashed, len(self._order))
        if at == len(self._order):
            self._order.append(hashed)
            self._state.append(_GONE)
            self._seqs.append(0)
            self._salts += _NO_SALT
            self._contents += _NO_SALT
        start, end = HASH_BYTES * at, HASH_BYTES * (at + 1)
        self._state[at] = _SALTED if salt else _SALT_ERASED
        self._seqs[at] = seq
        self._salts[start:end] = salt or _NO_SALT
        self._contents[start:end] = content

    def _take_one(self, hashed: bytes) -> LastWord | None:
        at = self._place.get(hashed)
        if at is None or (state := self._state[at]) == _GONE:
            return None
        self._state[at] = _GONE
        start, end = HASH_BYTES * at, HASH_BYTES * (at + 1)
        salt = bytes(self._salts[start:end]) if state == _SALTED else b""
        return LastWord(self._seqs[at], salt, bytes(self._contents[start:end]))

    def _look_up(self, hashes: Sequence[bytes]) -> Words | None:
        places = [*map(self._place.get, hashes, repeat(-1))]
        state, salts, contents = self._state, self._salts, self._contents
        if -1 in places or {state[at] for at in places} != {_SALTED}:
            return None
        if len(set(places)) != len(places):
            return None
        starts = [HASH_BYTES * at for at in places]
        return Words(
            places,
            [salts[start : start + HASH_BYTES] for start in starts],
            b"".join([contents[start : start + HASH_BYTES] for start in starts]),
        )
