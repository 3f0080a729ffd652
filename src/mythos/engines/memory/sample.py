"""A sample of the memories that a log expects: every key is looked at, few contents are.

The drawn keys are those whose hash under a random seed is least, so that no one who does not know
the seed can tell which contents will be compared.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from hashlib import sha256
from itertools import compress

from mythos.engines.memory.census import Census
from mythos.engines.memory.entry import key_hashes
from mythos.engines.memory.expected import LastWord
from mythos.engines.memory.replay import Replay


class Sample:
    """Up to `size` keys, drawn as they pass."""

    def __init__(self, size: int, *, seed: bytes) -> None:
        """Begin with none."""
        self._size = size
        self._seed = seed
        self._drawn: list[tuple[bytes, str, LastWord]] = []
        self.present = 0

    def see(self, replay: Replay, census: Census, keys: Sequence[str]) -> None:
        """Take live keys; those that the log does not expect are unlogged."""
        hashes = key_hashes(replay.store, keys)
        if replay.partial:
            wanted = [replay.concerns(hashed) for hashed in hashes]
            keys, hashes = list(compress(keys, wanted)), list(compress(hashes, wanted))
        for key, hashed, expected in zip(keys, hashes, replay.expected.take(hashes), strict=True):
            if expected is None:
                census.unlogged.add(key)
                continue
            self.present += 1
            rank = bytes(255 - byte for byte in sha256(self._seed + hashed).digest()[:16])
            keep = heapq.heappush if len(self._drawn) < self._size else heapq.heappushpop
            keep(self._drawn, (rank, key, expected))

    @property
    def drawn(self) -> list[tuple[str, LastWord]]:
        """The drawn keys, each with the last word of the log on it."""
        return sorted((key, expected) for _, key, expected in self._drawn)
