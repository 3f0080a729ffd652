"""Logging what memory spans announce, as far as the store bears them out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from mythos.adapters.memory_log import LogPlace
from mythos.adapters.memory_recorder import Recorder
from mythos.adapters.memory_store import MemoryStore
from mythos.engines.memory.announcement import Announcement
from mythos.errors import MemoryLogError
from mythos.values.memory import MemoryEntry


@dataclass(slots=True)
class Announced:
    """What came of announcements: entries by key, and why others were passed over."""

    logged: dict[str, MemoryEntry] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)


def log_announced(
    store: MemoryStore, place: LogPlace, told: Iterable[Announcement], *, at: datetime
) -> Announced:
    """Log each announcement that the store bears out; what it does not, an audit will find.

    Raises:
        NotFoundError: the store has no log.
        UnavailableError: the log is locked, or the store cannot be read.
    """
    done = Announced()
    with Recorder(store, place) as recorder:
        for one in told:
            try:
                done.logged[one.key] = recorder.announce(
                    one.key,
                    one.digest,
                    source=one.source,
                    at=at,
                    trace_id=one.trace_id,
                    policy_ref=one.policy_ref,
                )
            except MemoryLogError as error:
                done.passed_over[one.key] = error.message
    return done
