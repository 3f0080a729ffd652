"""The census: live memories held against what the log says, batch by batch.

Each live key is hashed once and looked up once. Its content passes if HMAC-SHA256 under the salt of
its last entry gives what that entry says; the two hashes of the HMAC are written out here (RFC
2104) because a million calls of a general one cost twice as much.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import compress

from mythos.engines.memory.entry import SALT_BYTES, key_hashes
from mythos.engines.memory.live import Content, Live, Unreadable
from mythos.engines.memory.replay import Replay

_PACKED = 8 + SALT_BYTES + 32
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_REST_INNER = b"\x36" * (64 - SALT_BYTES)
_REST_OUTER = b"\x5c" * (64 - SALT_BYTES)


@dataclass(slots=True)
class Census:
    """What was found so far.

    `altered`: key to what the log expects there (see `replay.Stated`). `missing`: keys that were
    looked for by name. `notes`: key to why it could not be read.
    """

    ok: int = 0
    altered: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unlogged: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)

    def judge(self, replay: Replay, batch: Sequence[Live]) -> None:
        """Classify live memories, taking each key found out of what the replay expects."""
        hashes = key_hashes(replay.store, [key for key, _ in batch])
        if replay.partial:
            wanted = [replay.concerns(hashed) for hashed in hashes]
            batch, hashes = list(compress(batch, wanted)), list(compress(hashes, wanted))
        for (key, content), expected in zip(batch, replay.take(hashes), strict=True):
            if expected is not None and type(content) is bytes and len(expected) == _PACKED:
                salt = expected[8:40]
                inner = sha256(salt.translate(_INNER) + _REST_INNER + content).digest()
                outer = sha256(salt.translate(_OUTER) + _REST_OUTER + inner).digest()
                if outer == expected[40:]:
                    self.ok += 1
                    continue
            self.wrong(key, content, expected)

    def wrong(self, key: str, content: Content, expected: bytes | None) -> None:
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


def holds(expected: bytes, content: Content) -> bool:
    """Whether a content is what the log expects (see `replay.Stated`)."""
    if isinstance(content, Unreadable) or len(expected) != _PACKED:
        return False
    return hmac.compare_digest(hmac.digest(expected[8:40], content, "sha256"), expected[40:])
