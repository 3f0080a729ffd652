"""A compiled workflow: costs and alignments of runs, by whichever route suits it.

Small automata are searched directly (`table`), wide parallelism is taken apart (`blockwise`), or
where branches share labels searched on the tree (`frontier`). Which route a workflow takes depends
on its tree alone, and all give equal costs.
A model holds caches and no other state; equal questions get equal answers on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from mythos.engines.conformance.alignment import (
    Alignment,
    Measured,
    Move,
    NumberedMove,
    Trail,
    fitness_of,
)
from mythos.engines.conformance.automaton import Automaton, automaton_of
from mythos.engines.conformance.blockwise import Blockwise, parts_of
from mythos.engines.conformance.columns import Columns
from mythos.engines.conformance.costs import Costs, coarse, fine
from mythos.engines.conformance.frontier import BUDGET, Frontier
from mythos.engines.conformance.ground import Ground, ground_of
from mythos.engines.conformance.group import Group
from mythos.engines.conformance.orders import Orders
from mythos.engines.conformance.shortest import MAX_POINTS
from mythos.engines.conformance.table import Table
from mythos.engines.conformance.tree import Tree, numbered
from mythos.errors import WorkflowError
from mythos.values.digest import JsonValue
from mythos.values.objection import shown
from mythos.values.process import normal_form
from mythos.values.workflow import Workflow, bare_workflow, workflow_digest, workflow_of

_MAX_REMEMBERED = 512
_MAX_REMEMBERED_LENGTH = 256


class Route(Protocol):
    """A search for the alignment of a trace of known labels."""

    def cost(self, trace: Sequence[int]) -> int:
        """The least cost, or an upper bound of it."""

    def trail(self, trace: Sequence[int]) -> Trail:
        """An alignment of that cost, and a lower bound."""


class Model:
    """A workflow that runs can be aligned with."""

    def __init__(
        self,
        workflow: Workflow,
        tree: Tree,
        route: Route,
        *,
        costs: Costs,
        automaton: Automaton | None,
    ) -> None:
        """Hold what `compile_blueprint` made."""
        self._workflow = workflow
        self._tree = tree
        self._route = route
        self._costs = costs
        self._automaton = automaton
        self._numbers = {label: number for number, label in enumerate(tree.labels)}
        self._aligned: dict[tuple[str, ...], Alignment] = {}

    @property
    def labels(self) -> frozenset[str]:
        """The labels of the workflow's steps."""
        return frozenset(self._numbers)

    @property
    def n_states(self) -> int | None:
        """States of the automaton that is searched; None if it is too large (routes B and L)."""
        return len(self._automaton.rows) if self._automaton else None

    @property
    def min_length(self) -> int:
        """Steps of the shortest run the workflow allows."""
        return self._tree.root.bounds.length

    @property
    def shortest_cost(self) -> int:
        """Weight of skipping all steps of the cheapest run the workflow allows."""
        return coarse(self._tree.root.bounds.cost)

    @cached_property
    def digest(self) -> str:
        """Of the workflow's canonical form."""
        return workflow_digest(self._workflow)

    @cached_property
    def ground(self) -> Ground:
        """What the streams of this workflow share."""
        return ground_of(self._tree, self._automaton, self._costs)

    def number(self, label: str) -> int | None:
        """The number of a label, None where no step has it."""
        return self._numbers.get(label)

    def label(self, number: int) -> str:
        """The label of a number."""
        return self._tree.labels[number]

    def costs(self, traces: Sequence[Sequence[str]]) -> list[int]:
        """The least deviation cost of each trace.

        Equal traces are searched once.

        Args:
            traces: labels of each run, in order.

        Returns:
            One cost a trace. Where `align` would say `exact` is False it is an upper bound.
        """
        known: dict[tuple[str, ...], int] = {}
        found: list[int] = []
        for trace in traces:
            key = tuple(trace)
            if key not in known:
                known[key] = self._cost(key)
            found.append(known[key])
        return found

    def measure(self, trace: Sequence[str]) -> Measured:
        """What `align` says of a trace but for the moves, which take longer to find."""
        key = tuple(trace)
        if not self.n_states or (len(key) + 1) * self.n_states > MAX_POINTS:
            found = self.align(key)
            return Measured(found.cost, found.exact, found.fitness, found.denominator)
        cost, denominator = self._cost(key), self.denominator(key)
        return Measured(
            cost, exact=True, fitness=fitness_of(cost, denominator), denominator=denominator
        )

    def align(self, trace: Sequence[str]) -> Alignment:
        """Explain a trace by a word of the workflow at the least cost.

        Of the cheapest alignments the one with the fewest deviations is taken, then on an automaton
        the first by preferring a match, then an extra, then a skip of the lowest step of the normal
        form; by other routes always the same one.

        Args:
            trace: labels of one run, in order.

        Returns:
            The alignment. Labels that `extra: ignore` leaves out have no move. Where the search
            was given up (see `frontier` and `table`) `exact` is False, `cost` an upper bound and
            `fitness` a lower one.

        Source: Carmona et al., Conformance Checking (2018), chapter 7, for alignments and
        their fitness.
        """
        key = tuple(trace)
        known = self._aligned.get(key)
        if known is None:
            known = self._align(key)
            if len(self._aligned) >= _MAX_REMEMBERED:
                self._aligned.clear()
            if len(key) <= _MAX_REMEMBERED_LENGTH:
                self._aligned[key] = known
        return known

    def align_groups(self, groups: Sequence[Group]) -> tuple[tuple[int, ...], Alignment]:
        """Explain a run of which parts have no known order by the best order they may have had.

        Args:
            groups: what came before what; see `group`.

        Returns:
            That order, as places in the groups laid end to end, and the alignment of the labels in
            it. Where not all orders could be weighed, `lower` is what any order costs at least, and
            `exact` says whether the cost is no more.
        """
        if all(len(group.labels) == 1 for group in groups):
            trace = tuple(group.labels[0] for group in groups)
            return tuple(range(len(trace))), self.align(trace)
        found = self._orders.best(groups)
        alignment = self.align(found.labels)
        if not found.best:
            lower = min(max(self._floor(found.labels), found.lower), alignment.cost)
            alignment = replace(alignment, lower=lower, exact=lower == alignment.cost)
        order: list[int] = []
        for group, word in zip(groups, found.words, strict=True):
            base = len(order)
            order += [base + place for place in group.spelled(word)]
        return tuple(order), alignment

    @cached_property
    def _orders(self) -> Orders:
        return Orders(
            self._automaton,
            self._costs,
            self._numbers,
            beyond=self.cost_beyond,
            columns=lambda: Columns(self.ground, self.number),
        )

    def denominator(self, trace: Sequence[str]) -> int:
        """Cost of calling every event extra and skipping the cheapest run: never exceeded."""
        known = sum(self._extra(label) for label in trace if label in self._numbers)
        return known + self._beyond(trace) + self.shortest_cost

    def _align(self, trace: tuple[str, ...]) -> Alignment:
        indices = [i for i, label in enumerate(trace) if label in self._numbers]
        trail = self._route.trail([self._numbers[trace[i]] for i in indices])
        beyond = self._beyond(trace)
        cost = trail.cost + beyond
        denominator = self.denominator(trace)
        return Alignment(
            cost=cost,
            exact=trail.lower == trail.cost,
            lower=trail.lower + beyond,
            upper=cost,
            fitness=fitness_of(cost, denominator),
            denominator=denominator,
            moves=tuple(self._woven(trace, trail.moves, indices)),
        )

    def _cost(self, trace: tuple[str, ...]) -> int:
        known = [self._numbers[label] for label in trace if label in self._numbers]
        return self._route.cost(known) + self._beyond(trace)

    def cost_beyond(self, label: str) -> int:
        """Cost of an event if no step of the workflow could explain it, else 0."""
        return self._extra(label) if self._is_beyond(label) else 0

    def _beyond(self, trace: Sequence[str]) -> int:
        return sum(map(self.cost_beyond, trace))

    def _floor(self, trace: Sequence[str]) -> int:
        """What these labels cost at least in any order: too few or too many of each."""
        counts = Counter(self._numbers[label] for label in trace if label in self._numbers)
        bounds, costs = self._tree.root.bounds, self._costs
        missing = sum(
            costs.skips[label] * max(low - counts[label], 0) for label, low in bounds.low.items()
        )
        surplus = sum(
            costs.extras[label] * max(n - bounds.high.get(label, 0), 0)
            for label, n in counts.items()
        )
        return missing + surplus + self._beyond(trace)

    def _is_beyond(self, label: str) -> bool:
        return label not in self._numbers and self._workflow.extra == "count"

    def _extra(self, label: str) -> int:
        return self._workflow.weights.extra_of(label)

    def _woven(
        self, trace: Sequence[str], moves: Sequence[NumberedMove], indices: Sequence[int]
    ) -> Iterator[Move]:
        """The moves with labels and places; each gap of unknown events before a later skip."""
        gaps: list[list[Move]] = [[]]
        for i, label in enumerate(trace):
            if label in self._numbers:
                gaps.append([])
            elif self._is_beyond(label):
                gaps[-1].append(Move("extra", label, i, ""))
        yield from gaps[0]
        for move in moves:
            block = "" if move.leaf < 0 else self._tree.paths[move.leaf]
            position = None if move.index < 0 else indices[move.index]
            yield Move(move.kind, self._tree.labels[move.label], position, block)
            if position is not None:
                yield from gaps[move.index + 1]


