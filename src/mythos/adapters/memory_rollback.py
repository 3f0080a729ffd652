"""Rolling a store back to what its log once said, by way of the log.

The plan is a dry run, which rehearses every change. If the store would refuse one, nothing is done.
Applying it logs every change first, in one transaction, and then carries the changes out, removals
first; what a crash or a full disk cuts off stays *pending*, is told, and is carried out by whoever
opens the log next. Old contents come from beside the log, or from a backup store; either
is used only if it is what the log says.

An entry of a roll-back is the operator's, and keeps the run of the entry that it restores: what a
run wrote, or removed, is still that run's when it was put back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log, open_to_read
from mythos.adapters.memory_settling import OnSettled, settle
from mythos.adapters.memory_store import Change, MemoryStore
from mythos.engines.memory.checkpoint import require_extends
from mythos.engines.memory.entry import MemoryWrite, is_content, key_hash, restores_ref
from mythos.engines.memory.rollback import Past, RollbackPlan, plan_rollback, target_of
from mythos.errors import MemoryLogError, UnavailableError
from mythos.values.memory import MemoryEntry


@dataclass(frozen=True, slots=True)
class RolledBack:
    """What was done: the plan, the number of entries logged, and what still waits to be written."""

    plan: RollbackPlan
    logged: int
    stuck: tuple[str, ...]


def plan(
    store: MemoryStore,
    place: LogPlace,
    past: Past,
    *,
    backup: MemoryStore | None = None,
    on_settled: OnSettled = lambda _: None,
) -> RollbackPlan:
    """Say what rolling back would change; nothing is changed but what was logged before.

    Args:
        store: the live store.
        place: its log.
        past: which entries are to have happened.
        backup: another store of the same keys, to take contents from that the log keeps no more.
        on_settled: told each change that was logged before and had to be carried out.

    Raises:
        NotFoundError: no log, or none that knows what `past` names.
        MemoryLogError: the log does not hold, so nobody knows what to roll back to.
    """
    with open_to_read(place) as log, log.transaction():
        settle(store, log, on_settled=on_settled)
        return _plan(store, log, past, backup)


def roll_back(
    store: MemoryStore,
    place: LogPlace,
    past: Past,
    *,
    at: datetime,
    policy_ref: str,
    backup: MemoryStore | None = None,
    on_settled: OnSettled = lambda _: None,
) -> RolledBack:
    """Log and carry out what `plan` says now; nothing where a change of it is blocked.

    Raises:
        As `plan`; then nothing was changed.
    """
    with open_log(place) as log:
        with log.transaction():
            settle(store, log, on_settled=on_settled)
            made = _plan(store, log, past, backup)
            if made.blocked:
                return RolledBack(made, 0, ())
            writes = _writes(store, log, made, backup, policy_ref=policy_ref)
            logged = log.extend(writes, at=at)
        with log.transaction():
            stuck = settle(store, log)
    return RolledBack(made, logged, tuple(str(error) for error in stuck.values()))


def _plan(
    store: MemoryStore, log: MemoryLog, past: Past, backup: MemoryStore | None
) -> RollbackPlan:
    tree, origin = log.tree(), log.origin
    for known in log.checkpoints():
        require_extends(tree, known, origin=origin)
    names = {key_hash(store.name, key): key for key in log.keys(store.name)}

    def holds(entry: MemoryEntry, content: bytes) -> bool:
        kept = log.kept(entry.seq)
        return kept is not None and is_content(content, entry.content_hash, salt=kept.salt)

    def restorable(entry: MemoryEntry) -> bool:
        return _content(log, entry, names.get(entry.key_hash), backup) is not None

    made = plan_rollback(
        target_of(log.entries(), store=store.name, past=past),
        store.read(),
        names,
        store=store.name,
        holds=holds,
        restorable=restorable,
    )
    made.blocked = _blocked(store, log, made, backup)
    return made


def _blocked(
    store: MemoryStore, log: MemoryLog, made: RollbackPlan, backup: MemoryStore | None
) -> dict[str, str]:
    if log.read_only:
        return dict.fromkeys([*made.remove, *made.restore], log.read_only)
    removed: Iterator[Change] = ((key, None) for key in made.remove)
    restored: Iterator[Change] = (
        (key, _content(log, log.entry(seq), key, backup)) for key, seq in made.restore.items()
    )
    try:
        refused = store.rehearse(chain(removed, restored))
    except UnavailableError as error:
        return dict.fromkeys([*made.remove, *made.restore], str(error))
    return {key: str(error) for key, error in refused.items()}


def _writes(
    store: MemoryStore,
    log: MemoryLog,
    made: RollbackPlan,
    backup: MemoryStore | None,
    *,
    policy_ref: str,
) -> Iterator[MemoryWrite]:
    for key, gone_by in made.remove.items():
        run, why = "", policy_ref
        if gone_by is not None:
            run, why = log.entry(gone_by).trace_id, restores_ref(policy_ref, gone_by)
        yield MemoryWrite(store.name, key, "delete", None, "operator", run, why)
    for key, seq in made.restore.items():
        entry = log.entry(seq)
        content = _content(log, entry, key, backup)
        if content is None:
            raise MemoryLogError(
                f"the content of {key!r} is not there any more",
                remedy="plan the roll-back again; nothing was changed",
            )
        why = restores_ref(policy_ref, seq)
        yield MemoryWrite(store.name, key, "put", content, "operator", entry.trace_id, why)


def _content(
    log: MemoryLog, entry: MemoryEntry, key: str | None, backup: MemoryStore | None
) -> bytes | None:
    """What an entry logged, if it is kept beside the log or in the backup."""
    kept = log.kept(entry.seq)
    if kept is None:
        return None
    if _is(entry, kept.salt, kept.content):
        return kept.content
    try:
        content = backup.get(key) if backup is not None and key is not None else None
    except (MemoryLogError, UnavailableError):
        return None
    return content if isinstance(content, bytes) and _is(entry, kept.salt, content) else None


def _is(entry: MemoryEntry, salt: bytes, content: bytes | None) -> bool:
    return content is not None and is_content(content, entry.content_hash, salt=salt)
