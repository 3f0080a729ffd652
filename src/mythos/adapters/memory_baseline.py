"""The baseline of a memory log: what is taken for right when the log begins."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mythos.adapters.memory_log import LogPlace, MemoryLog, create_log, open_to_read
from mythos.adapters.memory_settling import settle_all
from mythos.adapters.memory_store import MemoryStore
from mythos.adapters.memory_store_uri import LOG_SUFFIX
from mythos.engines.memory.entry import MemoryWrite
from mythos.engines.memory.live import Content, Unreadable
from mythos.errors import ConflictError, MemoryLogError, NotFoundError, UnavailableError

MAX_TOLD = 100


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


@dataclass(frozen=True, slots=True)
class Adopted:
    """What became of a store's memories when its log began.

    `known`: the log knew the store already, and nothing changed. `left_out`: what cannot be read
    as a memory, with the reason, the first `MAX_TOLD` of `n_left_out`; it stays unlogged.
    """

    entries: int = 0
    known: bool = False
    n_left_out: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)


def adopt(store: MemoryStore, place: LogPlace, *, origin: str, at: datetime) -> Adopted:
    """Log what the store holds now as its baseline: trust starts here.

    A log that exists takes in a further store, never the same one twice.

    Raises:
        ConflictError: a log of another origin is there.
        MemoryLogError: a key that the log cannot carry.
    """
    left_out: dict[str, str] = {}
    n_left_out = 0

    def readable() -> Iterator[MemoryWrite]:
        nonlocal n_left_out
        for key, found in store.read():
            content = found if isinstance(found, Unreadable) else _nameable(store, key, found)
            if isinstance(content, bytes):
                yield MemoryWrite(store.name, key, "baseline", content, "import")
                continue
            n_left_out += 1
            if len(left_out) < MAX_TOLD:
                left_out[key] = content.reason

    with create_log(place) as log, log.transaction():
        if not _begun(log, place, origin=origin):
            log.begin(origin)
        elif log.knows(store.name):
            return Adopted(known=True)
        start = log.size
        entries = log.extend(readable(), at=at)
        log.settle_from(start)  # in place already
    return Adopted(entries, n_left_out=n_left_out, left_out=left_out)


def require_sole(place: LogPlace, *, origin: str) -> None:
    """Refuse to begin a log whose name another log in the same folder has.

    To a witness two logs of one name are one that was forked. On a server nothing is looked at.

    Raises:
        ConflictError: there is such a log.
    """
    if not isinstance(place, Path):
        return
    for other in sorted(place.parent.glob(f"*{LOG_SUFFIX}")):
        if os.path.realpath(other) != os.path.realpath(place) and _origin_of(other) == origin:
            raise ConflictError(
                f"{other} is the log of {origin!r} already",
                remedy=f"let a second store of that agent join it (--log {other}), or name another"
                " agent (--agent NAME); a log that is no more in use goes to another folder",
            )


def _origin_of(path: Path) -> str:
    """The name of a log; empty where it is none that can be read."""
    try:
        with open_to_read(path) as log:
            return log.origin
    except (NotFoundError, MemoryLogError, UnavailableError):
        return ""


def _nameable(store: MemoryStore, key: str, content: Content) -> Content:
    """The content, or why no memory may have its key."""
    try:
        store.require_key(key)
    except MemoryLogError as error:
        return Unreadable(error.message)
    return content


def _begun(log: MemoryLog, place: LogPlace, *, origin: str) -> bool:
    if not log.exists():
        return False
    if log.origin != origin:
        raise ConflictError(
            f"{place} is the log of {log.origin!r}, not of {origin!r}",
            remedy="give each agent of each node a log of its own, with --log on the command line",
        )
    return True


def _require_empty(store: MemoryStore, place: LogPlace) -> None:
    for key, _ in store.read():
        raise ConflictError(
            f"the store holds {key!r} and more, but there is no log at {place}",
            remedy="restore the log, or adopt the store as it is after looking at it",
        )
