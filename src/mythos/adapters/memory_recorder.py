"""The recorder: changes of a memory directory that go through here reach log and store alike.

An entry is durable before its file changes, so a change made here never looks like tampering,
whenever the process is killed. What changes the directory without the recorder is what the audit
finds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Literal

from mythos.adapters.memory_directory import (
    read_memory,
    read_store,
    require_content,
    require_key,
)
from mythos.adapters.memory_log_sqlite import SqliteMemoryLog, create_log, open_log
from mythos.adapters.memory_settling import settle
from mythos.engines.memory.audit import Unreadable
from mythos.engines.memory.entry import MemoryWrite
from mythos.errors import ConflictError, MemoryLogError
from mythos.values.memory import MemoryEntry, MemoryOp, MemorySource

STORE = "directory"


def seed(
    store_dir: Path, log_path: Path, files: Mapping[str, bytes], *, origin: str, at: datetime
) -> int:
    """Begin a log with `files` as its baseline and write them into an empty store.

    Returns:
        The number of baseline entries; 0 if the log exists already, and then nothing changes.

    Raises:
        ConflictError: a log of another origin is there, or the store holds memories but no log
            (it was lost; seeding would hide that).
        MemoryLogError: a key is not a plain relative path, or a content is too large.
        UnavailableError: logged, but a file cannot be written now; the next call tries again.
    """
    store_dir.mkdir(parents=True, exist_ok=True)
    with create_log(log_path) as log:
        with log.transaction():
            begun = not _begun(log, log_path, origin=origin)
            if begun:
                _require_empty(store_dir, log_path)
                _begin(log, files, origin=origin, at=at)
        _settle_all(store_dir, log)
    return len(files) if begun else 0


def adopt(store_dir: Path, log_path: Path, *, origin: str, at: datetime) -> int:
    """Begin a log with what the store holds now as its baseline: trust starts here.

    Returns:
        The number of baseline entries; 0 if the log exists already, and then nothing changes.
        What is no regular file is left out, and so stays unlogged.

    Raises:
        ConflictError: a log of another origin is there.
        MemoryLogError: a key that the log cannot carry.
    """
    with create_log(log_path) as log, log.transaction():
        if _begun(log, log_path, origin=origin):
            return 0
        found = read_store(store_dir)
        files = {key: content for key, content in found if isinstance(content, bytes)}
        for entry in _begin(log, files, origin=origin, at=at):
            log.settle(entry.seq)  # in place already
    return len(files)


def record(
    store_dir: Path,
    log_path: Path,
    key: str,
    content: bytes,
    *,
    source: MemorySource,
    at: datetime,
    trace_id: str = "",
    policy_ref: str = "",
) -> MemoryEntry:
    """Log that `key` now holds `content`, and write the file.

    Raises:
        NotFoundError: the store was never seeded.
        MemoryLogError: the key, the content or a field is not allowed; nothing was logged.
        UnavailableError: logged, but the file cannot be written now; the next call tries again.
    """
    write = _write(key, content, op="put", source=source, trace_id=trace_id, policy_ref=policy_ref)
    return _record(store_dir, log_path, write, at=at)


def forget(
    store_dir: Path,
    log_path: Path,
    key: str,
    *,
    op: Literal["delete", "expire"] = "delete",
    source: MemorySource,
    at: datetime,
    trace_id: str = "",
    policy_ref: str = "",
) -> MemoryEntry:
    """Log that `key` is gone, and remove the file and every salt of it.

    Raises:
        NotFoundError: the store was never seeded.
        MemoryLogError: the key or a field is not allowed; nothing was logged.
        UnavailableError: logged, but the file cannot be removed now; the next call tries again.
    """
    write = _write(key, None, op=op, source=source, trace_id=trace_id, policy_ref=policy_ref)
    return _record(store_dir, log_path, write, at=at)


def accept(
    store_dir: Path, log_path: Path, key: str, *, at: datetime, policy_ref: str = ""
) -> MemoryEntry:
    """Log an operator's word that what is (or is not) under `key` now is right.

    Raises:
        NotFoundError: the store was never seeded.
        MemoryLogError: something that is no regular file stands there.
    """
    with open_log(log_path) as log, log.transaction():
        settle(store_dir, log, store=STORE)
        content = read_memory(store_dir, key)
        if isinstance(content, Unreadable):
            raise MemoryLogError(
                f"memory {key!r} cannot be accepted: {content.reason}",
                remedy="replace it by a regular file, or remove it and accept that it is gone",
            )
        write = _write(key, content, op="accept", source="operator", policy_ref=policy_ref)
        return log.append([write], at=at)[0]


def _record(store_dir: Path, log_path: Path, write: MemoryWrite, *, at: datetime) -> MemoryEntry:
    with open_log(log_path) as log:
        with log.transaction():
            (entry,) = log.append([write], at=at)
        with log.transaction():
            stuck = settle(store_dir, log, store=STORE)
    if entry.seq in stuck:
        raise stuck[entry.seq]
    return entry


def _write(
    key: str,
    content: bytes | None,
    *,
    op: MemoryOp,
    source: MemorySource,
    trace_id: str = "",
    policy_ref: str = "",
) -> MemoryWrite:
    require_key(key)
    if content is not None:
        require_content(key, content)
    return MemoryWrite(STORE, key, op, content, source, trace_id, policy_ref)


def _begin(
    log: SqliteMemoryLog, files: Mapping[str, bytes], *, origin: str, at: datetime
) -> list[MemoryEntry]:
    log.begin(origin)
    baseline = [_write(key, files[key], op="baseline", source="import") for key in sorted(files)]
    return log.append(baseline, at=at)


def _begun(log: SqliteMemoryLog, log_path: Path, *, origin: str) -> bool:
    if not log.exists():
        return False
    if log.origin != origin:
        raise ConflictError(
            f"{log_path} is the log of {log.origin!r}, not of {origin!r}",
            remedy="give each agent of each node a log file of its own",
        )
    return True


def _require_empty(store_dir: Path, log_path: Path) -> None:
    for key, _ in read_store(store_dir):
        raise ConflictError(
            f"store {store_dir} holds {key!r} and more, but there is no log at {log_path}",
            remedy="restore the log, or adopt the store as it is after looking at it",
        )


def _settle_all(store_dir: Path, log: SqliteMemoryLog) -> None:
    with log.transaction():
        stuck = settle(store_dir, log, store=STORE)
    for error in stuck.values():
        raise error
