"""The product of a workflow's automaton with what is known of the facts, searched by breadth.

A node is a state of the automaton with a span for each fact that a later step may still read. A
step that no policy set can permit there is not taken; one that is taken changes the facts as its
events do, whether it goes well or fails. Between steps the user may speak, and may confirm unless
the steps themselves say where.

Nodes reached by steps that are known to be permitted come first. What is reached only over a step
of which that could not be told is kept apart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import TypeAlias

from mythos.engines.coherence.workflow.levels import (
    NOTHING,
    Span,
    TrackedFact,
    after_call,
    after_instant,
    of_users,
)
from mythos.engines.coherence.workflow.permits import Answer, Case, Permits, TooMuchError
from mythos.engines.coherence.workflow.steps import CONFIRM, Plan
from mythos.values.tools import ToolCatalogue

Facts: TypeAlias = "tuple[Span, ...]"
Node: TypeAlias = "tuple[int, Facts]"

MAX_NODES = 10_000
MAX_CASES = 64
MESSAGE = "user.message"
NO_STEP = -1

_YES = ((CONFIRM,), (MESSAGE, CONFIRM))  # a tool's answer; words, which are a message too


@dataclass(frozen=True, slots=True)
class Move:
    """A step by number (`NO_STEP`: only the user acts), and what became of it."""

    step: int
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the policy sets say of one tool with facts like this, case by case."""

    permitted: tuple[tuple[Case, Answer], ...]
    denied: tuple[Case, ...]
    untold: tuple[str, ...]


@dataclass(slots=True)
class Search:
    """What a search found.

    `came` has for each node the node before it and the move between; `asked` for each step the
    nodes it could come at, by what was asked there; `taken` the moves of the automaton that some
    node takes; `sure` the nodes reached by steps that are known to be permitted; `finish` an
    accepting one of those, `perhaps` one of any.
    """

    came: dict[Node, tuple[Node, Move] | None] = field(default_factory=dict)
    sure: set[Node] = field(default_factory=set)
    asked: dict[int, dict[Case, Node]] = field(default_factory=dict)
    taken: set[tuple[int, int]] = field(default_factory=set)
    finish: Node | None = None
    perhaps: Node | None = None

    def path(self, node: Node) -> list[Move]:
        """The moves that lead to a node."""
        moves: list[Move] = []
        while (before := self.came[node]) is not None:
            node, move = before
            moves.append(move)
        return moves[::-1]


