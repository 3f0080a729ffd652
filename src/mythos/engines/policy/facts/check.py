"""What is wrong with the facts of a policy set, told before any of them is kept.

First what the document alone shows, then what the tools of a catalogue show. Every objection is a
`Problem` of the fact it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mythos.engines.policy.cedar_text import KEYWORDS
from mythos.engines.policy.facts.circles import circles
from mythos.engines.policy.facts.declared import (
    GROUPS,
    PRINCIPAL,
    USER_EVENTS,
    event_names,
    form_of,
    keys_of,
    path_of,
    resolved,
    window_ns,
)
from mythos.engines.policy.facts.kind import field_kinds, field_shape, kind_of
from mythos.engines.policy.facts.plan import NS, RETENTION_S
from mythos.engines.policy.facts.where import read_condition
from mythos.engines.policy.problem import Problem
from mythos.engines.policy.rule import Rule
from mythos.errors import PolicyError
from mythos.values.policy import Fact, Last, PolicySet, Summed
from mythos.values.tools import Tool, ToolCatalogue

_Objection = tuple[str, str]
_GROUPS = ", ".join(GROUPS)


def document_problems(policy_set: PolicySet) -> Iterator[Problem]:
    """What the facts of a policy set show to be wrong without any catalogue."""
    for name, fact in policy_set.facts.items():
        for message, remedy in (
            *_of_name(name),
            *_of_users(fact),
            *_of_fields(fact),
            *_of_scope(fact),
            *_of_where(fact, policy_set),
        ):
            yield _problem(name, message, remedy)
    for circle in circles(facts_needed(policy_set.facts)):
        way = " → ".join(circle)
        yield _problem(
            circle[0], f"its `where` leads back to itself: {way}", "break the circle of facts"
        )


def catalogue_problems(
    policy_set: PolicySet, rules: Iterable[Rule], catalogue: ToolCatalogue
) -> Iterator[Problem]:
    """What the tools of a covered catalogue show to be wrong with the facts."""
    for name, fact in policy_set.facts.items():
        reading = [rule for rule in rules if name in rule.use.facts]
        for message, remedy in (*_untyped(fact, catalogue), *_unkeyed(fact, reading, catalogue)):
            yield _problem(name, message, remedy)


def unknown_events(policy_set: PolicySet, names: frozenset[str]) -> Iterator[Problem]:
    """Events that are no tool of any covered catalogue, no group and no user event."""
    for name, fact in policy_set.facts.items():
        for event in sorted(event_names(fact) - names - USER_EVENTS - GROUPS.keys()):
            yield _problem(
                name,
                f"it speaks of {event!r}, which is no tool of the catalogue",
                f"correct the tool's name, or write user.message, user.confirm or {_GROUPS}",
            )


def _problem(name: str, message: str, remedy: str) -> Problem:
    return Problem(0, 0, f"fact {name!r}: {message}", remedy, fact=name)


def _of_name(name: str) -> Iterator[_Objection]:
    if name in KEYWORDS:
        yield (
            f"{name} is a word of Cedar's own, so no rule could read context.past.{name}",
            f"choose another name, such as {name}_seen",
        )


def _of_users(fact: Fact) -> Iterator[_Objection]:
    users = sorted(USER_EVENTS & event_names(fact))
    if not users:
        return
    named = ", ".join(users)
    if set(keys_of(fact)) - {PRINCIPAL}:
        yield f"`by` needs arguments, and {named} has none", "remove `by`, or take a tool's call"
    if path_of(fact):
        yield f"{named} has no fields to read", "take a tool's call as the event"
    if fact.outcome == "error":
        yield f"{named} has no outcome `error`", "remove `outcome`"


def _of_fields(fact: Fact) -> Iterator[_Objection]:
    if isinstance(fact, Summed):
        if len(path_of(fact)) == 1:
            yield "`sum` needs one field, such as input.amount_cents", "name the field to add up"
        if fact.count == "attempts" and fact.outcome == "error":
            yield "`count: attempts` and `outcome: error` contradict", "remove one of the two"
    if isinstance(fact, Last) and fact.last == "input":
        yield "`last: input` is no value", "name one argument, such as input.order_id"


def _of_scope(fact: Fact) -> Iterator[_Objection]:
    if fact.scope == "session":
        return
    window = window_ns(fact)
    days = RETENTION_S // 86_400
    if window is None:
        yield (
            f"history of scope {fact.scope} is kept {days} days, and it asks for all of it",
            f"add `within`, at most {days}d",
        )
    elif window > RETENTION_S * NS:
        yield (
            f"`within: {fact.within}` is longer than history is kept ({days} days)",
            f"use at most {days}d",
        )


def _of_where(fact: Fact, policy_set: PolicySet) -> Iterator[_Objection]:
    if fact.where is None:
        return
    try:
        condition = read_condition(fact.where)
    except PolicyError as error:
        yield error.message, error.remedy
        return
    for name in sorted(condition.facts - policy_set.facts.keys()):
        yield f"its `where` reads past.{name}, which `facts` does not declare", "correct the name"
    if "past" in condition.parts and fact.scope != "session":
        message = f"a `where` that reads another fact needs events in order; {fact.scope} has none"
        yield message, "leave the scope at session, or write the condition without `past`"
    deferred = {"node", "fleet"}
    for name in sorted(condition.facts & policy_set.facts.keys()):
        if policy_set.facts[name].scope in deferred:
            yield f"its `where` reads {name!r}, which only the monitor knows", "read another fact"


def facts_needed(facts: Mapping[str, Fact]) -> dict[str, frozenset[str]]:
    """For each fact those that its `where` reads; none for one that is no condition."""
    needs: dict[str, frozenset[str]] = {}
    for name, fact in facts.items():
        try:
            condition = read_condition(fact.where) if fact.where else None
        except PolicyError:
            condition = None
        needs[name] = condition.facts if condition else frozenset()
    return needs


def _untyped(fact: Fact, catalogue: ToolCatalogue) -> Iterator[_Objection]:
    path = path_of(fact)
    if not path:
        return
    told = field_kinds(fact, catalogue)
    wanted = kind_of(fact, catalogue)
    for tool in (tool for tool in catalogue.tools if tool.name in told):
        kind = told[tool.name]
        if _lacks(tool, path):
            yield f"{tool.name} has no {'.'.join(path)}", "correct the field's name"
        elif form_of(fact) == "sum" and (kind or "Long") not in {"Long", "decimal"}:
            yield f"{'.'.join(path)} of {tool.name} is {kind}, no number", "add up a number"
        elif kind and wanted != kind and not (wanted == "datetime" and kind == "String"):
            yield (
                f"{'.'.join(path)} of {tool.name} is {kind}, not {wanted}",
                "correct `type`, or give each kind a fact of its own",
            )


def _lacks(tool: Tool, path: tuple[str, ...]) -> bool:
    """Whether the tool's schema declares fields, and not this one."""
    parent = field_shape(tool, path[:-1]) if len(path) > 1 else None
    if parent is None or parent.kind != "Record" or parent.open or parent.fields is None:
        return False
    return path[-1] not in parent.fields and path[-1] not in parent.hidden


def _unkeyed(fact: Fact, reading: list[Rule], catalogue: ToolCatalogue) -> Iterator[_Objection]:
    """Tools without an argument that `by` correlates: among the events, and where rules ask."""
    keys = [key for key in keys_of(fact) if key != PRINCIPAL]
    if not keys:
        return
    events = resolved(event_names(fact), catalogue)
    for tool in catalogue.tools:
        missing = [key for key in keys if not _has_argument(tool, key)]
        if not missing:
            continue
        if tool.name in events:
            yield f"`by: {missing[0]}` is no argument of {tool.name}", "correct `by` or the event"
        for rule in (rule for rule in reading if rule.about(tool.name)):
            message = (
                f"`by: {missing[0]}` is no argument of {tool.name}, for which rule {rule.id!r}"
            )
            yield f"{message} reads it", "name in its scope only tools that have the argument"


def _has_argument(tool: Tool, key: str) -> bool:
    shape = field_shape(tool, ("input", key))
    parent = field_shape(tool, ("input",))
    return shape is not None or parent is None or parent.open or key in parent.hidden
