"""Runs of which parts have no known order: the best case over all orders they may have had.

Steps that overlap in time, or began too close to tell, are only partially ordered. A run is then a
sequence of *groups*: everything in a group came before everything in the next, and inside one some
pairs are ordered and some are not. What such a run costs is the least cost of any order that keeps
the pairs. The orders are not tried one by one: they are the paths of a lattice whose nodes are what
was taken so far, and one shortest path through lattice and automaton together is the answer. For a
workflow too parallel for an automaton the columns of a stream are taken along the lattice.

Law: the answer depends on labels and ordered pairs alone, never on how simultaneous steps were
listed. Of the best orders the one whose labels come first in the alphabet is meant.

Groups too wide for a lattice are ordered greedily.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

from mythos.engines.conformance.automaton import Automaton
from mythos.engines.conformance.columns import Columns
from mythos.engines.conformance.costs import Costs, fine
from mythos.engines.conformance.group import MAX_NODES, Edges, Group, lattice_of

_MAX_IN_ALL = 16 * MAX_NODES
_MAX_POINTS = 100_000
_MAX_FOLLOWED = 4 * MAX_NODES  # a column each, of some milliseconds at worst

_Rows = list[list[tuple[str, int, int, int]]]


@dataclass(frozen=True, slots=True)
class Ordered:
    """A word for each group. `best`: no other order is cheaper; or all cost at least `lower`."""

    words: tuple[tuple[str, ...], ...]
    best: bool
    lower: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The whole trace."""
        return tuple(label for word in self.words for label in word)


class Orders:
    """Finds the best order for one workflow.

    Args:
        automaton: of the workflow, None if it has none.
        costs: by label number.
        numbers: of the labels of its steps.
        beyond: cost of an event whose label no step has.
        columns: follow a run on the tree, where there is no automaton.
    """

    def __init__(
        self,
        automaton: Automaton | None,
        costs: Costs,
        numbers: Mapping[str, int],
        *,
        beyond: Callable[[str], int],
        columns: Callable[[], Columns],
    ) -> None:
        self._automaton = automaton
        self._fine = costs.refined()
        self._numbers = numbers
        self._beyond = beyond
        self._columns = columns

    def best(self, groups: Sequence[Group]) -> Ordered:
        """The best order of these groups, or a good one."""
        if self._automaton is None:
            return self._followed(groups)
        left, parts, exact = _MAX_IN_ALL, list[Edges](), True
        for group, word in zip(groups, self._greedy(groups, self._automaton), strict=True):
            part = None
            if len(group.labels) > 1 and group.known and left > 0:
                part = lattice_of(group, most=MAX_NODES)
                left -= len(part) if part else MAX_NODES
            exact = exact and (part is not None or len(group.labels) == 1)
            parts.append(part or _chain(word))
        labels = _Search(self._automaton, self._fine, self._label_cost).word(_chained(parts))
        if labels is None:
            return Ordered(tuple(self._greedy(groups, self._automaton)), best=False)
        return Ordered(tuple(_cut(labels, groups)), best=exact)

    def _label_cost(self, label: str) -> tuple[int, int]:
        """A label's number, -1 if no step has it, and the fine cost of it as an extra."""
        number = self._numbers.get(label, -1)
        if number >= 0:
            return number, self._fine.extras[number]
        weight = self._beyond(label)
        return number, fine(weight) if weight else 0

    def _greedy(self, groups: Sequence[Group], automaton: Automaton) -> Iterator[tuple[str, ...]]:
        """Follow the automaton where any step can, else take the first label."""
        state = 0
        for group in groups:
            taken, word = 0, list[str]()
            if not group.known:
                yield group.labels
                continue
            while len(word) < len(group.labels):
                ready = sorted((group.labels[i], i) for i in group.ready(taken))
                row = automaton.rows[state]
                fits = [each for each in ready if self._numbers.get(each[0], -1) in row]
                label, i = (fits or ready)[0]
                state = row.get(self._numbers.get(label, -1), state)
                word.append(label)
                taken |= 1 << i
            yield tuple(word)

    def _followed(self, groups: Sequence[Group]) -> Ordered:
        """The best order of all that the columns of costs by place have followed."""
        columns, parts, left = self._columns(), list[Edges](), _MAX_FOLLOWED
        passed = [columns.start()]
        for group in groups:
            part = None
            if group.known and (left > 0 or len(group.labels) == 1):
                part = lattice_of(group, most=MAX_NODES)
            if part is None:
                columns.miss(min(passed[-1].values()))
                part = _chain(group.first_word())
            left -= len(part) if len(group.labels) > 1 else 0
            passed[-1:] = columns.along(passed[-1], part)
            parts.append(part)
        word = list(columns.word(passed, _chained(parts)))
        lower = columns.lower(passed[-1]) + sum(map(self._beyond, word))
        return Ordered(tuple(_cut(word, groups)), best=False, lower=lower)


