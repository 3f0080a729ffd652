"""Timelines: what happened when, mergeable, and asked at a cost that does not grow with it.

A timeline is a set of entries by id; an event has one id and one time wherever it is observed. Seen
twice it is one entry: the one that says more (`Entry.rank`). Putting and merging are commutative,
associative and idempotent; spans may come late, twice or from several observers. Entries are kept
in order with running totals: what lies between two moments is two look-ups by bisection. Appending
in order costs O(1) amortised, an entry that comes late costs the entries after it.

Only the last `retain_ns` before the newest entry are kept, and one entry before those. What is
kept depends on what was put alone, never on the order. A question about a moment that lies so far
back that entries it needs may be gone is answered with None.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from mythos.values.event import Json

NEVER = -1
_SLACK = 64  # entries after which the front is looked at again


class Entry(NamedTuple):
    """One event of a timeline.

    `settled` says that its end was seen; `n` is 1 if it counts and 0 if it turned out not to;
    `amount` is what it adds to a sum; `value` what it sets, as JSON in Cedar's form.
    """

    at_ns: int
    settled: bool = True
    n: int = 1
    amount: int = 0
    value: Json = None

    @property
    def rank(self) -> tuple[bool, int, int, int, str]:
        """Which of two accounts of one event says more; a total order."""
        return self.settled, self.at_ns, self.n, self.amount, repr(self.value)


class Tally(NamedTuple):
    """How many entries lie in a window, and the sum of their amounts."""

    n: int
    amount: int


class Timeline:
    """Entries in order of (time, id). Owned by the history that fills it."""

    __slots__ = ("_amounts", "_counts", "_entries", "_ids", "_retain_ns", "_times")

    def __init__(self, retain_ns: int | None) -> None:
        """Begin empty; `retain_ns` None keeps everything."""
        self._retain_ns = retain_ns
        self._entries: dict[str, Entry] = {}
        self._times = array("q")  # a search through them stays in the processor's cache
        self._ids: list[str] = []
        self._counts = array("q", [0])  # running totals before each entry, as far as asked for
        self._amounts = [0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeline) and self.entries() == other.entries()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def put(self, name: str, entry: Entry) -> None:
        """Take in one account of the event `name`."""
        known = self._entries.get(name)
        if known is not None:
            if entry.rank <= known.rank:
                return
            if entry.at_ns != known.at_ns:
                self._take_out(name, known.at_ns)
                known = None
        at = self._place(name, entry.at_ns)
        if known is None:
            self._times.insert(at, entry.at_ns)
            self._ids.insert(at, name)
        self._entries[name] = entry
        self._forget_totals(at)
        if known is None and len(self._ids) % _SLACK == 0:
            self._cut()

    def newest(self, until_ns: int) -> Entry | None:
        """The last entry no later than `until_ns`; ask `knows` about moments long gone."""
        upto = self._upto(until_ns)
        return self._entries[self._ids[upto - 1]] if upto else None

    def newest_ns(self, until_ns: int) -> int:
        """When that entry was; `NEVER` if there is none."""
        upto = self._upto(until_ns)
        return self._times[upto - 1] if upto else NEVER

    def between(self, since_ns: int, until_ns: int) -> Iterator[Entry]:
        """The entries from `since_ns` to `until_ns`, both included; ask `knows` as well."""
        for name in self._ids[bisect_left(self._times, since_ns) : self._upto(until_ns)]:
            yield self._entries[name]

    def tally(self, since_ns: int | None, until_ns: int) -> Tally | None:
        """What lies from `since_ns` to `until_ns`, both included.

        Returns:
            None if entries in that window may have been forgotten.
        """
        if since_ns is not None and self._forgot(since_ns):
            return None
        stop = self._upto(until_ns)
        start = 0 if since_ns is None else bisect_left(self._times, since_ns, 0, stop)
        self._add_up(stop)
        counts, amounts = self._counts, self._amounts
        return Tally(counts[stop] - counts[start], amounts[stop] - amounts[start])

    def knows(self, at_ns: int) -> bool:
        """Whether nothing from `at_ns` on may have been forgotten."""
        return not self._forgot(at_ns)

    def entries(self) -> dict[str, Entry]:
        """Everything that is kept, by id, in order of time."""
        return {name: self._entries[name] for name in self._ids[self._stale() :]}

    def _place(self, name: str, at_ns: int) -> int:
        """Where an entry of that time and id stands, or belongs."""
        times = self._times
        if not times or at_ns > times[-1]:
            return len(times)
        first = bisect_left(times, at_ns)
        return bisect_left(self._ids, name, first, bisect_right(times, at_ns, first))

    def _take_out(self, name: str, at_ns: int) -> None:
        at = self._place(name, at_ns)
        del self._times[at], self._ids[at]
        self._forget_totals(at)

    def _upto(self, until_ns: int) -> int:
        """How many entries are no later than `until_ns`."""
        times = self._times
        return bisect_right(times, until_ns) if times and until_ns < times[-1] else len(times)

    def _add_up(self, stop: int) -> None:
        """Bring the running totals up to the first `stop` entries."""
        for at in range(len(self._counts) - 1, stop):
            entry = self._entries[self._ids[at]]
            self._counts.append(self._counts[at] + entry.n)
            self._amounts.append(self._amounts[at] + entry.amount)

    def _forget_totals(self, at: int) -> None:
        """Forget those that the entry at `at` is part of."""
        del self._counts[at + 1 :], self._amounts[at + 1 :]

    def _forgot(self, since_ns: int) -> bool:
        if self._retain_ns is None or not self._times:
            return False
        return since_ns < self._times[-1] - self._retain_ns

    def _stale(self) -> int:
        """How many entries at the front nobody may ask for any more."""
        if self._retain_ns is None or not self._times:
            return 0
        return max(bisect_left(self._times, self._times[-1] - self._retain_ns) - 1, 0)

    def _cut(self) -> None:
        """Let go of what is stale, if that is a quarter of everything."""
        stale = self._stale()
        if stale * 4 <= len(self._ids):
            return
        for name in self._ids[:stale]:
            del self._entries[name]
        del self._times[:stale], self._ids[:stale]
        counted = min(stale, len(self._counts) - 1)
        del self._counts[:counted], self._amounts[:counted]