def compile_blueprint(tree: Workflow | Mapping[str, JsonValue], *, budget: int = BUDGET) -> Model:
    """Make a model of a workflow.

    Args:
        tree: a workflow, its JSON, or bare steps in its JSON (unit weights, extras count).
        budget: states to expand for one trace before the answer may be an interval, where the
            workflow is too parallel for an automaton.

    Returns:
        The model. Equal canonical forms give equal costs and equal moves, up to block paths.

    Raises:
        WorkflowError: no workflow, or a block that no run can follow, named by its path.

    Source: Schwanen, Pakusa, van der Aalst, "Process tree alignments" (2024).
    """
    workflow = _workflow(tree)
    weights = workflow.weights
    numbers = numbered(
        normal_form(workflow.steps), skip_of=lambda label: fine(weights.skip_of(label))
    )
    costs = Costs(
        tuple(map(weights.skip_of, numbers.labels)), tuple(map(weights.extra_of, numbers.labels))
    )
    automaton = automaton_of(numbers)
    route: Route
    if automaton is None:
        route = Frontier(numbers, costs, budget=budget)
        root = parts_of(numbers, costs)
        if root:
            route = Blockwise(root, costs, other=route)
    else:
        route = Table(numbers, automaton, costs)
    return Model(workflow, numbers, route, costs=costs, automaton=automaton)


def _workflow(tree: object) -> Workflow:
    if isinstance(tree, Workflow):
        return tree
    if not isinstance(tree, Mapping):
        raise WorkflowError(
            f"{shown(tree)} is no workflow and no block, but of type {type(tree).__name__}",
            remedy="give a mapping such as {'act': 'plan'}, or read a text with load_workflow",
        )
    value = dict(tree)
    whole = "steps" in value or "schema" in value
    return workflow_of(value, source="workflow") if whole else bare_workflow(value)
