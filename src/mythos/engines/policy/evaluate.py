"""Evaluate a slice once with Cedar: build the request, run it, and read who permitted and denied.

A *world* is one way in which all that was not captured may have been. Cedar skips a `forbid` that
fails to evaluate; here it denies. A request that Cedar cannot evaluate permits nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import TypeAlias

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.request import ANY_ORIGIN, Origin, Request
from mythos.engines.policy.schema import AGENT, TOOL
from mythos.engines.policy.slice import Member, Slice
from mythos.values.event import Json

MAX_WORLDS = 64

_NO_ENTITIES = cedarpy.Entities.from_json_str("[]")
_FAILED = re.compile(r"error while evaluating policy `policy([0-9]+)`: (.*)", re.DOTALL)
_SOURCES = frozenset({"origin", "sinks"})

Unknown: TypeAlias = tuple[str, str]  # (record, fact), ("licensed", "") or ("origin", sink)
Values: TypeAlias = "tuple[bool | Origin, ...]"
World: TypeAlias = Mapping[Unknown, "bool | Origin"]


@dataclass(frozen=True, slots=True)
class Result:
    """One evaluation: rules that permitted, rules that denied, and why rules failed.

    `broken` says why there was no evaluation at all.
    """

    allowed: bool
    permitting: tuple[Member, ...] = ()
    denying: tuple[Member, ...] = ()
    failures: tuple[tuple[Member, str], ...] = ()
    broken: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """The arguments as Cedar's JSON, and what does not fit: then no rule may read them."""

    record: dict[str, JsonValue]
    misfits: tuple[str, ...]


def hidden_input(rules: Slice, request: Request) -> frozenset[str]:
    """Arguments that the rules read and of which only a mask was captured."""
    return request.hidden if rules.arguments is None else request.hidden & rules.arguments


def input_of(rules: Slice, request: Request, arguments: Mapping[str, Json]) -> Input:
    """The arguments for the slice's rules; none where no rule reads any."""
    if "input" not in rules.parts:
        return Input({}, ())
    shape = rules.shape
    if request.hidden:
        shown = {k: v for k, v in (shape.fields or {}).items() if k not in request.hidden}
        shape = replace(shape, fields=shown, hidden=shape.hidden | request.hidden)
    return Input(*cedar_arguments(shape, arguments))


def unknown_of(rules: Slice, request: Request) -> dict[Unknown, Values]:
    """What the rules read and the request cannot tell, with all the values it may have."""
    found: dict[Unknown, Values] = {}
    for owner, fact in rules.reads:
        if request.facts.get(owner.digest, {}).get(fact) is None:
            found[owner.past, fact] = (False, True)
    if "licensed" in rules.parts and request.licensed is None:
        found["licensed", ""] = (False, True)
    if not rules.parts.isdisjoint(_SOURCES):
        for sink, origins in _origins(rules, request).items():
            if len(origins) != 1:
                found["origin", sink] = tuple(sorted(origins or ANY_ORIGIN))
    return found


def _origins(rules: Slice, request: Request) -> dict[str, frozenset[Origin]]:
    """Origins of each sink the call has; one that nobody traced may come from anywhere."""
    given = request.arguments or {}
    return {
        sink: request.origins.get(sink, ANY_ORIGIN)
        for sink in rules.tool.sinks
        if sink in request.origins or given.get(sink) not in (None, "", [])
    }


def worlds_of(unknown: Mapping[Unknown, Values]) -> list[World]:
    """Every way the unknown may be; none if there are too many to try."""
    size = 1
    for values in unknown.values():
        size *= len(values)
    if size > MAX_WORLDS:
        return []
    return [dict(zip(unknown, values, strict=True)) for values in product(*unknown.values())]


def evaluate(rules: Slice, request: Request, given: Input, world: World) -> Result:
    """Evaluate the slice for a request in one world."""
    context = _context(rules, request, world)
    if given.misfits:
        return _run(rules, request, context, skipped=_skipped(rules, "; ".join(given.misfits)))
    if "input" in rules.parts:
        context["input"] = given.record
    return _run(rules, request, context)


def _skipped(rules: Slice, why: str) -> tuple[tuple[Member, str], ...]:
    return tuple((member, why) for member in rules.full.members if "input" in member.rule.use.parts)


def _context(rules: Slice, request: Request, world: World) -> dict[str, JsonValue]:
    """The parts of the context that the rules read, with the world's values for the unknown."""
    context: dict[str, JsonValue] = {}
    for owner in {owner.digest: owner for owner, _ in rules.reads}.values():
        known = request.facts.get(owner.digest, {})
        context[owner.past] = {
            name: bool(world.get((owner.past, name), known.get(name)))
            for name in owner.policy_set.facts
        }
    if "licensed" in rules.parts:
        context["licensed"] = bool(world.get(("licensed", ""), request.licensed))
    if not rules.parts.isdisjoint(_SOURCES):
        context.update(_sink_parts(rules, request, world))
    if "tool" in rules.parts:
        tool = rules.tool
        context["tool"] = {
            "effect": tool.effect,
            "consequential": tool.consequential,
            "domain": rules.domain,
        }
    return context


def _sink_parts(rules: Slice, request: Request, world: World) -> dict[str, JsonValue]:
    origin: dict[str, JsonValue] = {}
    for sink, candidates in _origins(rules, request).items():
        chosen = world.get(("origin", sink)) or next(iter(candidates))
        origin[sink] = str(chosen)
    sinks: dict[str, JsonValue] = {str(each): str(each) in origin.values() for each in Origin}
    return {"origin": origin, "sinks": sinks}


def _run(
    rules: Slice,
    request: Request,
    context: dict[str, JsonValue],
    *,
    skipped: tuple[tuple[Member, str], ...] = (),
) -> Result:
    runnable = rules.blind if skipped else rules.full
    agent = request.agent.encode("utf-8", "replace").decode()
    answer = cedarpy.is_authorized(
        {
            "principal": {"type": AGENT, "id": agent},
            "action": {"type": "Action", "id": rules.tool.name},
            "resource": {"type": TOOL, "id": rules.tool.name},
            "context": orjson.dumps(context).decode(),
        },
        runnable.handle,
        _NO_ENTITIES,
        rules.schema,
    )
    return _read(answer, runnable.members, skipped)


def _read(
    answer: cedarpy.AuthzResult,
    members: tuple[Member, ...],
    skipped: tuple[tuple[Member, str], ...],
) -> Result:
    decision = answer.decision
    matches = [(_FAILED.fullmatch(text), text) for text in answer.diagnostics.errors]
    broken = [text for match, text in matches if match is None]
    if decision is cedarpy.Decision.NoDecision or broken:
        return Result(allowed=False, broken="; ".join(broken) or "no decision")
    failures = (*((members[int(m.group(1))], m.group(2)) for m, _ in matches if m), *skipped)
    failed = [member for member, _ in failures if not member.rule.permits]
    numbers = [int(reason.removeprefix("policy")) for reason in answer.diagnostics.reasons]
    hits = [members[number] for number in numbers if number < len(members)]
    return Result(
        allowed=decision is cedarpy.Decision.Allow and not failed,
        permitting=tuple(member for member in hits if member.rule.permits),
        denying=(*(member for member in hits if not member.rule.permits), *failed),
        failures=failures,
    )
