"""Rolling back: which keys of a store must change to be what its log once said.

A plan is made from the log and the live store and changes nothing. What a plan cannot restore, and
what it leaves alone, are named in it: nothing is half rolled back without being told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mythos.engines.memory.entry import key_hash
from mythos.engines.memory.live import Unreadable
from mythos.values.memory import MemoryEntry

Stays = Callable[[MemoryEntry], bool]


@dataclass(frozen=True, slots=True)
class Target:
    """What a store is to be again: of each key its last entry that counts (key hash to entry).

    `known` are the keys that any entry names, counted or not.
    """

    entries: dict[str, MemoryEntry] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)


@dataclass(slots=True)
class RollbackPlan:
    """`restore`: key to the number of the entry whose content it gets back. `remove`: keys that go.

    `impossible`: keys (or their hashes) whose content is nowhere any more. `left`: keys that the
    log never knew and that stay. `unchanged`: how many keys are right already.
    """

    restore: dict[str, int] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    impossible: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unchanged: int = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to change."""
        return not self.restore and not self.remove


def target_of(entries: Iterable[MemoryEntry], *, store: str, stays: Stays) -> Target:
    """Replay the entries of `store` that `stays` accepts.

    Args:
        entries: the whole log.
        store: the store to roll back.
        stays: whether an entry is to have happened: written before a checkpoint, or by no run
            that is to be undone.
    """
    target = Target()
    for entry in entries:
        if entry.store != store:
            continue
        target.known.add(entry.key_hash)
        if stays(entry):
            target.entries[entry.key_hash] = entry
    return target


def plan_rollback(
    target: Target,
    live: Iterable[tuple[str, bytes | Unreadable]],
    names: Mapping[str, str],
    *,
    store: str,
    holds: Callable[[MemoryEntry, bytes], bool],
    restorable: Callable[[MemoryEntry], bool],
) -> RollbackPlan:
    """Compare the live store with what it is to be.

    Args:
        target: of `target_of`.
        live: every key once with its content.
        names: key hash to key, for keys that are not live.
        store: the store's name.
        holds: whether a content is the one that an entry logged.
        restorable: whether the content of an entry is kept somewhere, and is the one it logged.
    """
    plan = RollbackPlan()
    wanted = {hashed: entry for hashed, entry in target.entries.items() if entry.content_hash}
    for key, content in live:
        hashed = key_hash(store, key)
        entry = wanted.pop(hashed, None)
        if entry is None:
            (plan.remove if hashed in target.known else plan.left).append(key)
        elif isinstance(content, bytes) and holds(entry, content):
            plan.unchanged += 1
        else:
            _restore(plan, key, entry, restorable)
    for hashed, entry in wanted.items():
        if hashed in names:
            _restore(plan, names[hashed], entry, restorable)
        else:
            plan.impossible.append(hashed)
    return _sorted(plan)


def written_by(
    entries: Iterable[MemoryEntry], *, wanted: Stays
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


def _restore(
    plan: RollbackPlan, key: str, entry: MemoryEntry, restorable: Callable[[MemoryEntry], bool]
) -> None:
    if restorable(entry):
        plan.restore[key] = entry.seq
    else:
        plan.impossible.append(key)


def _sorted(plan: RollbackPlan) -> RollbackPlan:
    plan.restore = dict(sorted(plan.restore.items()))
    for keys in (plan.remove, plan.impossible, plan.left):
        keys.sort()
    return plan
