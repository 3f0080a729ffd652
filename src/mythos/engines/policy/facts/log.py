"""Logs: the history of one fact. What it says at a moment is `telling`'s.

What counts for an action that starts at t:

- for `once` and `last`, a call counts from its end, when its result is known: end <= t, and only
  with the fact's `outcome`;
- for `count` and `sum`, a call counts from its start, until it turns out to have the wrong outcome:
  calls in flight cannot race past a cap. With `outcome: error`, from its end;
- an R that is a tool call counts from its start, whatever its result: an attempt uses up what
  it needed, so two calls in flight cannot share one confirmation. No call counts for itself;
- a user event counts from its time <= t, as E and as R;
- an event that may have happened unseen, that may not be of the kind asked for, or whose key may be
  the same spelt otherwise (`spelling`), is a *doubt*.

Law: a log is a set of timelines by key, so logs merge in any order, grouping and repetition.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeAlias

from mythos.engines.policy.facts.declared import PRINCIPAL
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.facts.spelling import key_likeness, key_text
from mythos.engines.policy.facts.timeline import NEVER, Entry, Timeline

Key: TypeAlias = "tuple[str, ...]"
Keyed: TypeAlias = "dict[Key, Timeline]"

ANY = "\0"
"""Stands in a key for a value that was not captured: it may be any."""


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
