"""Rolling back: which keys of a store must change to be what its log once said.

A plan is made from the log and the live store and changes nothing. What a plan cannot restore, and
what it leaves alone, are named in it: nothing is half rolled back without being told.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mythos.engines.memory.entry import key_hash
from mythos.engines.memory.live import Unreadable
from mythos.errors import NotFoundError
from mythos.values.memory import MemoryEntry


@dataclass(frozen=True, slots=True)
class Past:
    """What is to have happened: of the first `size` entries (None: of all) those of other runs.

    `without` are the trace ids of the runs that are to have written nothing.
    """

    size: int | None = None
    without: frozenset[str] = frozenset()

    def counts(self, entry: MemoryEntry) -> bool:
        """Whether an entry is to have happened."""
        return (self.size is None or entry.seq < self.size) and entry.trace_id not in self.without


@dataclass(frozen=True, slots=True)
class Target:
    """What a store is to be again: of each key its last entry that counts (key hash to entry).

    `last` has the last entry of every key, whether it counts or not.
    """

    entries: dict[str, MemoryEntry] = field(default_factory=dict)
    last: dict[str, MemoryEntry] = field(default_factory=dict)


@dataclass(slots=True)
class RollbackPlan:
    """`restore`: key to the number of the entry whose content it gets back.

    `remove`: keys that go, to the number of the entry after which they were gone; None where they
    had not come yet. `impossible`: keys (or their hashes) whose content is nowhere any more.
    `left`: keys that the log never knew and that stay. `unchanged`: how many are right already.
    `blocked`: keys that the store would not let change now, and why; then nothing is to be changed.
    `n_standing`: of how many keys the last entry is of a run that is to be undone, or None.
    """

    restore: dict[str, int] = field(default_factory=dict)
    remove: dict[str, int | None] = field(default_factory=dict)
    impossible: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unchanged: int = 0
    blocked: dict[str, str] = field(default_factory=dict)
    n_standing: int | None = None


def target_of(entries: Iterable[MemoryEntry], *, store: str, past: Past) -> Target:
    """Replay the entries of `store` that are to have happened.

    Args:
        entries: the whole log.
        store: the store to roll back.
        past: which entries are to have happened.

    Raises:
        NotFoundError: the log has fewer entries, or none of a run that is to be undone.
    """
    target, size, met = Target(), 0, set[str]()
    for entry in entries:
        size += 1
        if entry.store != store:
            continue
        target.last[entry.key_hash] = entry
        if entry.trace_id in past.without:
            met.add(entry.trace_id)
        if past.counts(entry):
            target.entries[entry.key_hash] = entry
    if past.size is not None and past.size > size:
        raise NotFoundError(
            f"the log has {size} entries, not {past.size}",
            remedy=f"name a size from 0 to {size}: `mythos memory trace` numbers the entries",
        )
    require_runs(past.without - met)
    return target


def require_runs(unknown: Iterable[str]) -> None:
    """Refuse runs of which the log has no entry.

    Raises:
        NotFoundError: there is one.
    """
    for run in sorted(unknown):
        raise NotFoundError(
            f"no entry of this log is of run {run[:80]!r}",
            remedy="take the trace id, 32 hex digits, from `mythos memory trace`",
        )


def plan_rollback(
    target: Target,
    live: Iterable[tuple[str, bytes | Unreadable]],
    names: Mapping[str, str],
    *,
    store: str,
    holds: Callable[[MemoryEntry, bytes], bool],
    restorable: Callable[[Mapping[str, MemoryEntry]], Container[str]],
) -> RollbackPlan:
    """Compare the live store, and the log's last word on it, with what it is to be.

    A key changes also where only the log's last word is another than it is to be, or of another
    run: what stands in the store is then logged as what it is.

    Args:
        target: of `target_of`.
        live: every key once with its content.
        names: key hash to key, for keys that are not live.
        store: the store's name.
        holds: whether a content is the one that an entry logged.
        restorable: of keys, each with the entry that it is to be again, those for which the
            content is kept somewhere, and is the one that was logged.
    """
    plan, absent, wrong = RollbackPlan(), dict(target.last), dict[str, MemoryEntry]()
    for key, content in live:
        hashed = key_hash(store, key)
        last, wanted = absent.pop(hashed, None), target.entries.get(hashed)
        if last is None:
            plan.left.append(key)
        elif wanted is None or wanted.content_hash is None:
            plan.remove[key] = None if wanted is None else wanted.seq
        elif _stands(wanted, last, content, holds):
            plan.unchanged += 1
        else:
            wrong[key] = wanted
    for hashed, last in absent.items():
        name, wanted = names.get(hashed), target.entries.get(hashed)
        if wanted is not None and wanted.content_hash is not None:
            if name is None:
                plan.impossible.append(hashed)
            else:
                wrong[name] = wanted
        elif last.content_hash is not None and name is not None:
            plan.remove[name] = None if wanted is None else wanted.seq
    kept = restorable(wrong)
    plan.restore = {key: entry.seq for key, entry in wrong.items() if key in kept}
    plan.impossible += [key for key in wrong if key not in kept]
    return _sorted(plan)


def _stands(
    wanted: MemoryEntry,
    last: MemoryEntry,
    content: bytes | Unreadable,
    holds: Callable[[MemoryEntry, bytes], bool],
) -> bool:
    """Whether store and log both say already what they are to say, and of the same run."""
    if isinstance(content, Unreadable) or not holds(wanted, content):
        return False
    return last.seq == wanted.seq or (last.trace_id == wanted.trace_id and holds(last, content))


def written_by(
    entries: Iterable[MemoryEntry], *, wanted: Callable[[MemoryEntry], bool]
) -> Iterator[tuple[MemoryEntry, bool]]:
    """Yield the entries that `wanted` picks, each with whether it still is the last of its key."""
    picked: list[MemoryEntry] = []
    last: dict[str, int] = {}
    for entry in entries:
        last[entry.key_hash] = entry.seq
        if wanted(entry):
            picked.append(entry)
    for entry in picked:
        yield entry, last[entry.key_hash] == entry.seq


def _sorted(plan: RollbackPlan) -> RollbackPlan:
    plan.restore = dict(sorted(plan.restore.items()))
    plan.remove = dict(sorted(plan.remove.items()))
    plan.impossible.sort()
    plan.left.sort()
    return plan
