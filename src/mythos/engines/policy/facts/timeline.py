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

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from mythos.values.event import Json

_AFTER_ALL = "\U0010ffff"
_SLACK = 64  # stale entries allowed before the front is cut


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

    __slots__ = ("_entries", "_order", "_retain_ns", "_totals")

    def __init__(self, retain_ns: int | None) -> None:
        """Begin empty; `retain_ns` None keeps everything."""
        self._retain_ns = retain_ns
        self._order: list[tuple[int, str]] = []
        self._entries: dict[str, Entry] = {}
        self._totals: list[Tally] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeline) and self.entries() == other.entries()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def put(self, name: str, entry: Entry) -> None:
        """Take in one account of the event `name`."""
        known = self._entries.get(name)
        if known is not None:
            if entry.rank <= known.rank:
                return
            at = bisect_left(self._order, (known.at_ns, name))
            del self._order[at]
            del self._totals[at:]
        place = (entry.at_ns, name)
        order = self._order
        at = len(order) if not order or order[-1] < place else bisect_left(order, place)
        order.insert(at, place)
        del self._totals[at:]
        self._entries[name] = entry
        stale = self._stale()
        if stale > _SLACK and stale * 4 > len(order):
            self._cut(stale)

    def newest(self, until_ns: int) -> Entry | None:
        """The last entry no later than `until_ns`; ask `knows` about moments long gone."""
        at = bisect_right(self._order, (until_ns, _AFTER_ALL))
        return self._entries[self._order[at - 1][1]] if at else None

    def tally(self, since_ns: int | None, until_ns: int) -> Tally | None:
        """What lies from `since_ns` to `until_ns`, both included.

        Returns:
            None if entries in that window may have been forgotten.
        """
        stop = bisect_right(self._order, (until_ns, _AFTER_ALL))
        if since_ns is None:
            return self._total(stop)
        if self._forgot(since_ns):
            return None
        before = self._total(bisect_left(self._order, (since_ns, "")))
        upto = self._total(stop)
        return Tally(max(upto.n - before.n, 0), upto.amount - before.amount)

    def knows(self, at_ns: int) -> bool:
        """Whether nothing from `at_ns` on may have been forgotten."""
        return not self._forgot(at_ns)

    def entries(self) -> dict[str, Entry]:
        """Everything that is kept, by id, in order of time."""
        return {name: self._entries[name] for _, name in self._order[self._stale() :]}

    def _total(self, stop: int) -> Tally:
        """The running total of the first `stop` entries."""
        totals = self._totals
        while len(totals) < stop:
            last = totals[-1] if totals else Tally(0, 0)
            entry = self._entries[self._order[len(totals)][1]]
            totals.append(Tally(last.n + entry.n, last.amount + entry.amount))
        return totals[stop - 1] if stop else Tally(0, 0)

    def _forgot(self, since_ns: int) -> bool:
        if self._retain_ns is None or not self._order:
            return False
        return since_ns < self._order[-1][0] - self._retain_ns

    def _stale(self) -> int:
        """How many entries at the front nobody may ask for any more."""
        if self._retain_ns is None or not self._order:
            return 0
        horizon = (self._order[-1][0] - self._retain_ns, "")
        return max(bisect_left(self._order, horizon) - 1, 0)

    def _cut(self, stale: int) -> None:
        for _, name in self._order[:stale]:
            del self._entries[name]
        del self._order[:stale]
        self._totals.clear()