class _Search:
    """Shortest paths through a lattice and an automaton together."""

    def __init__(
        self, automaton: Automaton, fine_costs: Costs, label_cost: Callable[[str], tuple[int, int]]
    ) -> None:
        self._rows, self._final = automaton.rows, automaton.final
        self._skips = fine_costs.skips
        self._label_cost = label_cost
        self._width = len(automaton.rows)

    def word(self, edges: Edges) -> list[str] | None:
        """Of the cheapest words of the lattice the first by the alphabet; None past the budget."""
        rows = [
            sorted((label, *self._label_cost(label), target) for label, target in row.items())
            for row in edges
        ]
        reached, goals = self._reached(rows)
        if not goals:
            return None
        marked = self._marked(rows, reached, goals)
        return list(self._first(rows, reached, marked))

    def _moves(self, rows: _Rows, point: int) -> Iterator[tuple[int, int, str]]:
        """Cost, target and label taken (empty: a skip) of every move from a point."""
        node, state = divmod(point, self._width)
        base, row = node * self._width, self._rows[state]
        for label, number, extra, target in rows[node]:
            onward = target * self._width
            if number in row:
                yield 0, onward + row[number], label
            yield extra, onward + state, label
        for number, target in row.items():
            yield self._skips[number], base + target, ""

    def _reached(self, rows: _Rows) -> tuple[dict[int, int], list[int]]:
        """Costs of all points no dearer than the goals, and the goals; none past the budget."""
        last, least = len(rows) - 1, -1
        best, settled, goals = {0: 0}, dict[int, int](), list[int]()
        heap = [(0, 0)]
        while heap and (least < 0 or heap[0][0] <= least):
            cost, point = heappop(heap)
            if point in settled:
                continue
            if len(settled) >= _MAX_POINTS:
                return {}, []
            settled[point] = cost
            node, state = divmod(point, self._width)
            if node == last and self._final[state]:
                least = cost
                goals.append(point)
            for weight, target, _ in self._moves(rows, point):
                if cost + weight < best.get(target, cost + weight + 1):
                    best[target] = cost + weight
                    heappush(heap, (cost + weight, target))
        return settled, goals

    def _marked(self, rows: _Rows, reached: Mapping[int, int], goals: Iterable[int]) -> set[int]:
        """The points that lie on a cheapest path to a goal."""
        sources: dict[int, list[int]] = {}
        for point, cost in reached.items():
            for weight, target, _ in self._moves(rows, point):
                if reached.get(target) == cost + weight:
                    sources.setdefault(target, []).append(point)
        marked, pending = set(goals), list(goals)
        while pending:
            for source in sources.get(pending.pop(), ()):
                if source not in marked:
                    marked.add(source)
                    pending.append(source)
        return marked

    def _first(self, rows: _Rows, reached: Mapping[int, int], marked: set[int]) -> Iterator[str]:
        """Walk all cheapest paths at once, and of the labels ahead take the first."""
        here = {0}
        while True:
            pending, taken = list(here), dict[str, set[int]]()
            while pending:
                point = pending.pop()
                for weight, target, label in self._moves(rows, point):
                    if target not in marked or reached[target] != reached[point] + weight:
                        continue
                    if label:
                        taken.setdefault(label, set()).add(target)
                    elif target not in here:
                        here.add(target)
                        pending.append(target)
            if not taken:
                return
            label = min(taken)
            yield label
            here = taken[label]


def _chain(word: Sequence[str]) -> Edges:
    """One order as a lattice."""
    return [*({label: i + 1} for i, label in enumerate(word)), {}]


def _chained(parts: Iterable[Edges]) -> Edges:
    """Lattices one after another; the end of one is the start of the next."""
    whole: Edges = [{}]
    for part in parts:
        base = len(whole) - 1
        whole[-1:] = [{label: base + node for label, node in row.items()} for row in part]
    return whole


def _cut(labels: Sequence[str], groups: Iterable[Group]) -> Iterator[tuple[str, ...]]:
    rest = iter(labels)
    for group in groups:
        yield tuple(islice(rest, len(group.labels)))
