"""The recorder: changes of a memory store that are announced here are in its log.

Either the recorder writes (`record`, `forget`): an entry is durable before the store changes, so a
change made here never looks like tampering, whenever the process is killed. Or the agent has
written itself and announces the hash of what it wrote (`announce`): that is logged if the store
holds exactly it. What changes the store in any other way is what the audit finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log
from mythos.adapters.memory_settling import settle, settle_all
from mythos.adapters.memory_store import MemoryStore
from mythos.engines.memory.entry import MemoryWrite, is_content, key_hashes
from mythos.engines.memory.live import Unreadable
from mythos.errors import MemoryLogError
from mythos.values.memory import MemoryEntry, MemoryOp, MemorySource


def record(
    store: MemoryStore,
    place: LogPlace,
    key: str,
    content: bytes,
    *,
    source: MemorySource,
    at: datetime,
    trace_id: str = "",
    policy_ref: str = "",
) -> MemoryEntry:
    """Log that `key` now holds `content`, and write it.

    Raises:
        NotFoundError: the store has no log.
        MemoryLogError: the key, the content or a field is not allowed; nothing was logged.
        UnavailableError: logged, but it cannot be written now; the next call tries again.
    """
    content = store.normal(key, content)
    write = MemoryWrite(store.name, key, "put", content, source, trace_id, policy_ref)
    return record_all(store, place, [write], at=at)[0]


def forget(
    store: MemoryStore,
    place: LogPlace,
    key: str,
    *,
    op: Literal["delete", "expire"] = "delete",
    source: MemorySource,
    at: datetime,
    trace_id: str = "",
    policy_ref: str = "",
) -> MemoryEntry:
    """Log that `key` is gone, and remove it. What it held stays beside the log, for a roll-back.

    Raises:
        NotFoundError: the store has no log.
        MemoryLogError: the key or a field is not allowed; nothing was logged.
        UnavailableError: logged, but it cannot be removed now; the next call tries again.
    """
    write = MemoryWrite(store.name, key, op, None, source, trace_id, policy_ref)
    return record_all(store, place, [write], at=at)[0]


def erase(
    store: MemoryStore,
    place: LogPlace,
    key: str,
    *,
    source: MemorySource,
    at: datetime,
    trace_id: str = "",
    policy_ref: str = "",
) -> MemoryEntry:
    """Forget a memory for good: also its name, its salts and every content it ever had.

    The log stays valid, and nobody can prove any more what the memory was.

    Raises:
        As `forget`.
    """
    write = MemoryWrite(store.name, key, "delete", None, source, trace_id, policy_ref)
    with open_log(place) as log:
        with log.transaction():
            (entry,) = log.append([write], at=at)
            log.erase(hash_of(store, key))
        settle_all(store, log)
    return entry


def record_all(
    store: MemoryStore, place: LogPlace, writes: Sequence[MemoryWrite], *, at: datetime
) -> list[MemoryEntry]:
    """Log many changes in one transaction, then carry them out.

    Raises:
        NotFoundError: the store has no log.
        MemoryLogError: a field is not allowed; nothing was logged.
        UnavailableError: logged, but one of them cannot be carried out now.
    """
    with open_log(place) as log:
        with log.transaction():
            entries = log.append(writes, at=at)
        with log.transaction():
            stuck = settle(store, log)
    for entry in entries:
        if entry.seq in stuck:
            raise stuck[entry.seq]
    return entries


def announce(
    store: MemoryStore,
    place: LogPlace,
    key: str,
    digest: str | None,
    *,
    source: MemorySource,
    at: datetime,
    trace_id: str = "",
    policy_ref: str = "",
) -> MemoryEntry:
    """Log what an agent has written itself, if the store holds exactly that.

    The same run's announcement of the same content is logged once, however often it is told.

    Args:
        digest: SHA-256 of the content in 64 hex digits; None announces that the key is gone.

    Raises:
        NotFoundError: the store has no log.
        MemoryLogError: the store holds something else under `key`; nothing was logged.
    """
    with open_log(place) as log, log.transaction():
        settle(store, log)
        content = _readable(store, key)
        held = None if content is None else sha256(content).hexdigest()
        if held != digest:
            raise MemoryLogError(
                f"memory {key[:80]!r} was announced as {digest or 'gone'}, and is {held or 'gone'}",
                remedy="announce right after the write; else audit, and accept it if it is right",
            )
        if (told := _told_before(log, store, key, content, trace_id)) is not None:
            return told
        op: MemoryOp = "delete" if content is None else "put"
        write = MemoryWrite(store.name, key, op, content, source, trace_id, policy_ref)
        return _log_in_place(log, write, at=at)


def accept(
    store: MemoryStore, place: LogPlace, key: str, *, at: datetime, policy_ref: str = ""
) -> MemoryEntry:
    """Log an operator's word that what is (or is not) under `key` now is right.

    Raises:
        NotFoundError: the store has no log.
        MemoryLogError: something that is no memory stands there.
    """
    with open_log(place) as log, log.transaction():
        settle(store, log)
        content = _readable(store, key)
        write = MemoryWrite(store.name, key, "accept", content, "operator", "", policy_ref)
        return _log_in_place(log, write, at=at)


def hash_of(store: MemoryStore, key: str) -> bytes:
    """What the log calls a key of `store`, in 32 bytes."""
    return key_hashes(store.name, [key])[0]


def _told_before(
    log: MemoryLog, store: MemoryStore, key: str, content: bytes | None, trace_id: str
) -> MemoryEntry | None:
    """The newest entry of `key`, if it says the same already."""
    seq = log.newest(hash_of(store, key))
    if seq is None:
        return None
    entry, kept = log.entry(seq), log.kept(seq)
    if entry.trace_id != trace_id or (entry.content_hash is None) != (content is None):
        return None
    same = content is None or (
        kept is not None and is_content(content, entry.content_hash, salt=kept.salt)
    )
    return entry if same else None


def _readable(store: MemoryStore, key: str) -> bytes | None:
    content = store.get(key)
    if isinstance(content, Unreadable):
        raise MemoryLogError(
            f"memory {key!r} cannot be logged: {content.reason}",
            remedy="put what can be read in its place, or remove it and accept that it is gone",
        )
    return content


def _log_in_place(log: MemoryLog, write: MemoryWrite, *, at: datetime) -> MemoryEntry:
    (entry,) = log.append([write], at=at)
    log.settle(entry.seq)
    return entry
