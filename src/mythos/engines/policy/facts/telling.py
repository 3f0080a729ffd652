"""What a fact's history says at a moment: a value, the few that it may have, or nothing.

`once E since R` holds iff the newest E is later than the newest R and, with `within`, no older
than that. `count` and `sum` are tallies of a window, `last` the value of the newest entry.

A *reading* is a way in which all that is doubtful may have been: whether each key that may be the
same one is, and whether each doubted event counts. Law: what is told holds in every reading, and
each value of a `OneOf` in some. Of the keys it is enough to try none and each alone: the newest of
several is the newest of one, and another key that is the same can only undo more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import TypeAlias

from mythos.engines.policy.facts.kind import sum_value
from mythos.engines.policy.facts.known import ABSENT, FactValue, Known, OneOf
from mythos.engines.policy.facts.log import FactLog, Key, Keyed
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.facts.timeline import NEVER, Entry, Timeline

MAX_CANDIDATES = 8
MAX_TRIED = 64  # doubted events of a key that one answer looks at


_Moments: TypeAlias = "tuple[int, int, int, int]"
"""When it was newest seen, perhaps seen, undone, and perhaps undone; `NEVER` is never."""
_Kept: TypeAlias = "tuple[list[Timeline], list[Timeline], list[Timeline], list[Timeline]]"
"""What is kept of each of these."""


def told(logs: Sequence[FactLog], key: Key, now_ns: int) -> Known:
    """What the fact is for an action with this key that starts at `now_ns`.

    Args:
        logs: the fact's history in parts that share no event; at least one.
        key: what `by` reads from the action.
        now_ns: Unix nanoseconds.

    Returns:
        A value, its absence, a few candidates, or None where the history does not tell.
    """
    form = logs[0].plan.form
    if form == "once":
        return _once(logs, key, now_ns)
    return _last(logs, key, now_ns) if form == "last" else _tallied(logs, key, now_ns)


def _once(logs: Sequence[FactLog], key: Key, now_ns: int) -> bool | None:
    plan = logs[0].plan
    own = _kept(logs, (key,), logs[0].wide(key))
    others = [_kept(logs, (each,), (each,)) for each in _near(logs, key)]
    if not all(line.knows(now_ns) for line in chain(*own, *chain.from_iterable(others))):
        return None
    seen, perhaps, undone, perhaps_undone = [_newest_ns(lines, now_ns) for lines in own]
    for log in logs:
        perhaps = max(perhaps, log.blurred_ns)
        perhaps_undone = max(perhaps_undone, log.reset_blurred_ns)
    if perhaps <= seen and perhaps_undone <= undone and not others:
        return _fresh(plan, seen, undone, now_ns)
    found = {*_at_most_and_least(plan, (seen, perhaps, undone, perhaps_undone), now_ns)}
    for other in others:
        a, b, c, d = (_newest_ns(lines, now_ns) for lines in other)
        both = max(seen, a), max(perhaps, b), max(undone, c), max(perhaps_undone, d)
        found.update(_at_most_and_least(plan, both, now_ns))
    return found.pop() if len(found) == 1 else None


def _kept(logs: Sequence[FactLog], keys: Sequence[Key], wide: Sequence[Key]) -> _Kept:
    return (
        _lines([log.seen for log in logs], keys),
        _lines([log.doubted for log in logs], wide),
        _lines([log.resets for log in logs], keys),
        _lines([log.reset_doubted for log in logs], wide),
    )


def _at_most_and_least(plan: FactPlan, one: _Moments, now_ns: int) -> tuple[bool, bool]:
    """Whether it holds if all that is doubted was seen, and if all that is doubted undid it."""
    seen, perhaps, undone, perhaps_undone = one
    return (
        _fresh(plan, max(seen, perhaps), undone, now_ns),
        _fresh(plan, seen, max(undone, perhaps_undone), now_ns),
    )


def _fresh(plan: FactPlan, seen: int, undone: int, now_ns: int) -> bool:
    return seen > undone and (plan.window_ns is None or now_ns - seen <= plan.window_ns)


def _last(logs: Sequence[FactLog], key: Key, now_ns: int) -> Known:
    plan = logs[0].plan
    kept, doubted = [log.seen for log in logs], [log.doubted for log in logs]
    seen, doubts = _lines(kept, (key,)), _lines(doubted, logs[0].wide(key))
    others = [(_lines(kept, (each,)), _lines(doubted, (each,))) for each in _near(logs, key)]
    every = (line for pair in others for lines in pair for line in lines)
    if not all(line.knows(now_ns) for line in chain(seen, doubts, every)):
        return None
    newest = _newest(seen, now_ns)
    since = max(0 if plan.window_ns is None else now_ns - plan.window_ns, 0)
    start = max(newest.at_ns, since) if newest else since
    if any(log.blurred_ns >= start for log in logs):
        return None
    values: list[FactValue | None] = [_value(newest if newest and newest.at_ns >= since else None)]
    if not doubts and not others:
        return values[0]
    values += _doubted(doubts, start, now_ns)
    for alike, alike_doubts in others:
        other = _newest(alike, now_ns)
        if other and other.at_ns >= start:
            values.append(_value(other))
        values += _doubted(alike_doubts, max(other.at_ns, start) if other else start, now_ns)
    return _one_of(values)


def _value(entry: Entry | None) -> FactValue:
    return ABSENT if entry is None or entry.value is None else entry.value


def _one_of(values: Sequence[FactValue | None]) -> Known:
    """The values, each once; nothing where one was not captured, or there are too many to try."""
    told: list[FactValue] = []
    for each in values:
        if each is None:
            return None
        if not any(_is_same(each, other) for other in told):
            told.append(each)
    if len(told) > MAX_CANDIDATES:
        return None
    return OneOf(tuple(told)) if len(told) > 1 else told[0]


def _is_same(one: FactValue, other: FactValue) -> bool:
    return type(one) is type(other) and one == other


def _tallied(logs: Sequence[FactLog], key: Key, now_ns: int) -> Known:
    plan, near = logs[0].plan, _near(logs, key)
    wide = (*logs[0].wide(key), *near)
    since = None if plan.window_ns is None else now_ns - plan.window_ns
    if any(log.blurred_ns >= max(since or 0, 0) for log in logs):
        return None
    seen = [log.seen for log in logs]
    sure = _sum(_lines(seen, (key,)), since, now_ns)
    unsure = _sum(_lines([log.doubted for log in logs], wide), since, now_ns)
    alike = [_sum(_lines(seen, (each,)), since, now_ns) for each in near]
    if sure is None or unsure is None or None in alike:
        return None
    others = [each for each in alike if each is not None]
    if plan.form == "sum":
        return None if unsure[0] else _added(plan, sure[1], [amount for _, amount in others])
    most = sure[0] + unsure[0] + sum(n for n, _ in others)
    if most - sure[0] >= MAX_CANDIDATES:
        return None
    return OneOf(tuple(range(sure[0], most + 1))) if most > sure[0] else sure[0]


def _added(plan: FactPlan, sure: int, others: Sequence[int]) -> Known:
    """A sum with or without what was added under each key that may be the same."""
    sums = {sure}
    for each in others:
        sums |= {one + each for one in sums}
        if len(sums) > MAX_CANDIDATES:
            return None
    values = [sum_value(plan.kind, each) for each in sorted(sums)]
    told = tuple(each for each in values if each is not None)
    if len(told) < len(values):
        return None
    return OneOf(told) if len(told) > 1 else told[0]


def _near(logs: Sequence[FactLog], key: Key) -> tuple[Key, ...]:
    """Keys under which something is kept and that may be this one."""
    if not logs[0].plan.keys:
        return ()
    return tuple(sorted(frozenset[Key]().union(*(log.near(key) for log in logs))))


def _lines(tables: Sequence[Keyed], keys: Sequence[Key]) -> list[Timeline]:
    """What is kept under these keys."""
    return [
        line for table in tables if table for key in keys if (line := table.get(key)) is not None
    ]


def _newest_ns(lines: Sequence[Timeline], now_ns: int) -> int:
    """When the last thing happened that is no later than now."""
    return max([line.newest_ns(now_ns) for line in lines], default=NEVER)


def _sum(lines: Sequence[Timeline], since_ns: int | None, now_ns: int) -> tuple[int, int] | None:
    n = amount = 0
    for line in lines:
        tally = line.tally(since_ns, now_ns)
        if tally is None:
            return None
        n += tally.n
        amount += tally.amount
    return n, amount


def _newest(lines: Sequence[Timeline], now_ns: int) -> Entry | None:
    entries = [entry for line in lines if (entry := line.newest(now_ns))]
    if len(entries) < 2:
        return entries[0] if entries else None
    return max(entries, key=lambda entry: (entry.at_ns, entry.rank))


def _doubted(lines: Sequence[Timeline], since_ns: int, now_ns: int) -> list[FactValue | None]:
    """What doubted events may have set; None for what was not captured, or is too much to try."""
    entries = chain.from_iterable(line.between(since_ns, now_ns) for line in lines)
    values: list[FactValue | None] = [entry.value for entry in islice(entries, MAX_TRIED + 1)]
    return values if len(values) <= MAX_TRIED else [None]