class Product:
    """A workflow under policy sets, ready to be searched."""

    def __init__(
        self,
        plan: Plan,
        catalogue: ToolCatalogue,
        *,
        facts: Mapping[str, TrackedFact],
        reads: Mapping[str, frozenset[str]],
        permits: Permits,
    ) -> None:
        """Keep the parts.

        Args:
            plan: the steps and their order.
            catalogue: tells which tools ask the user.
            facts: the facts by identity.
            reads: for each tool, the identities of facts that decide about it.
            permits: answers for single calls.
        """
        self._plan = plan
        self._order = tuple(facts)
        self._facts = tuple(facts.values())
        self._reads = reads
        self._permits = permits
        self._asking = {tool.name for tool in catalogue.tools if tool.user}
        self._live = _live(plan, reads)
        self._memo: dict[tuple[str, Case], Asked] = {}

    def search(self) -> Search:
        """Every node that can be reached.

        Raises:
            TooMuchError: more nodes, or more questions, than the budget allows.
        """
        found = Search()
        start = (0, self._masked(0, tuple(fact.start for fact in self._facts)))
        found.came[start] = None
        self._spread(found, certain_only=True)
        found.sure.update(found.came)
        found.finish = self._accepting(found)
        if any(asked.untold for asked in self._memo.values()):
            self._spread(found, certain_only=False)
            found.perhaps = self._accepting(found)
        return found

    def asked(self, step: int, facts: Case) -> Asked:
        """What was asked of a step, which calls a tool, with facts like this."""
        return self._memo[self._plan.steps[step].tool, facts]

    def _spread(self, found: Search, *, certain_only: bool) -> None:
        queue = deque(found.came)
        while queue:
            node = queue.popleft()
            for after, move, certain in self._moves(found, node):
                if after in found.came or (certain_only and not certain):
                    continue
                if len(found.came) >= MAX_NODES:
                    raise TooMuchError(f"more than {MAX_NODES} states of steps and facts")
                found.came[after] = (node, move)
                queue.append(after)

    def _accepting(self, found: Search) -> Node | None:
        return next((node for node in found.came if self._plan.final[node[0]]), None)

    def _moves(self, found: Search, node: Node) -> Iterator[tuple[Node, Move, bool]]:
        """The nodes one move on, and whether the move is known to be permitted."""
        state, facts = node
        for step, after in self._plan.rows[state].items():
            certain = self._certain(found, node, step)
            if certain is False:
                continue
            found.taken.add((state, step))
            for outcome, changed in self._outcomes(step, facts):
                yield (after, self._masked(after, changed)), Move(step, outcome), certain is True
        for outcome, changed in self._user_moves(facts):
            yield (state, self._masked(state, changed)), Move(NO_STEP, outcome), True

    def _certain(self, found: Search, node: Node, step: int) -> bool | None:
        """Whether some call of a step is permitted at a node; None if that cannot be told."""
        tool = self._plan.steps[step].tool
        if not tool:
            found.asked.setdefault(step, {}).setdefault((), node)
            return True
        reads = self._reads.get(tool, frozenset())
        spans = zip(self._order, node[1], strict=True)
        case: Case = tuple((name, span) for name, span in spans if name in reads)
        found.asked.setdefault(step, {}).setdefault(case, node)
        known = self._memo.get((tool, case))
        if known is None:
            known = self._memo[tool, case] = self._ask(tool, case)
        if known.permitted:
            return True
        return None if known.untold else False

    def _ask(self, tool: str, case: Case) -> Asked:
        permitted: list[tuple[Case, Answer]] = []
        denied: list[Case] = []
        untold: list[str] = []
        for each in _split(case):
            answer = self._permits.may(tool, each)
            if answer.permitted:
                permitted.append((each, answer))
            elif answer.permitted is None:
                untold.append(answer.why)
            else:
                denied.append(each)
        return Asked(tuple(permitted), tuple(denied), tuple(untold))

    def _outcomes(self, step: int, facts: Facts) -> Iterator[tuple[str, Facts]]:
        """What a step that is taken may make of the facts."""
        taken = self._plan.steps[step]
        if taken.tool:
            well = self._called(facts, taken.tool, ok=True)
            yield "", well
            if taken.tool in self._asking:
                yield CONFIRM, self._did(well, (CONFIRM,))
            yield "error", self._called(facts, taken.tool, ok=False)
        elif taken.user == CONFIRM:
            for events in _YES:
                yield CONFIRM, self._did(facts, events)
            yield "declined", self._did(facts, (MESSAGE,))
        elif taken.user:
            yield "", self._did(facts, (taken.user,))
        else:
            yield "", facts

    def _user_moves(self, facts: Facts) -> Iterator[tuple[str, Facts]]:
        """What the user may do between two steps."""
        if not any(of_users(fact) for fact in self._facts):
            return
        if not self._plan.asks:
            for events in _YES:
                yield CONFIRM, self._did(facts, events)
        yield MESSAGE, self._did(facts, (MESSAGE,))

    def _called(self, facts: Facts, tool: str, *, ok: bool) -> Facts:
        pairs = zip(self._facts, facts, strict=True)
        return tuple(after_call(fact, span, tool, ok=ok) for fact, span in pairs)

    def _did(self, facts: Facts, events: Sequence[str]) -> Facts:
        pairs = zip(self._facts, facts, strict=True)
        return tuple(after_instant(fact, span, events) for fact, span in pairs)

    def _masked(self, state: int, facts: Facts) -> Facts:
        """The facts without those that no step from here on reads."""
        live = self._live[state]
        pairs = zip(self._order, facts, strict=True)
        return tuple(span if name in live else NOTHING for name, span in pairs)


def _split(case: Case) -> list[Case]:
    """The case level by level; as it is, where that would be too many."""
    if prod(high - low + 1 for _, (low, high) in case) > MAX_CASES:
        return [case]
    levels = [[(name, (n, n)) for n in range(low, high + 1)] for name, (low, high) in case]
    return [tuple(each) for each in product(*levels)]


def _live(plan: Plan, reads: Mapping[str, frozenset[str]]) -> list[frozenset[str]]:
    """For each state of the automaton the facts that some step from there on reads."""
    live = [
        frozenset[str]().union(*(reads.get(plan.steps[s].tool, frozenset()) for s in row))
        for row in plan.rows
    ]
    before: list[set[int]] = [set() for _ in plan.rows]
    for state, row in enumerate(plan.rows):
        for after in row.values():
            before[after].add(state)
    pending = deque(range(len(live)))
    while pending:
        state = pending.popleft()
        for earlier in before[state]:
            if not live[state] <= live[earlier]:
                live[earlier] |= live[state]
                pending.append(earlier)
    return live
