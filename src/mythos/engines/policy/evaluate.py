"""Evaluate a slice once: build the context, and ask which of its rules match.

A *world* is one way in which all that was not captured may have been. What has few values is tried
with each; a rule that reads what may have any value is set aside, and a world says whether it
matched.

Every request fits the slice's schema. Cedar checks it unless the context is typed by how it was
made: arguments that `arguments` fitted to the shape the schema was made from, facts that are seen
to be of their kind, and what is written here. Then rules with an exact translation (`native`) are
evaluated without Cedar, which is asked where one of them errs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import compress, product
from math import prod
from typing import NamedTuple, TypeAlias, cast

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.facts.kind import cedar_moment, is_plain
from mythos.engines.policy.facts.known import ABSENT, FactValue, Known, OneOf
from mythos.engines.policy.origin_name import ANY_ORIGIN, STRANGE, Origin, has_origin
from mythos.engines.policy.request import Request
from mythos.engines.policy.result import Result, read_answer, result_of, with_matched
from mythos.engines.policy.schema import AGENT
from mythos.engines.policy.signals import is_referred, signal_parts, unbounded, uncertain
from mythos.engines.policy.slice import Member, Runnable, Slice
from mythos.values.event import Json

MAX_WORLDS = 64

_NO_ENTITIES = cedarpy.Entities.from_json_str("[]")
_SOURCES = frozenset({"origin", "sinks"})
_ORIGINS = tuple(map(str, Origin))
_COUNTED = frozenset({"depth", "repeats", "run"})
_NO_ARGUMENTS = frozenset({"past", "licensed", "tool", "now", "depth"})
_NO_FACTS: Mapping[str, Known] = {}

Unknown: TypeAlias = tuple[str, str]
"""(record, fact), ("licensed", ""), ("origin", sink), or ("rule", index) for a whole rule."""
Value: TypeAlias = "FactValue | Origin"
Values: TypeAlias = "tuple[Value, ...]"
World: TypeAlias = Mapping[Unknown, Value]


class Input(NamedTuple):
    """The arguments as Cedar's JSON, and what does not fit: then no rule can read them."""

    record: dict[str, JsonValue]
    misfits: tuple[str, ...]


def hidden_input(rules: Slice, request: Request) -> frozenset[str]:
    """Arguments that the rules read and of which only a mask was captured."""
    if not request.hidden or rules.arguments is None:
        return request.hidden
    return request.hidden & rules.arguments


def input_of(rules: Slice, request: Request, arguments: Mapping[str, Json]) -> Input:
    """The arguments that are shown, all of which must fit, whether a rule reads them or not."""
    shape = rules.shape
    if request.hidden:
        shown = {k: v for k, v in (shape.fields or {}).items() if k not in request.hidden}
        shape = replace(shape, fields=shown, hidden=shape.hidden | request.hidden)
    return Input(*cedar_arguments(shape, arguments))


@dataclass(frozen=True, slots=True)
class Doubts:
    """What the rules read and the request cannot tell.

    `values` are all values each such thing may have. `names` says what is meant, per policy set's
    record (empty for what is no fact). `aside` are the indexes of rules that cannot be evaluated.
    """

    values: dict[Unknown, Values]
    names: tuple[tuple[str, str], ...]
    aside: frozenset[int]


NO_DOUBT = Doubts({}, (), frozenset())


def doubts_of(rules: Slice, request: Request) -> Doubts:
    """What the rules read and the request cannot tell.

    Facts with a few values are taken for any where there are too many ways to try each: the rules
    that read them are then set aside, and may still decide nothing.
    """
    if rules.certain and _all_told(rules, request):
        return NO_DOUBT
    found = _doubts(rules, request)
    return found if n_worlds(found.values) <= MAX_WORLDS else _doubts(rules, _untold(request))


def _untold(request: Request) -> Request:
    facts = {
        owner: {name: None if isinstance(each, OneOf) else each for name, each in known.items()}
        for owner, known in request.facts.items()
    }
    return replace(request, facts=facts)


