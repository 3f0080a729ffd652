"""Blocks of a workflow as passages through a run: entered after some events, left after others.

A part is asked: if you are entered after so many events at such a cost, after how many events may
you be left, and what has been paid by then? The answer is a staircase: later exits only where they
are cheaper. Costs are skips less what the matched events would have cost as extras, so an event
that a part does not know changes nothing, and parallel parts that share no label add up: each is
asked on its own, and their states are never multiplied.

Source: Schwanen, Pakusa, van der Aalst, "Process tree alignments" (2024), for costs of segments
that are combined along the tree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate
from typing import NamedTuple, Protocol

from mythos.engines.conformance.alignment import NumberedMove
from mythos.engines.conformance.automaton import Automaton
from mythos.engines.conformance.costs import Costs
from mythos.engines.conformance.shortest import weighted_onward
from mythos.engines.conformance.table import Table
from mythos.engines.conformance.tree import Tree

Entry = tuple[int, int]
"""Events explained before a part is entered, and the cost so far."""


class SpentError(Exception):
    """More work than the budget allows; not an error of the workflow or the run."""


class Exit(NamedTuple):
    """Events explained when a part is left, the cost so far, and the events when it was entered."""

    at: int
    cost: int
    entered: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One part in one round: where each entry came from, and the exits."""

    origins: dict[int, int]  # where the whole was entered
    sources: dict[int, int]  # the part left before
    exits: dict[int, Exit]


class Part(Protocol):
    """A block, or neighbours of one kind."""

    @property
    def labels(self) -> frozenset[int]:
        """The labels of its steps."""

    def exits(self, run: Run, entries: Sequence[Entry]) -> list[Exit]:
        """The cheapest ways out; entries and exits are later only where they are cheaper."""

    def moves(self, run: Run, start: int, end: int) -> list[NumberedMove]:
        """Matches and skips of the way from an entry to one of its exits."""


class Run:
    """A trace that parts are asked about.

    Ways on which more than `limit` is lost, in skips and extras, are not followed; without that a
    loop would be asked for each round what it could make of all later ones. `left` is how much
    work may still be done.
    """

    def __init__(
        self, trace: Sequence[int], extras: Sequence[int], *, limit: int, left: int
    ) -> None:
        self.trace = trace
        self.extras = extras
        self.limit = limit
        self.left = left
        self._where: dict[int, list[int]] = {}
        for i, label in enumerate(trace):
            self._where.setdefault(label, []).append(i)
        self._events: dict[Part, list[int]] = {}
        self._paid: dict[Part, list[int]] = {}
        self._asked: dict[tuple[Part, int], list[Exit]] = {}
        self.rounds: dict[tuple[Part, tuple[Entry, ...]], list[dict[int, Visit]]] = {}

    def spend(self, work: int) -> None:
        """Note work, in states looked at. Raises SpentError."""
        self.left -= work
        if self.left < 0:
            raise SpentError

    def events(self, part: Part) -> list[int]:
        """Where the events of a part's labels are."""
        known = self._events.get(part)
        if known is None:
            shared = part.labels.intersection(self._where)
            known = sorted(i for label in shared for i in self._where[label])
            self._events[part] = known
        return known

    def paid(self, part: Part) -> list[int]:
        """What the first 0, 1, 2, … of those events cost as extras."""
        known = self._paid.get(part)
        if known is None:
            extras = (self.extras[self.trace[i]] for i in self.events(part))
            known = self._paid[part] = list(accumulate(extras, initial=0))
        return known

    def paid_before(self, part: Part, at: int) -> int:
        """The same of those before a place."""
        return self.paid(part)[bisect_left(self.events(part), at)]

    def first(self, part: Part, start: int) -> int:
        """Where the first of those events is, from a place on."""
        events = self.events(part)
        i = bisect_left(events, start)
        return events[i] if i < len(events) else len(self.trace)

    def exits(self, part: Part, start: int) -> list[Exit]:
        """The exits of a part that is entered at no cost before its first event from a place on."""
        key = part, self.first(part, start)
        if key not in self._asked:
            self._asked[key] = part.exits(self, [(key[1], 0)])
            self.spend(len(self._asked[key]))
        return self._asked[key]


