"""One rule put to Cedar alone, and a request as the assignment that stands for it."""

from __future__ import annotations

import cedarpy
import orjson
from pydantic import JsonValue

from mythos.engines.coherence.environment import RequestEnvironment
from mythos.engines.coherence.numbers import literal
from mythos.engines.coherence.solver import Model
from mythos.engines.coherence.symbols import Type
from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.facts.kind import cedar_moment
from mythos.engines.policy.facts.known import ABSENT
from mythos.engines.policy.request import Origin, Request
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.shape import arguments_shape
from mythos.engines.policy.signals import PARTS, is_referred, signal_parts
from mythos.engines.policy.slice import CompiledSet


def verdict(rule: Rule, request: Request, environment: RequestEnvironment) -> tuple[bool, bool]:
    """Whether the rule is satisfied, and whether it errs, as Cedar says."""
    text = rule.text.replace("forbid", "permit", 1)
    answer = cedarpy.is_authorized(
        {
            "principal": {"type": "Agent", "id": request.agent},
            "action": {"type": "Action", "id": request.tool},
            "resource": {"type": "Tool", "id": request.tool},
            "context": orjson.dumps(_context(request, environment)).decode(),
        },
        text,
        "[]",
    )
    assert answer.decision is not cedarpy.Decision.NoDecision, answer.diagnostics.errors
    return answer.decision is cedarpy.Decision.Allow, bool(answer.diagnostics.errors)


def _context(request: Request, environment: RequestEnvironment) -> dict[str, JsonValue]:
    tool = environment.tool
    record, misfits = cedar_arguments(arguments_shape(tool.parameters), request.arguments or {})
    assert not misfits, misfits
    (facts,) = request.facts.values()
    origin = {sink: str(*each) for sink, each in request.origins.items()}
    past = {name: each for name, each in facts.items() if each is not ABSENT}
    return {
        "input": record,
        "past": past,  # type: ignore[dict-item]
        "licensed": request.licensed,
        "origin": origin,  # type: ignore[dict-item]
        "sinks": {str(each): str(each) in origin.values() for each in Origin}
        | {"referred": is_referred(request.signals, origin.values(), {})},  # type: ignore[dict-item]
        **signal_parts(PARTS, request.signals, {}),
        "tool": {
            "effect": tool.effect,
            "consequential": tool.consequential,
            "domain": environment.catalogue.domain,
            "trust": tool.trust,
        },
        "now": cedar_moment(request.now_ns),
        "depth": request.depth,
    }


def assignment(request: Request, owner: CompiledSet, environment: RequestEnvironment) -> Model:
    """The request as values of the environment's variables."""
    kind = environment.contexts[owner.digest]
    context = _context(request, environment)
    found: Model = {"agent": request.agent}
    sinks = context["sinks"]
    assert isinstance(sinks, dict)
    found["sinks.referred"] = bool(sinks["referred"])
    for name in ("input", "licensed", "origin", "now", "depth", *PARTS):
        _assign(kind.fields[name], context[name], name, found)
    past = context["past"]
    assert isinstance(past, dict)
    for name, inner in kind.fields["past"].fields.items():
        path = environment.fact_path(owner.digest, name)
        found[f"{path}?"] = name in past
        if name in past:
            _assign(inner, past[name], path, found)
    return found


def _assign(kind: Type, value: JsonValue, path: str, found: Model) -> None:
    if isinstance(value, dict) and "__extn" in value:
        inner = value["__extn"]
        assert isinstance(inner, dict)
        number = literal(str(inner["fn"]), str(inner["arg"]))
        assert number is not None
        found[path] = number
    elif isinstance(value, dict):
        for name, each in kind.fields.items():
            found[f"{path}.{name}?"] = name in value
            if name in value:
                _assign(each, value[name], f"{path}.{name}", found)
    elif isinstance(value, list):
        found[f"{path}~"] = not value
        found[path] = frozenset(each for each in value if isinstance(each, int | str))
    elif isinstance(value, bool | int | str):
        found[path] = value
