"""Permits: may a call of a tool be permitted when its facts have certain levels?

Asked of the solver, and of Cedar before it is believed: a permitted request is one that MythOS
decided, with the facts it holds. *Denied* is the solver's word alone, so a denied request is
shown for each step that is called never permitted.

Everything but the facts is free: arguments within their schema, the agent, the time, where values
came from. So a permission is for one step by itself, and is optimistic; a denial is for every call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mythos.engines.coherence.environment import RequestEnvironment, request_environment
from mythos.engines.coherence.solver import Solver, UndecidedError
from mythos.engines.coherence.symbols import Number, Truth
from mythos.engines.coherence.terms import Bool
from mythos.engines.coherence.witness import witness
from mythos.engines.coherence.workflow.levels import Span, TrackedFact
from mythos.engines.coherence.z3_terms import new_context
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.kind import sum_value
from mythos.engines.policy.facts.known import ABSENT, FactValue
from mythos.engines.policy.request import Decision, Request
from mythos.values.tools import Tool

if TYPE_CHECKING:
    from z3 import Context

Case: TypeAlias = "tuple[tuple[str, Span], ...]"
"""Spans of facts by identity, sorted; a fact that is not named may be anything."""

MAX_QUERIES = 20_000
MAX_UNDECIDED = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether some call is permitted: True with a request, False, or None and why not told."""

    permitted: bool | None
    request: Request | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Denial:
    """A request that was decided and denied."""

    request: Request
    decision: Decision


class TooMuchError(Exception):
    """The budget of questions is spent; not an error of the workflow."""


class Permits(Protocol):
    """Knows what the policy sets say of single calls."""

    def may(self, tool: str, case: Case) -> Answer:
        """Whether a call of the tool may be permitted with facts like this."""

    def denial(self, tool: str, case: Case, near: Request | None = None) -> Denial | None:
        """A request with facts like this that is denied, much like `near` where one is given."""