def _doubts(rules: Slice, request: Request) -> Doubts:
    values = _few_values(rules, request)
    names = [
        (record if record.startswith("past") else "", name or record) for record, name in values
    ]
    anything: set[Unknown] = set()
    for digest, past, fact, _, _ in rules.reads:
        known = request.facts.get(digest, _NO_FACTS).get(fact)
        if known is None and (past, fact) not in values:
            anything.add((digest, fact))
            names.append((past, fact))
    numbers = {*unbounded(rules.parts, request.signals)}
    if "depth" in rules.parts and request.depth is None:
        numbers.add(("depth", ""))
    anything |= numbers
    names.extend(("", part) for part, _ in sorted(numbers))
    if not names:
        return NO_DOUBT
    aside = frozenset(i for i, m in enumerate(rules.members) if _reads_any(m, anything))
    values.update({("rule", str(index)): (False, True) for index in sorted(aside)})
    return Doubts(values, tuple(names), aside)


def _all_told(rules: Slice, request: Request) -> bool:
    facts = request.facts
    for digest, _, fact, _, _ in rules.reads:
        known = facts.get(digest, _NO_FACTS).get(fact)
        if known is None or isinstance(known, OneOf):
            return False
    return True


def _few_values(rules: Slice, request: Request) -> dict[Unknown, Values]:
    """What cannot be told but may only have a few values."""
    values: dict[Unknown, Values] = {}
    for digest, past, fact, kind, optional in rules.reads:
        known = request.facts.get(digest, _NO_FACTS).get(fact)
        if isinstance(known, OneOf):
            values[past, fact] = known.values
        elif known is None and kind == "Boolean":
            values[past, fact] = (False, True, ABSENT) if optional else (False, True)
    if "licensed" in rules.parts and request.licensed is None:
        values["licensed", ""] = (False, True)
    if not rules.parts.isdisjoint(_SOURCES):
        for sink, origins in _origins(rules, request).items():
            if len(origins) != 1:
                values["origin", sink] = tuple(sorted(origins or ANY_ORIGIN))
    values.update(dict.fromkeys(uncertain(rules.parts, request.signals), (False, True)))
    return values


def _reads_any(member: Member, anything: set[Unknown]) -> bool:
    facts = {(member.owner.digest, fact) for fact in member.rule.use.facts}
    parts = {(part, "") for part in member.rule.use.parts}
    return not anything.isdisjoint(facts | parts)


def _origins(rules: Slice, request: Request) -> dict[str, frozenset[Origin]]:
    """Origins of each sink the call has; one that nobody traced may come from anywhere."""
    given = request.arguments or {}
    return {
        sink: request.origins.get(sink, ANY_ORIGIN)
        for sink in rules.tool.sinks_of(given)
        if sink in request.origins or has_origin(given.get(sink))
    }


def worlds_of(unknown: Mapping[Unknown, Values]) -> list[World]:
    """Every way the unknown may be; none if there are too many to try."""
    if not unknown:
        return [{}]
    if n_worlds(unknown) > MAX_WORLDS:
        return []
    return [dict(zip(unknown, values, strict=True)) for values in product(*unknown.values())]


def n_worlds(unknown: Mapping[Unknown, Values]) -> int:
    """In how many ways the unknown may be."""
    return prod(map(len, unknown.values()))


def evaluate(
    rules: Slice, request: Request, given: Input, world: World, *, aside: frozenset[int]
) -> Result:
    """Evaluate the slice for a request in one world, without the rules set aside.

    Where arguments do not fit, the rules that read any are left out as well.
    """
    context = context_of(rules, request, world)
    left_out = aside
    if given.misfits:
        left_out, aside = aside | rules.seeing, aside - rules.seeing
    elif "input" in rules.parts:
        context["input"] = given.record
    result = _run(rules, request, context, rules.without(left_out))
    matched = [rules.members[i] for i in sorted(aside) if world["rule", str(i)]]
    return with_matched(result, matched, only_guards=rules.only_guards) if aside else result


def evaluate_blind(rules: Slice, request: Request) -> Result:
    """Evaluate only the rules that need no argument and nothing else that is not known."""
    doubts = doubts_of(rules, request)
    unsure = {record for record, _ in doubts.values if record != "rule"}
    facts = {fact for record, fact in doubts.names if record}
    left_out = frozenset(
        i
        for i, member in enumerate(rules.members)
        if i in doubts.aside
        or not (member.rule.use.parts <= _NO_ARGUMENTS)
        or not unsure.isdisjoint(member.rule.use.parts)
        or not facts.isdisjoint(member.rule.use.facts)
    )
    context = context_of(rules, request, {})
    return _run(rules, request, context, rules.without(left_out))


