"""Explain what a search found: a status for each step, with paths, facts and calls that show it.

Facts are named only as far as they matter: from those of a denied case every fact is left out
without which it is still denied. For a step that is never permitted the fewest facts are sought
that would have to be otherwise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import combinations

from mythos.engines.coherence.workflow.levels import Span, TrackedFact
from mythos.engines.coherence.workflow.permits import Answer, Case, Permits
from mythos.engines.coherence.workflow.product import NO_STEP, Asked, Node, Product, Search
from mythos.engines.coherence.workflow.steps import Plan
from mythos.engines.coherence.workflow.verdict import (
    Blocked,
    FactState,
    Lack,
    Path,
    Status,
    StepVerdict,
    Taken,
)
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.known import ABSENT, FactValue
from mythos.engines.policy.request import Request

MAX_BLOCKED = 4
_MAX_TRIED = 8
_MAX_CHANGED = 3


class Explainer:
    """Puts what was found into words of the workflow and the policy sets."""

    def __init__(
        self,
        plan: Plan,
        engine: PolicyEngine,
        *,
        facts: Mapping[str, TrackedFact],
        permits: Permits,
    ) -> None:
        """Keep the parts."""
        self._plan = plan
        self._facts = facts
        self._permits = permits
        self._names: dict[str, tuple[str, str, str]] = {}
        for owner in engine.compiled:
            for name, fact in owner.plans.items():
                named = (owner.policy_set.policy_set, name, owner.digest)
                self._names.setdefault(fact.identity, named)

    def finish(self, found: Search) -> Path:
        """The path to the end; empty where there is none that is sure."""
        return self._path(found, found.finish) if found.finish else ()

    def steps(self, product: Product, found: Search) -> tuple[StepVerdict, ...]:
        """A verdict for each step, in the order of the plan."""
        return tuple(self._step(product, found, each) for each in range(len(self._plan.steps)))

    def _step(self, product: Product, found: Search, number: int) -> StepVerdict:
        step = self._plan.steps[number]
        places = found.asked.get(number, {})
        if not places:
            return self._behind(found, number)
        path = self._path(found, next(iter(places.values())))
        if not step.tool:
            sure = any(node in found.sure for node in places.values())
            return StepVerdict(step, "reachable" if sure else "undecided", path)
        asked = {case: product.asked(number, case) for case in places}
        request = _permitted(asked, places, found)
        if request is None:
            return self._not_permitted(found, number, asked)
        blocked = tuple(self._blocked(found, number, asked, near=request))
        status: Status = "sometimes blocked" if blocked else "reachable"
        return StepVerdict(step, status, path, permitted=request, blocked=blocked)

    def _not_permitted(
        self, found: Search, number: int, asked: Mapping[Case, Asked]
    ) -> StepVerdict:
        step, places = self._plan.steps[number], found.asked[number]
        untold = [why for each in asked.values() for why in each.untold]
        if untold or any(each.permitted for each in asked.values()):
            path = self._path(found, next(iter(places.values())))
            why = untold[0] if untold else "it comes only after a step that could not be told"
            return StepVerdict(step, "undecided", path, why=why)
        case, changed, answer = self._closest(step.tool, asked)
        denial = self._permits.denial(step.tool, case, answer.request)
        path = self._path(found, places[self._home(case, places)])
        if denial is None:
            why = "no call of it was found to be denied"
            return StepVerdict(step, "undecided", path, why=why)
        return StepVerdict(
            step,
            "never permitted",
            path,
            missing=tuple(self._lacks(case, changed, answer.request)),
            denial=denial,
            why="" if changed else "no facts would permit it",
        )

    def _home(self, case: Case, places: Mapping[Case, Node]) -> Case:
        """The place that a case was split from."""
        return next(
            place
            for place in places
            if all(
                low <= span[0] and span[1] <= high
                for (_, (low, high)), (_, span) in zip(place, case, strict=True)
            )
        )

    def _closest(
        self, tool: str, asked: Mapping[Case, Asked]
    ) -> tuple[Case, tuple[str, ...], Answer]:
        """A denied case, the fewest of its facts that have to change, and the answer then."""
        cases = [case for each in asked.values() for case in each.denied][:_MAX_TRIED]
        names = sorted(name for name, _ in cases[0])
        sizes = [*range(1, min(_MAX_CHANGED, len(names)) + 1), len(names)]
        for size in dict.fromkeys(sizes):
            for changed in combinations(names, size):
                for case in cases:
                    rest = tuple(each for each in case if each[0] not in changed)
                    answer = self._permits.may(tool, rest)
                    if answer.permitted:
                        return case, changed, answer
        return cases[0], (), Answer(permitted=False)

    def _blocked(
        self, found: Search, number: int, asked: Mapping[Case, Asked], *, near: Request
    ) -> Iterator[Blocked]:
        """The ways in which a step is blocked, each with no more facts than it takes."""
        tool, places = self._plan.steps[number].tool, found.asked[number]
        seen: list[Case] = []
        for place, said in asked.items():
            for case in said.denied:
                if any(set(core) <= set(case) for core in seen):
                    continue
                if len(seen) == MAX_BLOCKED:
                    return
                core = self._core(tool, case)
                seen.append(core)
                yield Blocked(
                    tuple(self._states(core)),
                    self._path(found, places[place]),
                    self._permits.denial(tool, case, near),
                )

    def _core(self, tool: str, case: Case) -> Case:
        """Facts of a denied case without which it is no longer known to be denied."""
        kept = case
        for each in case:
            rest = tuple(other for other in kept if other != each)
            if self._permits.may(tool, rest).permitted is False:
                kept = rest
        return kept

    def _behind(self, found: Search, number: int) -> StepVerdict:
        """A step that never comes: what is in its way, and how one gets there."""
        step = self._plan.steps[number]
        state, blocker = self._blocker(found, number)
        node = next(each for each in found.came if each[0] == state)
        behind = self._plan.steps[blocker].path
        return StepVerdict(step, "behind a blocked step", self._path(found, node), behind=behind)

    def _blocker(self, found: Search, number: int) -> tuple[int, int]:
        """The first move that nobody takes on a way to a step with the fewest of those."""
        queue: deque[tuple[int, tuple[int, int] | None]] = deque([(0, None)])
        done: set[int] = set()
        while queue:
            state, first = queue.popleft()
            if state in done:
                continue
            done.add(state)
            row = self._plan.rows[state]
            if number in row and first is not None:
                return first
            for step, after in row.items():
                if (state, step) in found.taken:
                    queue.appendleft((after, first))
                else:
                    queue.append((after, first or (state, step)))
        raise AssertionError(number)  # every step lies on some way from the start

    def _path(self, found: Search, node: Node) -> Path:
        steps = self._plan.steps
        return tuple(
            Taken(None if move.step == NO_STEP else steps[move.step], move.outcome)
            for move in found.path(node)
        )

    def _states(self, case: Case) -> Iterator[FactState]:
        for identity, span in case:
            owner, name, _ = self._names[identity]
            yield FactState(owner, name, span_text(self._facts[identity], span))

    def _lacks(
        self, case: Case, changed: tuple[str, ...], request: Request | None
    ) -> Iterator[Lack]:
        for identity, span in case:
            if identity not in changed or request is None:
                continue
            owner, name, digest = self._names[identity]
            wanted = request.facts.get(digest, {}).get(name)
            now = span_text(self._facts[identity], span)
            yield Lack(owner, name, now, value_text(wanted))


def _permitted(
    asked: Mapping[Case, Asked], places: Mapping[Case, Node], found: Search
) -> Request | None:
    """A permitted call where the step is known to come."""
    for case, said in asked.items():
        if said.permitted and places[case] in found.sure:
            return said.permitted[0][1].request
    return None


def span_text(fact: TrackedFact, span: Span) -> str:
    """The levels of a span in words."""
    low, high = span
    match fact.plan.form:
        case "once":
            words = ("false", "true")
        case "last":
            words = ("absent", "there")
        case "sum":
            words = ("0", "any sum")
        case _:
            more = " or more" if high >= fact.top else ""
            return f"{low}{more}" if low == high or more else f"{low} to {high}"
    return words[low] if low == high else " or ".join(words)


def value_text(value: FactValue | object) -> str:
    """A fact's value as a rule would write it."""
    if value is ABSENT:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        inner = value.get("__extn", {})
        return str(inner.get("arg", "")) if isinstance(inner, dict) else ""
    return repr(value) if isinstance(value, str) else str(value)
