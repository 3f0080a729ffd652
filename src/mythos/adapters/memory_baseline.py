"""The baseline of a memory log: what is taken for right when the log begins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from mythos.adapters.memory_log import LogPlace, MemoryLog, create_log
from mythos.adapters.memory_settling import settle_all
from mythos.adapters.memory_store import MemoryStore
from mythos.engines.memory.entry import MemoryWrite
from mythos.errors import ConflictError


def seed(
    store: MemoryStore, place: LogPlace, contents: Mapping[str, bytes], *, origin: str, at: datetime
) -> int:
    """Begin a log with `contents` as its baseline and write them into an empty store.

    Returns:
        The number of baseline entries; 0 if the log exists already, and then nothing changes.

    Raises:
        ConflictError: a log of another origin is there, or the store holds memories but no log
            (it was lost; seeding would hide that).
        MemoryLogError: a key or a content that the store cannot hold.
        UnavailableError: logged, but not all can be written now; the next call tries again.
    """
    with create_log(place) as log:
        with log.transaction():
            begun = not _begun(log, place, origin=origin)
            if begun:
                _require_empty(store, place)
                log.begin(origin)
                baseline = (
                    MemoryWrite(store.name, key, "baseline", store.normal(key, content), "import")
                    for key, content in sorted(contents.items())
                )
                log.extend(baseline, at=at)
        settle_all(store, log)
    return len(contents) if begun else 0


def adopt(store: MemoryStore, place: LogPlace, *, origin: str, at: datetime) -> int:
    """Log what the store holds now as its baseline: trust starts here.

    A log that exists takes in a further store, never the same one twice.

    Returns:
        The number of baseline entries; 0 if the log knows the store already, and then nothing
        changes. What cannot be read as a memory is left out, and so stays unlogged.

    Raises:
        ConflictError: a log of another origin is there.
        MemoryLogError: a key that the log cannot carry.
    """
    with create_log(place) as log, log.transaction():
        if not _begun(log, place, origin=origin):
            log.begin(origin)
        elif log.knows(store.name):
            return 0
        start = log.size
        found = (
            MemoryWrite(store.name, key, "baseline", content, "import")
            for key, content in store.read()
            if isinstance(content, bytes)
        )
        entries = log.extend(found, at=at)
        log.settle_from(start)  # in place already
    return entries


def _begun(log: MemoryLog, place: LogPlace, *, origin: str) -> bool:
    if not log.exists():
        return False
    if log.origin != origin:
        raise ConflictError(
            f"{place} is the log of {log.origin!r}, not of {origin!r}",
            remedy="give each agent of each node a log file of its own",
        )
    return True


def _require_empty(store: MemoryStore, place: LogPlace) -> None:
    for key, _ in store.read():
        raise ConflictError(
            f"the store holds {key!r} and more, but there is no log at {place}",
            remedy="restore the log, or adopt the store as it is after looking at it",
        )
