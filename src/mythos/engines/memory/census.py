"""The census: live memories held against what the log says, batch by batch.

Each live key is hashed once, and each content once, after the salt of its last entry. A batch whose
hashes are all as they should be is known by one comparison. Of any other the pieces are compared,
and those that differ are walked memory by memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from itertools import compress

from mythos.engines.memory.entry import SALT_BYTES, key_hashes
from mythos.engines.memory.expected import Expected, LastWord
from mythos.engines.memory.live import Content, Live, Unreadable
from mythos.engines.memory.replay import Replay

_PIECE = 64


@dataclass(slots=True)
class Census:
    """What was found so far.

    `altered`: key to the log's last word on it. `missing`: keys that were looked for by name.
    `notes`: key to why it could not be read.
    """

    ok: int = 0
    altered: dict[str, LastWord] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unlogged: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)

    def judge(self, replay: Replay, batch: Sequence[Live]) -> None:
        """Classify live memories, taking each key found out of what the replay expects."""
        hashes = key_hashes(replay.store, [key for key, _ in batch])
        if replay.partial:
            wanted = [replay.concerns(hashed) for hashed in hashes]
            batch, hashes = list(compress(batch, wanted)), list(compress(hashes, wanted))
        if self._all_hold(replay.expected, batch, hashes):
            return
        for start in range(0, len(batch), _PIECE):
            part = slice(start, start + _PIECE)
            if not self._all_hold(replay.expected, batch[part], hashes[part]):
                self._walk(replay.expected, batch[part], hashes[part])

    def wrong(self, key: str, content: Content, expected: LastWord | None) -> None:
        """Note a live memory that is not what the log expects, or that it does not expect."""
        if expected is None:
            self.unlogged.add(key)
        else:
            self.altered[key] = expected
        if isinstance(content, Unreadable):
            self.notes[key] = content.reason

    def forget(self, key: str) -> None:
        """Take back what was said of a key that was wrong."""
        self.altered.pop(key, None)
        self.unlogged.discard(key)
        self.notes.pop(key, None)

    def _all_hold(self, expected: Expected, live: Sequence[Live], hashes: Sequence[bytes]) -> bool:
        """Count these memories if every one is as logged; otherwise leave all as they are."""
        words = expected.look(hashes)
        if words is None:
            return False
        try:
            found = _digests(words.salts, live)
        except TypeError:  # what is unreadable has no bytes to hash
            return False
        if found != words.contents:
            return False
        expected.took(words)
        self.ok += len(live)
        return True

    def _walk(self, expected: Expected, live: Sequence[Live], hashes: Sequence[bytes]) -> None:
        for (key, content), word in zip(live, expected.take(hashes), strict=True):
            if word is not None and holds(word, content):
                self.ok += 1
            else:
                self.wrong(key, content, word)


def _digests(salts: Sequence[bytes | bytearray], live: Sequence[Live]) -> bytes:
    """Content hashes, joined. A copy of a fresh hash is cheaper than a new one of joined texts."""
    found, fresh = [], sha256().copy
    for salt, (_, content) in zip(salts, live, strict=True):
        digest = fresh()
        digest.update(salt)
        digest.update(content)  # type: ignore[arg-type]
        found.append(digest.digest())
    return b"".join(found)


def holds(expected: LastWord, content: Content) -> bool:
    """Whether a content is what the log expects."""
    if isinstance(content, Unreadable) or len(expected.salt) != SALT_BYTES:
        return False
    return compare_digest(sha256(expected.salt + content).digest(), expected.content)