def context_of(rules: Slice, request: Request, world: World) -> dict[str, JsonValue]:
    """The parts of the context that the rules read, with the world's values for the unknown."""
    context: dict[str, JsonValue] = {}
    parts = rules.parts
    if "past" in parts:
        context.update(_pasts(rules, request, world))
    if "licensed" in parts:
        context["licensed"] = bool(world.get(("licensed", ""), request.licensed))
    if not parts.isdisjoint(_SOURCES):
        context.update(_sink_parts(rules, request, world))
    if "tool" in parts:
        context["tool"] = rules.about_tool
    if "now" in parts:
        context["now"] = cedar_moment(request.now_ns)
    if "depth" in parts:
        context["depth"] = request.depth or 0
    context.update(signal_parts(parts, request.signals, world))
    return context


def _pasts(rules: Slice, request: Request, world: World) -> dict[str, dict[str, JsonValue]]:
    pasts: dict[str, dict[str, JsonValue]] = {owner.past: {} for owner in rules.sets}
    facts = request.facts
    for digest, past, fact, _, _ in rules.reads:
        value: Known | Value = facts.get(digest, _NO_FACTS).get(fact)
        if world:
            value = world.get((past, fact), value)
        if value is not ABSENT and value is not None and not isinstance(value, OneOf):
            pasts[past][fact] = value
    return pasts


def _sink_parts(rules: Slice, request: Request, world: World) -> dict[str, JsonValue]:
    """`context.origin` and `context.sinks`; what nobody declared is in the second alone.

    An undeclared argument only charges: that it holds what the user named excuses nothing.
    """
    origin: dict[str, JsonValue] = {}
    seen: set[str] = set()
    for sink, candidates in _origins(rules, request).items():
        chosen = str(world.get(("origin", sink)) or next(iter(candidates)))
        if sink in rules.tool.sinks:
            origin[sink] = chosen
            seen.add(chosen)
        elif chosen in STRANGE:
            seen.add(chosen)
    sinks: dict[str, JsonValue] = {name: name in seen for name in _ORIGINS}
    sinks["referred"] = is_referred(request.signals, seen, world)
    return {"origin": origin, "sinks": sinks}


def _run(
    rules: Slice,
    request: Request,
    context: dict[str, JsonValue],
    runnable: Runnable,
) -> Result:
    agent = request.agent
    if not agent.isascii():
        agent = agent.encode("utf-8", "replace").decode()
    fits = typed(rules, context)
    if fits and runnable.matcher:
        matched = _matched(runnable, agent, context)
        if matched is not None:
            return result_of(matched, permitted=rules.only_guards)
    record = context.get("input")
    if isinstance(record, dict) and rules.arguments is not None:
        context["input"] = {name: record[name] for name in rules.arguments if name in record}
    try:
        written = orjson.dumps(context).decode()
    except TypeError as error:  # a number beyond 64 bits, or text that is no Unicode
        return Result(allowed=False, broken=f"the context cannot be written: {error}")
    answer = cedarpy.is_authorized(
        {
            "principal": {"type": AGENT, "id": agent},
            "action": rules.action,
            "resource": rules.resource,
            "context": written,
        },
        runnable.handle,
        _NO_ENTITIES,
        None if fits else rules.schema,
    )
    return read_answer(answer, runnable.members)


def typed(rules: Slice, context: Mapping[str, JsonValue]) -> bool:
    """Whether the facts in a context are seen to be of their kinds, and its numbers to fit."""
    pasts = cast("Mapping[str, Mapping[str, JsonValue]]", context)
    for _, past, fact, kind, _ in rules.reads:
        record = pasts[past]
        if fact in record and not is_plain(kind, record[fact]):
            return False
    return rules.parts.isdisjoint(_COUNTED) or all(
        is_plain("Long", number) for number in _numbers(context)
    )


def _numbers(context: Mapping[str, JsonValue]) -> tuple[JsonValue, ...]:
    """What is counted in a run, however large its spans say it is."""
    run = context.get("run")
    counted = (run["calls"], run["tokens"]) if isinstance(run, dict) else ()
    return (*counted, context.get("depth", 0), context.get("repeats", 0))


def _matched(
    runnable: Runnable, agent: str, context: Mapping[str, JsonValue]
) -> list[Member] | None:
    """The rules that match, told without Cedar; None where some rule errs."""
    assert runnable.matcher  # noqa: S101 - asked before
    try:
        return list(compress(runnable.members.values(), runnable.matcher(agent, context)))
    except (KeyError, OverflowError):
        return None
