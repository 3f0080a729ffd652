"""Changes that are logged and may not be in the store yet: what is asked of the log about them."""

from __future__ import annotations

from dataclasses import dataclass

from mythos.adapters.memory_log_database import Question, blob_of, text_of
from mythos.adapters.memory_log_tree import require_leaf
from mythos.engines.memory.entry import parse_entry
from mythos.errors import MemoryLogError
from mythos.values.memory import MemoryEntry

AT_ONCE = 64  # changes that are in memory at a time
_PENDING = """
SELECT pending.seq, entries.key_hash, entry, leaf, pending.key, content, salt,
    (SELECT max(seq) FROM entries AS later WHERE later.key_hash = entries.key_hash)
FROM pending LEFT JOIN entries ON entries.seq = pending.seq
    LEFT JOIN salts ON salts.seq = pending.seq LEFT JOIN contents ON contents.seq = pending.seq
WHERE pending.store = ? AND pending.seq > ? ORDER BY pending.seq LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class PendingChange:
    """A logged change that may not have reached the store yet; `content` None removes the key.

    `newest` is the number of the last entry that is filed under the same key.
    """

    entry: MemoryEntry
    key: str
    content: bytes | None
    salt: bytes | None
    newest: int


def pending(store: str, *, after: object = -1) -> Question:
    """What to ask for the changes of `store` behind number `after`, at most `AT_ONCE`."""
    return _PENDING, (store, after, AT_ONCE)


def change_of(row: tuple[object, ...]) -> PendingChange:
    """Read one row of the answer.

    Raises:
        MemoryLogError: there is no such entry, or it is not what its leaf hash or its key says.
    """
    seq, filed, raw, leaf, key, content, salt, newest = row
    if raw is None:
        raise _unlike(seq, "the log has no such entry")
    entry = parse_entry(require_leaf(seq, raw, leaf))
    if entry.key_hash != f"sha256:{blob_of(filed).hex()}" or not isinstance(newest, int):
        raise _unlike(seq, "its entry is filed under another key")
    return PendingChange(
        entry=entry,
        key=text_of(key),
        content=None if content is None else blob_of(content),
        salt=None if salt is None else blob_of(salt),
        newest=newest,
    )


def _unlike(seq: object, why: str) -> MemoryLogError:
    return MemoryLogError(
        f"change {seq} is listed as pending, and {why}",
        remedy="treat the log as altered: restore it from before the change",
    )