@dataclass(slots=True)
class SolvedPermits:
    """Answers by solver and replay, each question once. Owns its solvers."""

    engine: PolicyEngine
    facts: Mapping[str, TrackedFact]
    n_queries: int = 0
    n_undecided: int = 0
    _known: dict[tuple[str, Case], Answer] = field(default_factory=dict)
    _desks: dict[str, _Desk] = field(default_factory=dict)
    _context: Context = field(default_factory=new_context)

    @property
    def in_force(self) -> tuple[str, ...]:
        """Digests of the policy sets."""
        return tuple(self.engine.policy_sets)

    def may(self, tool: str, case: Case) -> Answer:
        """Whether a call of the tool may be permitted with facts like this.

        Raises:
            TooMuchError: too many questions, or too many that could not be told.
        """
        found = self._known.get((tool, case))
        if found is None:
            found = self._known[tool, case] = self._asked(tool, case)
            self.n_undecided += found.permitted is None
            if self.n_undecided > MAX_UNDECIDED:
                raise TooMuchError(f"too many questions without an answer: {found.why}")
        return found

    def denial(self, tool: str, case: Case, near: Request | None = None) -> Denial | None:
        """A request with facts like this that is denied, much like `near` where one is given."""
        declared = self.engine.tool(tool)
        if declared is None:
            return self._denied(Request(agent="agent", tool=tool, arguments={}))
        if near and (found := self._denied(self._with_facts(near, case))):
            return found
        desk = self._desk(declared)
        try:
            terms = self._terms(desk.environment, case)
            model = desk.solver.model(*terms)
            request = None if model is None else witness(desk.environment, model, terms)
        except UndecidedError:
            return None
        return self._denied(request) if request else None

    def _asked(self, tool: str, case: Case) -> Answer:
        self.n_queries += 1
        if self.n_queries > MAX_QUERIES:
            raise TooMuchError(f"more than {MAX_QUERIES} questions about single steps")
        declared = self.engine.tool(tool)
        if declared is None:
            request = Request(agent="agent", tool=tool, arguments={})
            allowed = self.engine.in_cedar.decide(request, in_force=self.in_force).allowed
            return Answer(permitted=allowed, request=request if allowed else None)
        return self._solved(self._desk(declared), case)

    def _solved(self, desk: _Desk, case: Case) -> Answer:
        shown = [*desk.allowed, *self._terms(desk.environment, case)]
        try:
            model = desk.solver.model(*shown)
            if model is None:
                return Answer(permitted=False)
            request = witness(desk.environment, model, shown)
        except UndecidedError as error:
            return Answer(permitted=None, why=str(error))
        if self.engine.in_cedar.decide(request, in_force=self.in_force).allowed:
            return Answer(permitted=True, request=request)
        return Answer(permitted=None, why=_untold(desk.environment))

    def _desk(self, tool: Tool) -> _Desk:
        found = self._desks.get(tool.name)
        if found is None:
            environment = request_environment(tool, self.engine.compiled, self.engine.catalogue)
            allowed = environment.allowed_parts(self.in_force)
            solver = environment.solver(self._context)
            found = self._desks[tool.name] = _Desk(environment, solver, allowed)
        return found

    def _terms(self, environment: RequestEnvironment, case: Case) -> list[Bool]:
        """What the spans say of the environment's facts."""
        spans = dict(case)
        found: list[Bool] = []
        for owner in environment.sets:
            for name, plan in owner.plans.items():
                span = spans.get(plan.identity)
                if span is not None:
                    fact = self.facts[plan.identity]
                    found.append(_within(environment, owner.digest, name, fact, span))
        return found

    def _denied(self, request: Request) -> Denial | None:
        decision = self.engine.in_cedar.decide(request, in_force=self.in_force)
        return None if decision.allowed else Denial(request, decision)

    def _with_facts(self, near: Request, case: Case) -> Request:
        """The request with each fact of the case at the lowest level it may have there."""
        spans = dict(case)
        facts = {digest: dict(values) for digest, values in near.facts.items()}
        for owner in self.engine.compiled:
            for name, plan in owner.plans.items():
                span = spans.get(plan.identity)
                if span is None or name not in facts.get(owner.digest, {}):
                    continue
                fact = self.facts[plan.identity]
                value = value_at(fact, span[0])
                if value is not None:
                    facts[owner.digest][name] = value
        return replace(near, facts=facts)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What is kept for the questions about one tool."""

    environment: RequestEnvironment
    solver: Solver
    allowed: Sequence[Bool]


def value_at(fact: TrackedFact, level: int) -> FactValue | None:
    """A fact's value at a level; None where any value of its kind has that level."""
    match fact.plan.form:
        case "once":
            return bool(level)
        case "count":
            return level
        case "sum":
            return None if level else sum_value(fact.plan.kind, 0)
        case _:
            return None if level else ABSENT


def _within(
    environment: RequestEnvironment, owner: str, name: str, fact: TrackedFact, span: Span
) -> Bool:
    """That a fact has a level of the span; True where any will do."""
    bank, (low, high) = environment.bank, span
    if fact.plan.form == "last":
        there = environment.fact_presence(owner, name)
        return True if low < high else there if low else bank.not_(there)
    value = environment.fact(owner, name)
    if isinstance(value, Truth):
        return True if low < high else value.term if low else bank.not_(value.term)
    if not isinstance(value, Number) or (fact.plan.form == "sum" and high):
        return True
    at_least = bank.le(low, value.term)
    open_end = high >= fact.top and fact.plan.form == "count"
    return at_least if open_end else bank.and_(at_least, bank.le(value.term, high))


def _untold(environment: RequestEnvironment) -> str:
    """Why a request that seemed permitted was not."""
    named = [f"{r.rule.id} ({r.unsupported})" for r in environment.rules if r.unsupported]
    return "no exact translation of " + ", ".join(named) if named else "a request did not replay"
