"""Passing through a graph block by skips alone: what that costs, and which labels it needs.

Children are numbers, with the cost and the needed labels of their cheapest word. `needs` are the
labels that all cheapest walks hold, so that what can be avoided at no higher cost is not called
needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

from mythos.values.process import Walks

_MAX_KNOWN = 256


class Passage:
    """A graph of which each child lies on a walk from a start to an end.

    `costs_after[i]` and `needs_after[i]` are of the cheapest walks after child `i`; `cost` and
    `needs` of those from a start.
    """

    def __init__(
        self, walks: Walks, *, costs: Sequence[int], needs: Sequence[frozenset[int]]
    ) -> None:
        """Look at the walks from every child to an end."""
        self._walks = walks
        self._costs = costs
        self._own_needs = needs
        self._known: dict[int, tuple[tuple[int, int], ...]] = {}
        self.costs_after = self._all_costs_after()
        self.needs_after = self._all_needs_after()
        self.cost = min(costs[i] + self.costs_after[i] for i in walks.starts)
        self.needs = self._shared(walks.starts, self.cost)

    def ahead(self, spot: int) -> Sequence[tuple[int, int]]:
        """Each child that may come after child `spot`, with the cost of those skipped between.

        Nearest first.

        Args:
            spot: a child that has ended, or -1 where the graph was not begun.
        """
        known = self._known.get(spot)
        if known is None:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            first = self._walks.starts if spot < 0 else self._walks.links[spot]
            known = self._known[spot] = tuple(self._passed(first).items())
        return known

    def _passed(self, first: Iterable[int]) -> dict[int, int]:
        passed: dict[int, int] = {}
        heap = [(0, child) for child in first]
        while heap:
            cost, child = heappop(heap)
            if child not in passed:
                passed[child] = cost
                for after in self._walks.links[child]:
                    heappush(heap, (cost + self._costs[child], after))
        return passed

    def _all_costs_after(self) -> list[int]:
        before: list[list[int]] = [[] for _ in self._walks.links]
        for child, links in enumerate(self._walks.links):
            for after in links:
                before[after].append(child)
        found: dict[int, int] = {}
        heap = [(0, child) for child in self._walks.ends]
        while heap:
            cost, child = heappop(heap)
            if child not in found:
                found[child] = cost
                for earlier in before[child]:
                    heappush(heap, (cost + self._costs[child], earlier))
        return [found[child] for child in range(len(self._walks.links))]

    def _all_needs_after(self) -> list[frozenset[int]]:
        """From the ends backward, again while children that cost nothing lead in a circle."""
        every = frozenset[int]().union(*self._own_needs)
        ends = frozenset(self._walks.ends)
        self.needs_after = [every] * len(self._costs)
        order = sorted(range(len(self._costs)), key=self.costs_after.__getitem__)
        changed = True
        while changed:
            changed = False
            for child in order:
                done = child in ends
                found = frozenset[int]()
                if not done:
                    found = self._shared(self._walks.links[child], self.costs_after[child])
                changed |= found != self.needs_after[child]
                self.needs_after[child] = found
        return self.needs_after

    def _shared(self, first: Iterable[int], least: int) -> frozenset[int]:
        """What the cheapest walks that begin with one of these have in common."""
        return frozenset.intersection(
            *(
                self._own_needs[child] | self.needs_after[child]
                for child in first
                if self._costs[child] + self.costs_after[child] == least
            )
        )
