"""Levels: what is known of a fact while a workflow is walked, and how each event changes it.

A fact has a *level*, a small number, and a walk knows a span of levels it may have:

| form    | level 0        | level 1              | level n                                 |
|---------|----------------|----------------------|-----------------------------------------|
| `once`  | false          | true                 |                                         |
| `count` | 0              | 1                    | n; the highest stands for itself or more|
| `sum`   | nothing added  | any sum              |                                         |
| `last`  | absent         | there, any value     |                                         |

Law: transitions are read off the declaration, and whatever the history of the same events makes
of the fact lies in the span (tests walk both). Where the declaration leaves room the span is wide:
`by` asks about another key than the event had, `within` may have run out at any time, a `where`
that reads more than the tool may hold or not. A fact that reaches beyond one run may be anything.

Steps are taken one after the other, and each takes time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import JsonValue

from mythos.engines.policy.facts.declared import USER_EVENTS
from mythos.engines.policy.facts.plan import FactPlan
from mythos.values.tools import Tool, ToolCatalogue

Span: TypeAlias = "tuple[int, int]"
NOTHING: Span = (0, 0)
MOST_COUNTED = 32

Sure = Literal["yes", "no", "perhaps"]


@dataclass(frozen=True, slots=True)
class TrackedFact:
    """A fact with its highest level and, by event, whether a `where` lets the event count."""

    plan: FactPlan
    top: int
    counts: Mapping[str, Sure]

    @property
    def free(self) -> bool:
        """Whether its history reaches beyond one run, so that nothing is known of it."""
        return self.plan.scope != "session"

    @property
    def anything(self) -> Span:
        """Every level it can have; a sum of nothing is also some sum."""
        return (1, 1) if self.plan.form == "sum" else (0, self.top)

    @property
    def start(self) -> Span:
        """Its span before anything happened."""
        return self.anything if self.free else NOTHING


def tracked(plan: FactPlan, literals: Iterable[int], catalogue: ToolCatalogue) -> TrackedFact:
    """A fact made ready to be followed.

    Args:
        plan: the fact.
        literals: the whole numbers in the rules that read it.
        catalogue: tells a `where` what a tool does.

    Returns:
        The fact. A count is told apart up to one more than the largest of the numbers, and never
        beyond `MOST_COUNTED`.
    """
    top = 1
    if plan.form == "count":
        top = min(max((1, *(each + 1 for each in literals))), MOST_COUNTED)
    counts = {name: _counts(plan, name, catalogue) for name in plan.events}
    return TrackedFact(plan, top, counts)


def after_call(fact: TrackedFact, span: Span, tool: str, *, ok: bool) -> Span:
    """The span of a fact after a call of a tool that went well or not."""
    if fact.free:
        return span
    plan = fact.plan
    if tool in plan.resets:
        span = _undone(fact, span)
    counted = plan.attempts or ok is plan.wants_ok
    if counted and tool in plan.events:
        span = _collected(fact, span, fact.counts[tool])
    return span


def after_instant(fact: TrackedFact, span: Span, events: Sequence[str]) -> Span:
    """The span after what the user did in one moment: all of it counts, then undoes."""
    if fact.free:
        return span
    for name in events:
        if name in fact.plan.events:
            span = _collected(fact, span, fact.counts[name])
    if not fact.plan.resets.isdisjoint(events):
        span = _undone(fact, span)
    return span


def of_users(fact: TrackedFact) -> bool:
    """Whether what the user does can change it."""
    return not fact.free and not USER_EVENTS.isdisjoint(fact.plan.events | fact.plan.resets)


def _counts(plan: FactPlan, event: str, catalogue: ToolCatalogue) -> Sure:
    """Whether an event of that name is one the fact collects, whatever its arguments are."""
    if plan.where is None:
        return "yes"
    tool = catalogue.find(event)
    reads_agent = plan.where.rule.count("principal") > 1  # once in its head
    if tool is None or reads_agent or not plan.where.parts <= {"tool"}:
        return "perhaps"
    holds = plan.where.holds({"tool": _about(tool)}, agent="", event=event)
    if holds is None:
        return "perhaps"
    return "yes" if holds else "no"


def _about(tool: Tool) -> JsonValue:
    return {"effect": tool.effect, "consequential": tool.consequential, "trust": tool.trust}


def _undone(fact: TrackedFact, span: Span) -> Span:
    """Only the event's own key is undone; the next action may ask about another."""
    return (0, span[1]) if fact.plan.keys else NOTHING


def _collected(fact: TrackedFact, span: Span, sure: Sure) -> Span:
    """The span after an event that the fact collects, or perhaps does."""
    if sure == "no":
        return span
    low, high = span
    plan = fact.plan
    if plan.form == "sum":
        return fact.anything
    stays = sure == "yes" and not plan.keys and plan.window_ns is None
    if plan.form == "count":
        return min(low + stays, fact.top), min(high + 1, fact.top)
    if plan.keys or plan.window_ns is not None:
        return 0, 1
    return (1, 1) if stays else (low, 1)
