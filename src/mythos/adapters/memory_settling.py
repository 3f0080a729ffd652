"""Settling: carrying out the changes that are logged but may not be in the store.

A change is logged, with its content, before the store is touched. Whoever opens the log next, a
recorder or an audit, carries out what a crash cut off. All of it happens under the log's write
lock, so changes reach the store in the order of the log.

The list of pending changes is no part of the tree. So a change on it is carried out only if it is
the last word of the log on its key: an older one would bring back what was changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mythos.adapters.memory_log import MemoryLog
from mythos.adapters.memory_log_pending import PendingChange
from mythos.adapters.memory_store import MemoryStore
from mythos.engines.memory.entry import is_content, key_hash
from mythos.errors import MemoryLogError, MythosError, UnavailableError

OnSettled = Callable[[PendingChange], None]


def settle(
    store: MemoryStore, log: MemoryLog, *, on_settled: OnSettled = lambda _: None
) -> dict[int, MythosError]:
    """Carry out every pending change of `store`, inside the caller's transaction.

    Args:
        store: the live store.
        log: its log.
        on_settled: told each change that was carried out.

    Returns:
        `seq` → what stood in the way, for the changes that stay pending: all where the log cannot
        be written.

    Raises:
        MemoryLogError: a pending change is not the one its entry logged, or not the last one.
    """
    return _settle(store, log, log.pending(store.name), on_settled)


def settle_alone(store: MemoryStore, log: MemoryLog) -> dict[int, MythosError]:
    """Carry out every pending change, in a transaction of its own.

    Returns, Raises:
        As `settle`.
    """
    with log.settling(store.name) as changes:
        return _settle(store, log, changes)


def settle_all(store: MemoryStore, log: MemoryLog) -> None:
    """Carry out every pending change, in a transaction of its own.

    Raises:
        UnavailableError: one of them cannot be carried out now.
    """
    for error in settle_alone(store, log).values():
        raise error


def _settle(
    store: MemoryStore,
    log: MemoryLog,
    changes: Iterable[PendingChange],
    on_settled: OnSettled = lambda _: None,
) -> dict[int, MythosError]:
    stuck: dict[int, MythosError] = {}
    for change in changes:
        _require_logged(change, store=store.name)
        _require_last(change)
        try:
            _require_writable(change, log)
            _carry_out(store, change)
        except (UnavailableError, MemoryLogError) as error:
            stuck[change.entry.seq] = error
        else:
            log.settle(change.entry.seq)
            on_settled(change)
    return stuck


def _require_writable(change: PendingChange, log: MemoryLog) -> None:
    if log.read_only:
        raise UnavailableError(
            f"{change.entry.op} {change.key[:80]!r}: {log.read_only}",
            remedy="let MythOS write the log, then audit again",
        )


def _carry_out(store: MemoryStore, change: PendingChange) -> None:
    if change.content is None:
        store.remove(change.key)
    else:
        store.put(change.key, change.content)


def _require_logged(change: PendingChange, *, store: str) -> None:
    if change.entry.key_hash != key_hash(store, change.key) or not _same_content(change):
        raise MemoryLogError(
            f"pending change {change.entry.seq} differs from its logged entry",
            remedy="treat the log as altered: restore it from before the change",
        )


def _require_last(change: PendingChange) -> None:
    if change.newest != change.entry.seq:
        raise MemoryLogError(
            f"change {change.entry.seq} is listed as pending, and entry {change.newest}"
            " came after it",
            remedy="treat the log as altered: restore it from before the change",
        )


def _same_content(change: PendingChange) -> bool:
    logged = change.entry.content_hash
    if change.content is None or change.salt is None:
        return change.content is None and logged is None
    return is_content(change.content, logged, salt=change.salt)
