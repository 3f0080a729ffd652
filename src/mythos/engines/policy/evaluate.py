"""Evaluate a slice once, in one world: build the context, and ask which of its rules match.

Every request fits the slice's schema. Cedar checks it unless the context is typed by how it was
made: arguments that `arguments` fitted to the shape the schema was made from, facts that are seen
to be of their kind, and what is written here. Then rules with an exact translation (`native`) are
evaluated without Cedar, which is asked where one of them errs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import compress
from typing import NamedTuple, cast

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.doubts import Value, World, doubts_of, sink_origins
from mythos.engines.policy.facts.kind import cedar_moment, is_plain
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.origin_name import STRANGE, Origin
from mythos.engines.policy.request import Request
from mythos.engines.policy.result import Result, read_answer, result_of, with_matched
from mythos.engines.policy.schema import AGENT
from mythos.engines.policy.signals import is_referred, signal_parts
from mythos.engines.policy.slice import Member, Runnable, Slice
from mythos.values.event import Json

_NO_ENTITIES = cedarpy.Entities.from_json_str("[]")
_SOURCES = frozenset({"origin", "sinks"})
_ORIGINS = tuple(map(str, Origin))
_COUNTED = frozenset({"depth", "repeats", "run"})
_NO_ARGUMENTS = frozenset({"past", "licensed", "tool", "now", "depth"})
_NO_FACTS: Mapping[str, Known] = {}


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