@dataclass(frozen=True, eq=False)
class Small:
    """A part whose automaton is small: a column of costs by state, moved on by its events."""

    tree: Tree
    automaton: Automaton
    costs: Costs  # as the workflow gives them
    skips: Sequence[int]  # on the fine scale

    @cached_property
    def labels(self) -> frozenset[int]:
        """See `Part`."""
        return frozenset(self.edges)

    @cached_property
    def edges(self) -> dict[int, list[tuple[int, int]]]:
        """Source and target of every move of the automaton, by label."""
        edges: dict[int, list[tuple[int, int]]] = {}
        for state, row in enumerate(self.automaton.rows):
            for label, target in row.items():
                edges.setdefault(label, []).append((state, target))
        return edges

    @cached_property
    def onward(self) -> list[list[tuple[int, int]]]:
        """For each state the distance to those one skip ahead, and what the skip costs."""
        return weighted_onward(self.automaton, self.skips)

    @cached_property
    def _table(self) -> Table:
        return Table(self.tree, self.automaton, self.costs)

    def exits(self, run: Run, entries: Sequence[Entry]) -> list[Exit]:
        """See `Part`."""
        column = _Column(self, run)
        events = run.events(self)
        place = bisect_left(events, entries[0][0])
        for at, cost in entries:
            while place < len(events) and events[place] < at:
                column.take(place)
                place += 1
            column.enter(at, cost, place)
        while place < len(events) and column.goes_on(place):
            column.take(place)
            place += 1
        return column.exits

    def moves(self, run: Run, start: int, end: int) -> list[NumberedMove]:
        """See `Part`; the first alignment by the rule of ties."""
        events = run.events(self)
        mine = events[bisect_left(events, start) : bisect_left(events, end)]
        if not mine and self.automaton.final[0]:
            return []
        trail = self._table.trail([run.trace[i] for i in mine])
        return [
            replace(move, index=mine[move.index]) if move.index >= 0 else move
            for move in trail.moves
            if move.kind != "extra"
        ]


class _Column:
    """Least costs by state, each with where the part was entered, and the exits found so far."""

    def __init__(self, part: Small, run: Run) -> None:
        self._part = part
        self._run = run
        self._events = run.events(part)
        self._paid = run.paid(part)
        self._costs: dict[int, tuple[int, int]] = {}
        self._limits: dict[int, int] = {}
        self._most = 0
        self.exits: list[Exit] = []

    def enter(self, at: int, cost: int, place: int) -> None:
        """Enter the part before its event number `place`."""
        self._limits[at] = cost + self._paid[place] + self._run.limit
        self._settle([(cost, 0, at)], at, self._paid[place])

    def take(self, place: int) -> None:
        """Match an event wherever that is cheaper; to call it extra changes nothing."""
        event = self._events[place]
        label = self._run.trace[event]
        gain = self._run.extras[label]
        reached = [
            (self._costs[source][0] - gain, target, self._costs[source][1])
            for source, target in self._part.edges[label]
            if source in self._costs
        ]
        self._settle(sorted(reached), event + 1, self._paid[place + 1])

    def goes_on(self, place: int) -> bool:
        """Whether any way is within the limit if all events so far that were not matched count."""
        return self._paid[place] <= self._most

    def _settle(self, reached: list[tuple[int, int, int]], at: int, paid: int) -> None:
        """Lower the costs of the states reached, and of those that skips lead to from there."""
        final, onward, work = self._part.automaton.final, self._part.onward, 1
        while reached:
            cost, state, entered = heappop(reached)
            known = self._costs.get(state)
            left = self._limits[entered] - cost
            if left < paid or (known is not None and known[0] <= cost):
                continue
            self._most = max(self._most, left)
            self._costs[state] = cost, entered
            if final[state] and (not self.exits or cost < self.exits[-1].cost):
                if self.exits and self.exits[-1].at == at:
                    self.exits.pop()
                self.exits.append(Exit(at, cost, entered))
            work += 1 + len(onward[state])
            for distance, weight in onward[state]:
                heappush(reached, (cost + weight, state + distance, entered))
        self._run.spend(work)
