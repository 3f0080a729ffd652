"""Decide one request with one slice: a single Cedar evaluation, and who is charged with a denial.

- A `forbid` that matches is charged to its own policy set; so is one that fails to evaluate,
  which Cedar alone would skip.
- A denial by default, when no `permit` matches, is charged to every governing set but guards.
- A request that Cedar cannot evaluate at all is charged to every governing set.
- Arguments that do not fit their declaration make every rule that reads arguments fail: a
  `forbid` among them denies, a `permit` among them permits nothing.
- What was not captured is tried with every value it can have. A set that comes out the same each
  time is decided; else its verdict is open, and an open verdict allows nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.request import ANY_ORIGIN, Decision, Origin, Request, Standing, Verdict
from mythos.engines.policy.schema import AGENT, TOOL
from mythos.engines.policy.slice import CompiledSet, Member, Runnable, Slice
from mythos.values.event import Json
from mythos.values.outcome import DEFAULT_RULE, UNDECLARED_TOOL, Severity

MAX_WORLDS = 64

_NO_ENTITIES = cedarpy.Entities.from_json_str("[]")
_FAILED = re.compile(r"error while evaluating policy `policy([0-9]+)`: (.*)", re.DOTALL)
_LOUDEST = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)

Unknown: TypeAlias = tuple[str, str]  # (record, fact), ("licensed", "") or ("origin", sink)
World: TypeAlias = Mapping[Unknown, "bool | Origin"]


@dataclass(frozen=True, slots=True)
class _Result:
    """One evaluation: rules that permitted, rules that denied, and why each of them failed."""

    allowed: bool
    permitting: tuple[Member, ...] = ()
    denying: tuple[Member, ...] = ()
    failures: tuple[tuple[Member, str], ...] = ()
    broken: str = ""


def undeclared(sets: Iterable[CompiledSet], request: Request, *, domain: str) -> Decision:
    """The decision on a tool that the catalogue does not declare: each set denies it."""
    why = f"the catalogue {domain} does not declare the tool {request.tool}"
    verdicts = tuple(
        Verdict(
            each.policy_set.policy_set,
            each.digest,
            Standing.CHARGED,
            UNDECLARED_TOOL,
            rules=(UNDECLARED_TOOL,),
            why=why,
        )
        for each in sets
    )
    return Decision(allowed=not verdicts, governed=bool(verdicts), verdicts=verdicts)


def decide_slice(rules: Slice, request: Request) -> Decision:
    """Decide a request about the slice's tool.

    Args:
        rules: the slice of the policy sets that govern the tool.
        request: the action; `request.tool` is the slice's tool.

    Returns:
        One verdict for each of the slice's sets, in their order.
    """
    if request.arguments is None:
        why = "the arguments of the call were not captured"
        return _decision([_open(each, why) for each in rules.sets], ())
    unknown = _unknown(rules, request)
    worlds = _worlds(unknown)
    if not worlds:
        why = f"{len(unknown)} things the rules read were not captured"
        return _decision([_open(each, why) for each in rules.sets], ())
    arguments, misfits = _arguments(rules, request.arguments)
    results = [_evaluate(rules, request, arguments, misfits, world) for world in worlds]
    verdicts = [_settled(rules, request, each, results, unknown) for each in rules.sets]
    return _decision(verdicts, _errors(results))


def _decision(verdicts: list[Verdict], errors: tuple[str, ...]) -> Decision:
    allowed = all(verdict.standing is Standing.UPHELD for verdict in verdicts)
    return Decision(allowed, governed=bool(verdicts), verdicts=tuple(verdicts), errors=errors)


def _unknown(rules: Slice, request: Request) -> dict[Unknown, tuple[bool | Origin, ...]]:
    """What the rules read and the request cannot tell, with all the values it may have."""
    found: dict[Unknown, tuple[bool | Origin, ...]] = {}
    for owner, fact in rules.reads:
        if request.facts.get(owner.digest, {}).get(fact) is None:
            found[owner.past, fact] = (False, True)
    if "licensed" in rules.parts and request.licensed is None:
        found["licensed", ""] = (False, True)
    if not rules.parts.isdisjoint({"origin", "sinks"}):
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


def _worlds(unknown: Mapping[Unknown, tuple[bool | Origin, ...]]) -> list[World]:
    """Every way the unknown may be; none if there are too many to try."""
    size = 1
    for values in unknown.values():
        size *= len(values)
    if size > MAX_WORLDS:
        return []
    return [dict(zip(unknown, values, strict=True)) for values in product(*unknown.values())]


def _arguments(
    rules: Slice, arguments: Mapping[str, Json]
) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    if "input" not in rules.parts:
        return {}, ()
    return cedar_arguments(rules.shape, arguments)


def _evaluate(
    rules: Slice,
    request: Request,
    arguments: dict[str, JsonValue],
    misfits: tuple[str, ...],
    world: World,
) -> _Result:
    runnable = rules.blind if misfits else rules.full
    context = _context(rules, request, world)
    if "input" in rules.parts and not misfits:
        context["input"] = arguments
    skipped = _skipped(rules, "; ".join(misfits)) if misfits else ()
    return _run(runnable, rules, request, context, skipped)


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
    if not rules.parts.isdisjoint({"origin", "sinks"}):
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
    runnable: Runnable,
    rules: Slice,
    request: Request,
    context: dict[str, JsonValue],
    skipped: tuple[tuple[Member, str], ...],
) -> _Result:
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
) -> _Result:
    matches = [(_FAILED.fullmatch(text), text) for text in answer.diagnostics.errors]
    broken = [text for match, text in matches if match is None]
    if answer.decision is cedarpy.Decision.NoDecision or broken:
        return _Result(allowed=False, broken="; ".join(broken) or "no decision")
    failures = (*((members[int(m.group(1))], m.group(2)) for m, _ in matches if m), *skipped)
    failed = [member for member, _ in failures if not member.rule.permits]
    numbers = [int(reason.removeprefix("policy")) for reason in answer.diagnostics.reasons]
    hits = [members[number] for number in numbers if number < len(members)]
    return _Result(
        allowed=answer.allowed and not failed,
        permitting=tuple(member for member in hits if member.rule.permits),
        denying=(*(member for member in hits if not member.rule.permits), *failed),
        failures=failures,
    )


def _errors(results: list[_Result]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for result in results:
        if result.broken:
            found[result.broken] = None
        for member, why in result.failures:
            found[f"{member.label}: {why}"] = None
    return tuple(found)


def _settled(
    rules: Slice,
    request: Request,
    each: CompiledSet,
    results: list[_Result],
    unknown: Mapping[Unknown, tuple[bool | Origin, ...]],
) -> Verdict:
    verdicts = [_verdict(rules, request, each, result) for result in results]
    if len({verdict.standing for verdict in verdicts}) == 1:
        return verdicts[0]
    missing = tuple(sorted(fact for past, fact in unknown if past == each.past))
    named = [fact or past for past, fact in unknown]
    return _open(each, f"not captured: what decides {', '.join(sorted(named))}", missing)


def _open(each: CompiledSet, why: str, missing: tuple[str, ...] = ()) -> Verdict:
    name = each.policy_set.policy_set
    return Verdict(name, each.digest, Standing.OPEN, DEFAULT_RULE, missing=missing, why=why)


def _verdict(rules: Slice, request: Request, each: CompiledSet, result: _Result) -> Verdict:
    """The part of one policy set in one evaluation."""
    name = each.policy_set.policy_set
    if result.broken:
        why = f"the request cannot be evaluated: {result.broken}"
        return Verdict(name, each.digest, Standing.CHARGED, DEFAULT_RULE, why=why)
    own = sorted((m.rule for m in result.denying if m.owner is each), key=lambda rule: rule.id)
    if own:
        return Verdict(
            name,
            each.digest,
            Standing.CHARGED,
            own[0].id,
            rules=tuple(rule.id for rule in own),
            severity=min((rule.severity for rule in own), key=_LOUDEST.index),
            why=_why(own[0].id, own[0].explanation, each, result),
        )
    if result.allowed or result.denying or each.digest in rules.guards:
        ids = sorted(m.rule.id for m in result.permitting if m.owner is each)
        first = ids[0] if ids else DEFAULT_RULE
        return Verdict(name, each.digest, Standing.UPHELD, first, rules=tuple(ids))
    return _by_default(rules, request, each)


def _why(rule: str, explanation: str, each: CompiledSet, result: _Result) -> str:
    for member, failure in result.failures:
        if member.owner is each and member.rule.id == rule:
            return f"rule {rule} cannot be evaluated, which denies: {failure}"
    return explanation or f"rule {rule} forbids it"


def _by_default(rules: Slice, request: Request, each: CompiledSet) -> Verdict:
    """No rule permits it: charged to the set, with the facts its own permits did not have."""
    known = request.facts.get(each.digest, {})
    wanted = {
        fact
        for member in rules.full.members
        if member.owner is each and member.rule.permits
        for fact in member.rule.use.facts
    }
    missing = tuple(sorted(fact for fact in wanted if not known.get(fact)))
    why = "no rule permits it"
    if missing:
        why += f"; not given: {', '.join(missing)}"
    return Verdict(
        each.policy_set.policy_set,
        each.digest,
        Standing.CHARGED,
        DEFAULT_RULE,
        missing=missing,
        why=why,
    )
