"""Where in a workflow a run may stand, as the states of its automaton.

A stream goes from place to place by events alone: an event is extra, or it is matched after the
cheapest skips that lead to a step of its label. Ways that gain nothing over another are left out:
a skip in a parallel branch waits until an event needs it. So few places are open at a time.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Protocol, TypeVar

from pydantic import JsonValue

from mythos.engines.conformance.automaton import Automaton, sources_of
from mythos.engines.conformance.costs import Costs
from mythos.engines.conformance.shortest import ending_costs

PlaceT = TypeVar("PlaceT", bound=Hashable)

_FAR = 1 << 62


class Places(Protocol[PlaceT]):
    """The places of one workflow. Every deviation costs at least 1 on the scale of the costs."""

    start: PlaceT

    def ways(self, place: PlaceT, label: int) -> Sequence[tuple[PlaceT, int]]:
        """Where an event of a label leads, each with its cost; what gains nothing is left out."""

    def cost_extra(self, label: int) -> int:
        """What an event of a label costs that is not matched."""

    def ending(self, place: PlaceT) -> int:
        """Least cost of skipping all that is left."""

    def needs(self, place: PlaceT) -> frozenset[int]:
        """The labels that every cheapest way to the end holds."""

    def size(self, place: PlaceT) -> int:
        """How much there is to a place: 1 and its open parts."""

    def to_json(self, place: PlaceT) -> JsonValue:
        """A place as JSON, the same for this workflow in every process."""

    def from_json(self, value: JsonValue) -> PlaceT:
        """That place again. Raises ValueError if the workflow has no such place."""


class AutomatonPlaces:
    """The states of an automaton of at most some thousand states."""

    start = 0

    def __init__(self, automaton: Automaton, costs: Costs) -> None:
        """Look up endings; all else is computed when first asked for, and kept."""
        self._rows = automaton.rows
        self._skips = costs.skips
        self._extras = costs.extras
        self._ending = ending_costs(automaton, sources_of(automaton), costs.skips)
        self._edges: dict[int, list[tuple[int, int]]] = {}
        for state, row in enumerate(automaton.rows):
            for label, target in row.items():
                self._edges.setdefault(label, []).append((state, target))
        self._distances: dict[int, list[int]] = {}
        self._ways: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        self._needs = self._all_needs()

    def ways(self, place: int, label: int) -> Sequence[tuple[int, int]]:
        """See `Places`; cheapest first."""
        known = self._ways.get((place, label))
        if known is None:
            known = self._ways[place, label] = tuple(self._found_ways(place, label))
        return known

    def _found_ways(self, place: int, label: int) -> Iterable[tuple[int, int]]:
        skipped = self._distance(place)
        reached = [(skipped[source], target) for source, target in self._edges[label]]
        reached.append((self._extras[label], place))
        kept: list[tuple[int, int]] = []
        for cost, target in sorted(reached):
            if cost < _FAR and all(
                cost < before + self._distance(other)[target] for other, before in kept
            ):
                kept.append((target, cost))
        return kept

    def cost_extra(self, label: int) -> int:
        """See `Places`."""
        return self._extras[label]

    def ending(self, place: int) -> int:
        """See `Places`."""
        return self._ending[place]

    def needs(self, place: int) -> frozenset[int]:
        """See `Places`."""
        return self._needs[place]

    def size(self, place: int) -> int:  # noqa: ARG002 - all are alike
        """See `Places`."""
        return 1

    def to_json(self, place: int) -> JsonValue:
        """The number of the state."""
        return place

    def from_json(self, value: JsonValue) -> int:
        """See `Places`."""
        if isinstance(value, int) and 0 <= value < len(self._rows):
            return value
        raise ValueError(f"{value!r} is not among {len(self._rows)} states")

    def _distance(self, place: int) -> list[int]:
        """The least cost of skipping from one state to each other."""
        known = self._distances.get(place)
        if known is not None:
            return known
        found = self._distances[place] = [_FAR] * len(self._rows)
        heap = [(0, place)]
        while heap:
            cost, state = heappop(heap)
            if found[state] <= cost:
                continue
            found[state] = cost
            for label, target in self._rows[state].items():
                if cost + self._skips[label] < found[target]:
                    heappush(heap, (cost + self._skips[label], target))
        return found

    def _all_needs(self) -> list[frozenset[int]]:
        """From the end backward: what all cheapest ways on have in common."""
        needs: list[frozenset[int]] = [frozenset()] * len(self._rows)
        for state in sorted(range(len(self._rows)), key=self._ending.__getitem__):
            left = self._ending[state]
            cheapest = [
                needs[target] | {label}
                for label, target in self._rows[state].items()
                if self._ending[target] + self._skips[label] == left
            ]
            if left and cheapest:
                needs[state] = frozenset.intersection(*cheapest)
        return needs
