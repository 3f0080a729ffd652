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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log, open_to_read
from mythos.adapters.memory_log_kept import Kept
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
    target = target_of(log.entries(), store=store.name, past=past)
    concerned = {entry.seq for some in (target.entries, target.last) for entry in some.values()}
    salts = {seq: salt for seq, salt in log.salts(store.name) if seq in concerned}

    def holds(entry: MemoryEntry, content: bytes) -> bool:
        salt = salts.get(entry.seq)
        return salt is not None and is_content(content, entry.content_hash, salt=salt)

    def restorable(wrong: Mapping[str, MemoryEntry]) -> set[str]:
        seqs = {key: entry.seq for key, entry in wrong.items()}
        return {key for key, _, content in _contents(log, seqs, backup) if content is not None}

    made = plan_rollback(
        target, store.read(), names, store=store.name, holds=holds, restorable=restorable
    )
    made.blocked = _blocked(store, log, made, backup)
    if past.without:
        made.n_standing = sum(last.trace_id in past.without for last in target.last.values())
    return made


def _blocked(
    store: MemoryStore, log: MemoryLog, made: RollbackPlan, backup: MemoryStore | None
) -> dict[str, str]:
    if log.read_only:
        return dict.fromkeys([*made.remove, *made.restore], log.read_only)
    removed: Iterator[Change] = ((key, None) for key in made.remove)
    restored: Iterator[Change] = (
        (key, content) for key, _, content in _contents(log, made.restore, backup)
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
    removed_by = {key: seq for key, seq in made.remove.items() if seq is not None}
    for key in (key for key in made.remove if key not in removed_by):
        yield MemoryWrite(store.name, key, "delete", None, "operator", "", policy_ref)
    for key, (entry, _) in zip(removed_by, log.kept_beside(removed_by.values()), strict=True):
        why = restores_ref(policy_ref, entry.seq)
        yield MemoryWrite(store.name, key, "delete", None, "operator", entry.trace_id, why)
    for key, entry, content in _contents(log, made.restore, backup):
        if content is None:
            raise MemoryLogError(
                f"the content of {key!r} is not there any more",
                remedy="plan the roll-back again; nothing was changed",
            )
        why = restores_ref(policy_ref, entry.seq)
        yield MemoryWrite(store.name, key, "put", content, "operator", entry.trace_id, why)


def _contents(
    log: MemoryLog, seqs: Mapping[str, int], backup: MemoryStore | None
) -> Iterator[tuple[str, MemoryEntry, bytes | None]]:
    """Of each key an entry and what it logged, if that is kept beside the log or in the backup."""
    for key, (entry, kept) in zip(seqs, log.kept_beside(seqs.values()), strict=True):
        yield key, entry, _content(entry, kept, key, backup)


def _content(
    entry: MemoryEntry, kept: Kept | None, key: str, backup: MemoryStore | None
) -> bytes | None:
    if kept is None:
        return None
    if _is(entry, kept.salt, kept.content):
        return kept.content
    try:
        content = backup.get(key) if backup is not None else None
    except (MemoryLogError, UnavailableError):
        return None
    return content if isinstance(content, bytes) and _is(entry, kept.salt, content) else None


def _is(entry: MemoryEntry, salt: bytes, content: bytes | None) -> bool:
    return content is not None and is_content(content, entry.content_hash, salt=salt)
