"""Route D: alignment on the minimal automaton of the workflow.

Costs are searched by `shortest`. For an explanation the search keeps the least cost of reaching
each point; then the points that lie on a best alignment are marked from the end backward, and the
moves are read from the front among marked points only, so that each tie is decided by rule: match,
then extra, then the skip of the lowest step.

The points number at most events × states. A run of very many events that fits nowhere is given up
past a fixed number of points, and answered with an interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heappop, heappush
from itertools import accumulate

from mythos.engines.conformance.alignment import MoveKind, NumberedMove, Trail
from mythos.engines.conformance.automaton import Automaton, sources_of
from mythos.engines.conformance.costs import Costs, coarse
from mythos.engines.conformance.parse import leaves_of
from mythos.engines.conformance.shortest import (
    MAX_POINTS,
    ending_costs,
    unit_cost,
    unit_onward,
    weighted_cost,
    weighted_onward,
)
from mythos.engines.conformance.space import Space
from mythos.engines.conformance.tree import Tree

_Step = tuple[MoveKind, int, int]


@dataclass(frozen=True, slots=True)
class _Reached:
    """Least fine cost of each point, the points to finish from, and bounds on the least cost."""

    cost: dict[int, int]
    goals: frozenset[int]
    lower: int
    upper: int


class Table:
    """The automaton of a tree, laid out for searching.

    A point is numbered `events explained * states + state`.
    """

    def __init__(
        self, tree: Tree, automaton: Automaton, costs: Costs, *, budget: int = MAX_POINTS
    ) -> None:
        self._budget = budget
        sources = sources_of(automaton)
        self._leaf_labels = tree.leaf_labels
        self._space = Space(tree.root)
        self._automaton = automaton
        self._sources = sources
        self._costs = costs
        self._fine = costs.refined()
        self._ending = ending_costs(automaton, sources, costs.skips)

    @cached_property
    def _hops(self) -> list[list[int]]:
        return unit_onward(self._automaton)

    @cached_property
    def _onward(self) -> list[list[tuple[int, int]]]:
        return weighted_onward(self._automaton, self._costs.skips)

    @cached_property
    def _finely(self) -> list[list[tuple[int, list[int]]]]:
        return [_by_weight(ahead) for ahead in weighted_onward(self._automaton, self._fine.skips)]

    @cached_property
    def _ending_finely(self) -> list[int]:
        return ending_costs(self._automaton, self._sources, self._fine.skips)

    def cost(self, trace: Sequence[int]) -> int:
        """The least cost of a trace of known labels, or past the budget an upper bound."""
        if self._costs.are_unit:
            found = unit_cost(self._automaton, self._hops, self._ending, trace, most=self._budget)
        else:
            found = weighted_cost(
                self._automaton,
                self._onward,
                self._ending,
                trace,
                extras=self._costs.extras,
                most=self._budget,
            )
        return self.trail(trace).cost if found is None else found

    def trail(self, trace: Sequence[int]) -> Trail:
        """The first alignment, by the rule of ties, of those with the least cost."""
        reached = self._reached(trace)
        steps = list(self._forward(trace, reached, self._marked(trace, reached)))
        word = [label for kind, label, _ in steps if kind != "extra"]
        leaves = iter(leaves_of(self._space, word, self._leaf_labels))
        moves = tuple(
            NumberedMove(kind, label, -1 if kind == "extra" else next(leaves), index)
            for kind, label, index in steps
        )
        return Trail(coarse(reached.upper), coarse(reached.lower), moves)

    def _reached(self, trace: Sequence[int]) -> _Reached:
        """Reach every point that is no dearer than the best way to finish from any."""
        rows, ending, extras = self._automaton.rows, self._ending_finely, self._fine.extras
        width, events = len(rows), len(trace)
        tails = list(accumulate((extras[label] for label in reversed(trace)), initial=0))
        levels = _Levels()
        levels.add(0, (0,))
        reached: dict[int, int] = {}
        cost, best, finish = 0, tails[events] + ending[0], 0
        while cost <= best and len(reached) <= self._budget:
            fresh: list[tuple[int, int, int]] = []
            for point in (level := levels.pop(cost)):  # grows by matches
                if point in reached:
                    continue
                reached[point] = cost
                i, state = divmod(point, width)
                if (total := cost + tails[events - i] + ending[state]) < best:
                    best, finish = total, point
                if i < events:
                    fresh.append((point, i, state))
                    target = rows[state].get(trace[i])
                    if target is not None:
                        level.append(point + width + target - state)
            for point, i, state in fresh:
                levels.add(cost + extras[trace[i]], (point + width,))
                for weight, ahead in self._finely[state]:
                    levels.add(cost + weight, [point + distance for distance in ahead])
            cost = levels.least(default=best + 1)
        if cost <= best:
            return _Reached(reached, frozenset((finish,)), cost, best)
        ends = ((events * width + state, cost) for state, cost in enumerate(ending))
        goals = frozenset(
            point for point, last in ends if reached.get(point, best + 1) + last == best
        )
        return _Reached(reached, goals, best, best)

    def _marked(self, trace: Sequence[int], reached: _Reached) -> set[int]:
        """The points that lie on a cheapest way to a goal."""
        width, costs = len(self._automaton.rows), reached.cost
        pending, marked = list(reached.goals), set(reached.goals)
        while pending:
            point = pending.pop()
            i, state = divmod(point, width)
            last = trace[i - 1] if i else -1
            before = [(point - width, self._fine.extras[last])] if i else []
            for label, origins in self._sources[state].items():
                for origin in origins:
                    before.append((point + origin - state, self._fine.skips[label]))
                    if label == last:
                        before.append((point + origin - state - width, 0))
            for source, weight in before:
                if source not in marked and costs.get(source) == costs[point] - weight:
                    marked.add(source)
                    pending.append(source)
        return marked

    def _forward(
        self, trace: Sequence[int], reached: _Reached, marked: set[int]
    ) -> Iterator[_Step]:
        """Read the moves off the marked points, and finish from the goal they lead to."""
        rows, costs = self._automaton.rows, reached.cost
        width, events = len(rows), len(trace)
        i = state = 0
        while (point := i * width + state) not in reached.goals:
            row, cost, base = rows[state], costs[point], i * width
            if i < events:
                label, target = trace[i], row.get(trace[i], -1)
                match, extra = base + width + target, point + width
                if target >= 0 and match in marked and costs[match] == cost:
                    yield "match", label, i
                    i, state = i + 1, target
                    continue
                if extra in marked and costs[extra] == cost + self._fine.extras[label]:
                    yield "extra", label, i
                    i += 1
                    continue
            label, state = next(
                (label, target)
                for label, target in sorted(row.items())
                if base + target in marked
                and costs[base + target] == cost + self._fine.skips[label]
            )
            yield "skip", label, -1
        yield from (("extra", trace[j], j) for j in range(i, events))
        yield from self._end(state)

    def _end(self, state: int) -> Iterator[_Step]:
        """The skips that lead to acceptance at least cost."""
        while left := self._ending_finely[state]:
            label, state = next(
                (label, target)
                for label, target in sorted(self._automaton.rows[state].items())
                if self._ending_finely[target] == left - self._fine.skips[label]
            )
            yield "skip", label, -1


class _Levels:
    """Points waiting at each cost, taken cheapest first."""

    def __init__(self) -> None:
        self._points: dict[int, list[int]] = {}
        self._costs: list[int] = []

    def add(self, cost: int, points: Iterable[int]) -> None:
        if cost not in self._points:
            self._points[cost] = []
            heappush(self._costs, cost)
        self._points[cost] += points

    def pop(self, cost: int) -> list[int]:
        """The points at the least cost, which is `cost`."""
        heappop(self._costs)
        return self._points.pop(cost)

    def least(self, *, default: int) -> int:
        """The least cost at which points wait."""
        return self._costs[0] if self._costs else default


def _by_weight(ahead: list[tuple[int, int]]) -> list[tuple[int, list[int]]]:
    """Distances grouped by what it costs to go them."""
    groups: dict[int, list[int]] = {}
    for distance, weight in ahead:
        groups.setdefault(weight, []).append(distance)
    return sorted(groups.items())
