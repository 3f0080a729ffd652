"""Settling: carrying out the changes that are logged but may not be in the store.

A change is logged, with its content, before its file is touched. Whoever opens the log next, a
recorder or an audit, carries out what a crash cut off. All of it happens under the log's write
lock, so changes reach the store in the order of the log.
"""

from __future__ import annotations

from pathlib import Path

from mythos.adapters.memory_directory import remove_memory, write_memory
from mythos.adapters.memory_log_sqlite import PendingFile, SqliteMemoryLog
from mythos.engines.memory.entry import entry_content_hash, key_hash
from mythos.errors import MemoryLogError, UnavailableError


def settle(store_dir: Path, log: SqliteMemoryLog, *, store: str) -> dict[int, UnavailableError]:
    """Carry out every pending change, inside the caller's transaction.

    Returns:
        `seq` → what stood in the way, for the changes that stay pending.

    Raises:
        MemoryLogError: a pending change is not the one its entry logged.
    """
    stuck = {}
    for change in log.pending():
        _require_logged(change, store=store)
        try:
            _carry_out(store_dir, change)
        except UnavailableError as error:
            stuck[change.entry.seq] = error
        else:
            log.settle(change.entry.seq)
    return stuck


def _carry_out(store_dir: Path, change: PendingFile) -> None:
    if change.content is None:
        remove_memory(store_dir, change.key)
    else:
        write_memory(store_dir, change.key, change.content)


def _require_logged(change: PendingFile, *, store: str) -> None:
    if change.entry.key_hash != key_hash(store, change.key) or not _same_content(change):
        raise MemoryLogError(
            f"pending change {change.entry.seq} differs from its logged entry",
            remedy="treat the log as altered: restore it from before the change",
        )


def _same_content(change: PendingFile) -> bool:
    logged = change.entry.content_hash
    if change.content is None or change.salt is None:
        return change.content is None and logged is None
    return logged == entry_content_hash(change.salt, change.content)
