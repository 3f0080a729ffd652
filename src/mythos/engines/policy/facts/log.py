"""Logs: the history of one fact, and what it says at a moment.

`once E since R` holds iff the newest E is later than the newest R and, with `within`, no older
than that. `count` and `sum` are tallies of a window, `last` the value of the newest entry.

What counts for an action that starts at t:

- for `once` and `last`, a call counts from its end, when its result is known: end <= t, and only
  with the fact's `outcome`;
- for `count` and `sum`, a call counts from its start, until it turns out to have the wrong outcome:
  calls in flight cannot race past a cap. With `outcome: error`, from its end;
- an R that is a tool call counts from its start, whatever its result: an attempt uses up what
  it needed, so two calls in flight cannot share one confirmation. No call counts for itself;
- a user event counts from its time <= t, as E and as R;
- an event that may have happened unseen, that may not be of the kind asked for, or whose key may be
  the same spelt otherwise (`spelling`), is a *doubt*. A fact that comes out differently with and
  without its doubts is not told, or as the few values it may have.

Law: a log is a set of timelines by key, so logs merge in any order, grouping and repetition.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeAlias

from mythos.engines.policy.facts.declared import PRINCIPAL
from mythos.engines.policy.facts.kind import sum_value
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.facts.spelling import key_likeness, key_text
from mythos.engines.policy.facts.timeline import NEVER, Entry, Timeline

Key: TypeAlias = "tuple[str, ...]"
Keyed: TypeAlias = "dict[Key, Timeline]"

ANY = "\0"
"""Stands in a key for a value that was not captured: it may be any."""
MAX_CANDIDATES = 8


class FactLog:
    """The history of one fact: what it collects, what undoes it, and the doubts of both."""

    __slots__ = ("_alike", "blurred_ns", "doubted", "plan", "reset_blurred_ns", "reset_doubted",
                 "resets", "seen")  # fmt: skip

    def __init__(self, plan: FactPlan) -> None:
        """Begin without history."""
        self.plan = plan
        self.seen: Keyed = {}
        self.doubted: Keyed = {}
        self.resets: Keyed = {}
        self.reset_doubted: Keyed = {}
        self.blurred_ns = NEVER
        self.reset_blurred_ns = NEVER
        self._alike: dict[Key, set[Key]] = {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FactLog):
            return NotImplemented
        return self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _all(self) -> tuple[object, ...]:
        tables = (self.seen, self.doubted, self.resets, self.reset_doubted)
        return (self.plan.identity, *tables, self.blurred_ns, self.reset_blurred_ns)

    def put(self, table: Keyed, key: Key, name: str, entry: Entry) -> None:
        """Enter one event into one of the log's tables."""
        line = table.get(key)
        if line is None:
            line = table[key] = Timeline(self.plan.retain_ns)
            if self.plan.keys:
                self._alike.setdefault(self._respelt(key, key_likeness), set()).add(key)
        line.put(name, entry)

    def blur(self, until_ns: int, *, resets: bool) -> None:
        """Note that an event of the fact, or of its resets, may have been missed up to then."""
        if resets:
            self.reset_blurred_ns = max(self.reset_blurred_ns, until_ns)
        else:
            self.blurred_ns = max(self.blurred_ns, until_ns)

    @property
    def empty(self) -> bool:
        """Whether nothing was ever entered."""
        return not any(self.tables()) and self.blurred_ns == self.reset_blurred_ns == NEVER

    def absorb(self, other: FactLog, *, until_ns: int | None = None) -> None:
        """Take in what another log of the same fact holds, but nothing later than `until_ns`."""
        for mine, theirs in zip(self.tables(), other.tables(), strict=True):
            for key, line in theirs.items():
                for name, entry in line.entries().items():
                    if until_ns is None or entry.at_ns <= until_ns:
                        self.put(mine, key, name, entry)
        for blurred_ns, resets in ((other.blurred_ns, False), (other.reset_blurred_ns, True)):
            late = until_ns is not None and blurred_ns > until_ns
            self.blur(until_ns if late and until_ns is not None else blurred_ns, resets=resets)

    def tables(self) -> tuple[Keyed, ...]:
        """Everything with a key: collected, doubted, resets, doubted resets."""
        return self.seen, self.doubted, self.resets, self.reset_doubted

    def near(self, key: Key) -> set[Key]:
        """Other keys that may be the same one, spelt otherwise."""
        return self._alike.get(self._respelt(key, key_likeness), set()) - {key}

    def respelt(self, key: Sequence[str]) -> Key:
        """A key as it is spelt now, which may have been kept by an earlier version."""
        return self._respelt(key, lambda text: key_text(json.loads(text)))

    def _respelt(self, key: Sequence[str], spelt: Callable[[str], str]) -> Key:
        """A key with what `by` read of arguments spelt in another way; agents are as they are."""
        first = len(key) - len(self.plan.keys)
        own = (
            each if name == PRINCIPAL or each == ANY else spelt(each)
            for name, each in zip(self.plan.keys, key[first:], strict=True)
        )
        return (*key[:first], *own)

    def wide(self, key: Key) -> tuple[Key, ...]:
        """The key itself, and the one under which doubts about any key are kept."""
        n_keys = len(self.plan.keys)
        return (key, (*key[: len(key) - n_keys], *(ANY,) * n_keys)) if n_keys else (key,)


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
    plan, near = logs[0].plan, _near(logs, key)
    wide = (*logs[0].wide(key), *near)
    done = _lines([log.seen for log in logs], (key,))
    undone = _lines([log.resets for log in logs], (key,))
    doubts = _lines([log.doubted for log in logs], wide)
    undoubted = _lines([log.reset_doubted for log in logs], wide)
    if near:
        doubts += _lines([log.seen for log in logs], near)
        undoubted += _lines([log.resets for log in logs], near)
    if not all(line.knows(now_ns) for line in (*done, *undone, *doubts, *undoubted)):
        return None
    done_ns, undone_ns = _newest_ns(done, now_ns), _newest_ns(undone, now_ns)
    perhaps_ns = max(_newest_ns(doubts, now_ns), *(log.blurred_ns for log in logs))
    perhaps_undone_ns = max(_newest_ns(undoubted, now_ns), *(log.reset_blurred_ns for log in logs))
    at_best = _fresh(plan, max(done_ns, perhaps_ns), undone_ns, now_ns)
    at_worst = _fresh(plan, done_ns, max(undone_ns, perhaps_undone_ns), now_ns)
    return at_best if at_best == at_worst else None


def _fresh(plan: FactPlan, seen: int, undone: int, now_ns: int) -> bool:
    return seen > undone and (plan.window_ns is None or now_ns - seen <= plan.window_ns)


def _last(logs: Sequence[FactLog], key: Key, now_ns: int) -> Known:
    plan, near = logs[0].plan, _near(logs, key)
    wide = (*logs[0].wide(key), *near)
    seen = _lines([log.seen for log in logs], (key,))
    doubts = _lines([log.doubted for log in logs], wide)
    if near:
        doubts += _lines([log.seen for log in logs], near)
    if not all(line.knows(now_ns) for line in (*seen, *doubts)):
        return None
    entries = [entry for line in seen if (entry := line.newest(now_ns))]
    newest = max(entries, key=lambda entry: entry.rank, default=None)
    seen_ns = newest.at_ns if newest else NEVER
    doubt_ns = max(_newest_ns(doubts, now_ns), *(log.blurred_ns for log in logs))
    since = NEVER if plan.window_ns is None else now_ns - plan.window_ns
    if doubt_ns >= max(seen_ns, since, 0):
        return None
    gone = newest is None or seen_ns < since or newest.value is None
    return ABSENT if gone or newest is None else newest.value


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
