"""Evaluate a slice once, in one world: build the context, and ask which of its rules match.

Every request fits the slice's schema. Cedar checks it unless the context is typed by how it was
made: arguments that `arguments` fitted to the shape the schema was made from, facts that are seen
to be of their kind, and what is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from pydantic import JsonValue

from mythos.engines.policy.arguments import Input, cedar_arguments
from mythos.engines.policy.doubts import Value, World, doubts_of, sink_origins
from mythos.engines.policy.facts.kind import cedar_moment, is_plain
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.matching import result_in
from mythos.engines.policy.origin_name import STRANGE, Origin
from mythos.engines.policy.request import Request
from mythos.engines.policy.result import Result, with_matched
from mythos.engines.policy.signals import is_referred, signal_parts
from mythos.engines.policy.slice import Slice
from mythos.values.event import Json

_SOURCES = frozenset({"origin", "sinks"})
_ORIGINS = tuple(map(str, Origin))
_COUNTED = frozenset({"depth", "repeats", "run"})
_NO_ARGUMENTS = frozenset({"past", "licensed", "tool", "now", "depth"})
_NO_FACTS: Mapping[str, Known] = {}


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
    return cedar_arguments(shape, arguments)


def evaluate_told(rules: Slice, request: Request, given: Input) -> Result | None:
    """Evaluate the slice for a request of which all is told: no part of it is in doubt.

    Returns:
        None if anything may be in doubt, or a fact is not seen to be of its kind.
    """
    if not rules.certain:
        return None
    pasts: dict[str, dict[str, object]] = {owner.past: {} for owner in rules.sets}
    facts = request.facts
    for digest, past, fact, kind, _ in rules.reads:
        known = facts.get(digest, _NO_FACTS).get(fact)
        if is_plain(kind, known):
            pasts[past][fact] = known
        elif known is not ABSENT:
            return None
    context = _certain_parts(rules, request)
    context.update(cast("dict[str, JsonValue]", pasts))
    if "input" in rules.parts:
        context["input"] = given.record
    return result_in(rules, request.agent, context, rules.full, fits=True)


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
    fits = typed(rules, context)
    result = result_in(rules, request.agent, context, rules.without(left_out), fits=fits)
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
    fits = typed(rules, context)
    return result_in(rules, request.agent, context, rules.without(left_out), fits=fits)


def _certain_parts(rules: Slice, request: Request) -> dict[str, JsonValue]:
    """The parts that are known of every call."""
    context: dict[str, JsonValue] = {}
    if "tool" in rules.parts:
        context["tool"] = rules.about_tool
    if "now" in rules.parts:
        context["now"] = cedar_moment(request.now_ns)
    return context


def context_of(rules: Slice, request: Request, world: World) -> dict[str, JsonValue]:
    """The parts of the context that the rules read, with the world's values for the unknown."""
    context = _certain_parts(rules, request)
    parts = rules.parts
    if "past" in parts:
        context.update(_pasts(rules, request, world))
    if "licensed" in parts:
        context["licensed"] = bool(world.get(("licensed", ""), request.licensed))
    if not parts.isdisjoint(_SOURCES):
        context.update(_sink_parts(rules, request, world))
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
    for sink, candidates in sink_origins(rules, request).items():
        chosen = str(world.get(("origin", sink)) or next(iter(candidates)))
        if sink in rules.tool.sinks:
            origin[sink] = chosen
            seen.add(chosen)
        elif chosen in STRANGE:
            seen.add(chosen)
    sinks: dict[str, JsonValue] = {name: name in seen for name in _ORIGINS}
    sinks["referred"] = is_referred(request.signals, seen, world)
    return {"origin": origin, "sinks": sinks}


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
