"""Columns of costs by place: how a run is followed event by event, open or closed.

A column holds for each place where the run may stand the least cost of having come there. Small
automata keep every place. Otherwise only places within a window of the best are kept, and at most a
fixed number; the least cost ever dropped bounds what may have been missed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mythos.engines.conformance.ground import Ground
from mythos.engines.conformance.group import Edges

MAX_SIZE = 2_000
"""How much a column holds where it keeps only what is near: places with their open parts."""

_MAX_FOLLOWED = 1_500_000  # open parts × parts that an event may change, in all columns of a run

Column = dict[Hashable, int]
_Onward = dict[str, list[Hashable]]


class Columns:
    """Goes from column to column, and notes the least cost that was `dropped` on the way.

    Args:
        ground: the places of the workflow.
        number: of a label, None where no step has it.
    """

    def __init__(self, ground: Ground, number: Callable[[str], int | None]) -> None:
        self._ground = ground
        self._number = number
        self.dropped: int | None = None

    def start(self) -> Column:
        """Before the first event."""
        return {self._ground.places.start: 0}

    def after(self, column: Column, label: str) -> Column:
        """The next column, when one more event came."""
        return self._near(self._onward(column, label))

    def along(self, column: Column, edges: Edges) -> list[Column]:
        """A column for each node of a lattice of events; the last has all orders behind it."""
        columns: list[Column] = [column, *({} for _ in edges[1:])]
        for i, row in enumerate(edges):
            columns[i] = here = self._near(columns[i])
            for label, target in row.items():
                _lower(columns[target], self._onward(here, label).items())
        return columns

    def word(self, columns: Sequence[Column], edges: Edges) -> Iterator[str]:
        """Of the cheapest words of a lattice, as far as they were followed, the first.

        Args:
            columns: those `along` the lattice.
            edges: the lattice; words are compared label by label, by the alphabet.
        """
        ends = self.totals(columns[-1])
        least = min(ends.values())
        marked: list[dict[Hashable, _Onward]] = [{} for _ in columns]
        marked[-1] = {place: {} for place, total in ends.items() if total == least}
        for i in range(len(edges) - 2, -1, -1):
            for label, target in sorted(edges[i].items()):
                self._mark(columns, marked, i, label, target)
        node, here = 0, list(marked[0])
        while edges[node]:
            label = min(label for place in here for label in marked[node][place])
            ahead = dict.fromkeys(to for place in here for to in marked[node][place].get(label, ()))
            yield label
            node, here = edges[node][label], list(ahead)

    def matched(self, columns: Sequence[Column], labels: Sequence[str]) -> list[int]:
        """Which events are matched on a cheapest way, the first found from the end backward.

        Args:
            columns: before each event and after the last.
            labels: the events.
        """
        ends = self.totals(columns[-1])
        here = min(ends, key=ends.__getitem__)
        told: list[int] = []
        for i in range(len(labels) - 1, -1, -1):
            before, is_match = next(
                (place, more != self._extra(labels[i]) or to != place)
                for place, cost in columns[i].items()
                for to, more in self._ways(place, labels[i])
                if to == here and cost + more == columns[i + 1][here]
            )
            if is_match:
                told.append(i)
            here = before
        return told[::-1]

    def _extra(self, label: str) -> int:
        number = self._number(label)
        return 0 if number is None else self._ground.places.cost_extra(number)

    def _mark(
        self,
        columns: Sequence[Column],
        marked: list[dict[Hashable, _Onward]],
        node: int,
        label: str,
        target: int,
    ) -> None:
        """Mark the places of a node from which marked ones are reached at what those cost."""
        for place, cost in columns[node].items():
            for to, more in self._ways(place, label):
                if to in marked[target] and columns[target][to] == cost + more:
                    marked[node].setdefault(place, {}).setdefault(label, []).append(to)

    def totals(self, column: Column) -> Column:
        """What the run costs if it ends at each place."""
        ending = self._ground.places.ending
        return {place: cost + ending(place) for place, cost in column.items()}

    def lower(self, column: Column) -> int:
        """What a run that ends here costs at least, in the weights of the workflow."""
        least = min(self.totals(column).values())
        return self._ground.weight(least if self.dropped is None else min(least, self.dropped))

    def miss(self, least: int) -> None:
        """Note that ways which cost at least so much are not followed."""
        self.dropped = least if self.dropped is None else min(self.dropped, least)

    def _ways(self, place: Hashable, label: str) -> Sequence[tuple[Hashable, int]]:
        number = self._number(label)
        return ((place, 0),) if number is None else self._ground.places.ways(place, number)

    def _onward(self, column: Column, label: str) -> Column:
        """The places after one more event, each at the least cost."""
        number = self._number(label)
        if number is None:
            return column
        ways = self._ground.places.ways
        found: Column = {}
        for place, cost in column.items():
            for target, more in ways(place, number):
                known = found.get(target)
                if known is None or cost + more < known:
                    found[target] = cost + more
        return found

    def _near(self, found: Column) -> Column:
        """Drop what is far from the best, and the dearest of what is too many."""
        if self._ground.window is None:
            return found
        limit = min(found.values()) + self._ground.window
        kept = {place: cost for place, cost in found.items() if cost <= limit}
        if len(kept) > 1 and sum(map(self._ground.places.size, kept)) > MAX_SIZE:
            kept = dict(self._cheapest(kept))
        if len(kept) < len(found):
            self.miss(min(cost for place, cost in found.items() if place not in kept))
        return kept

    def _cheapest(self, kept: Column) -> Iterator[tuple[Hashable, int]]:
        """As many as there is room for, and one in any case."""
        places, room = self._ground.places, MAX_SIZE
        for place, cost in sorted(kept.items(), key=lambda i: (i[1], places.ending(i[0]))):
            if room < MAX_SIZE and places.size(place) > room:
                return
            room -= places.size(place)
            yield place, cost


@dataclass(frozen=True, slots=True)
class Followed:
    """Bounds on what a run costs, and which events are matched at `cost`; None: not followed."""

    lower: int
    cost: int
    matched: tuple[int, ...] | None


def follow(ground: Ground, labels: Sequence[str], trace: Sequence[int]) -> Followed:
    """What the columns of a closed run tell of its cost.

    Args:
        ground: the places of the workflow.
        labels: of its steps, by number.
        trace: numbers of the labels of the run.
    """
    columns = Columns(ground, {label: number for number, label in enumerate(labels)}.get)
    names = [labels[number] for number in trace]
    passed, left = [columns.start()], _MAX_FOLLOWED
    for name in names:
        left -= sum(ground.places.size(place) ** 2 for place in passed[-1])
        if left < 0:
            columns.miss(min(passed[-1].values()))
            return Followed(columns.lower(passed[-1]), 0, None)
        passed.append(columns.after(passed[-1], name))
    matched = tuple(columns.matched(passed, names))
    cost = ground.weight(min(columns.totals(passed[-1]).values()))
    return Followed(columns.lower(passed[-1]), cost, matched)


def _lower(column: Column, costs: Iterable[tuple[Hashable, int]]) -> None:
    """Keep the lower cost of each place."""
    for place, cost in costs:
        if cost < column.get(place, cost + 1):
            column[place] = cost
