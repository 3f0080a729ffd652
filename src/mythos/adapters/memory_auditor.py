"""The audit of a memory store against its log.

A census: every memory is read and every entry replayed, while writers wait. A log that is broken or
gone is a result here, not an error, because that is what the audit is asked to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from mythos.adapters.memory_log_sqlite import SqliteMemoryLog, open_log
from mythos.adapters.memory_settling import settle
from mythos.adapters.memory_store import MemoryStore
from mythos.engines.memory.audit import audit
from mythos.engines.memory.note import NoteVerifier
from mythos.errors import MemoryLogError, NotFoundError
from mythos.values.memory import Checkpoint, MemoryAudit


def audit_store(
    store: MemoryStore,
    log_path: Path,
    *,
    at: datetime,
    verifiers: Sequence[NoteVerifier] = (),
    witnessed: Sequence[Checkpoint] = (),
) -> MemoryAudit:
    """Compare the live store with its log.

    Args:
        store: the live store. If it is gone, all its memories are missing.
        log_path: the log's file.
        at: time of the audit.
        verifiers: the node's keys under the log's origin; then stored checkpoints must verify.
        witnessed: checkpoints of this log that someone outside remembers.

    Returns:
        The audit; a log that cannot be read is `proof_failed`. Without a log every live key is
        unlogged and there is no score, unless a witness remembers one: then that is the failure.

    Raises:
        UnavailableError: the log is locked.
    """
    try:
        with open_log(log_path) as log, log.transaction():
            stuck = settle(store, log)
            known = [*log.checkpoints(*verifiers), *witnessed]
            result = _audit(store, log, known, at=at)
    except NotFoundError as absent:
        return _without_log(store, witnessed, absent, at=at)
    except MemoryLogError as broken:
        return MemoryAudit(proof_failed=broken.message, audited_at=at)
    waiting = tuple(f"logged, not in the store yet: {error.message}" for error in stuck.values())
    return result.model_copy(update={"notes": (*result.notes, *waiting)})


def _audit(
    store: MemoryStore, log: SqliteMemoryLog, known: Sequence[Checkpoint], *, at: datetime
) -> MemoryAudit:
    return audit(
        log.entries(),
        store.read(),
        log.salts(),
        at=at,
        store=store.name,
        origin=log.origin,
        checkpoints=known,
        keys=log.keys(store.name),
    )


def _without_log(
    store: MemoryStore, witnessed: Sequence[Checkpoint], absent: NotFoundError, *, at: datetime
) -> MemoryAudit:
    if witnessed:
        newest = max(witnessed, key=lambda known: known.size)
        message = f"{absent.message}, but a checkpoint of size {newest.size} is remembered"
        return MemoryAudit(origin=newest.origin, proof_failed=message, audited_at=at)
    unlogged = tuple(sorted(key for key, _ in store.read()))
    return MemoryAudit(unlogged=unlogged, audited_at=at)
