"""Promises: does a policy set keep what its `expect` says of all calls?

A property is put to the solver for each tool it speaks of. No call that breaks it means that it is
kept; a call that does is shown only after the engine has decided it as the solver said, and after
Cedar has found the property's condition to hold for it. Anything else is undecided, never a guess.
The set is asked alone, and about calls whose arguments fit, for it denies every other: what other
sets in force make of it is another question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from mythos.engines.coherence.environment import RequestEnvironment, request_environment
from mythos.engines.coherence.solver import UndecidedError
from mythos.engines.coherence.symbols import UnsupportedError
from mythos.engines.coherence.witness import witness
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.expectation_check import read_promise
from mythos.engines.policy.identity import digest as digest_of
from mythos.engines.policy.replay import Answer, answer_of
from mythos.engines.policy.request import Request
from mythos.values.policy import Expectation, PolicySet
from mythos.values.tools import Tool

Kept: TypeAlias = Literal["kept", "broken", "undecided"]


@dataclass(frozen=True, slots=True)
class Promise:
    """What became of a property. A broken one has a call that breaks it, and its decision."""

    kept: Kept
    request: Request | None = None
    answer: Answer | None = None
    why: str = ""


def prove(entry: Expectation, *, digest: str, engine: PolicyEngine) -> Promise:
    """Prove or refute a property over the tools of one catalogue.

    Args:
        entry: a property (`never` or `always`), checked against the catalogue.
        digest: of the policy set that promises it.
        engine: holds the set.

    Returns:
        Broken if any tool's call breaks it; else undecided if any tool is; else kept. A tool that
        the set does not govern is none of its promise.

    Raises:
        ImportError: z3 is not installed.
    """
    named = set(entry.tools)
    tools = [t for t in engine.catalogue.tools if not named or t.name in named]
    found = [
        _of_tool(entry, tool, digest, engine) for tool in tools if engine.governs(digest, tool.name)
    ]
    return _worst(found)


def _worst(found: Iterable[Promise]) -> Promise:
    order: dict[Kept, int] = {"broken": 0, "undecided": 1, "kept": 2}
    return min(found, key=lambda each: order[each.kept], default=Promise("kept"))


def _of_tool(entry: Expectation, tool: Tool, digest: str, engine: PolicyEngine) -> Promise:
    sets = [each for each in engine.compiled if each.digest == digest]
    environment = request_environment(tool, sets, engine.catalogue)
    solver = environment.solver()
    try:
        holds, _ = environment.condition(entry.when or "true", digest)
        allowed = environment.allowed([digest])
        bad = allowed if _breaks_by_allowing(entry) else environment.bank.not_(allowed)
        model = solver.model(bad, holds)
        request = None if model is None else witness(environment, model, [bad, holds])
    except (UndecidedError, UnsupportedError) as error:
        return Promise("undecided", why=f"{tool.name}: {error}")
    if request is None:
        return Promise("kept")
    return _replayed(entry, request, environment, digest, engine)


def _breaks_by_allowing(entry: Expectation) -> bool:
    return entry.never == "allow" or entry.always == "deny"


def _replayed(
    entry: Expectation,
    request: Request,
    environment: RequestEnvironment,
    digest: str,
    engine: PolicyEngine,
) -> Promise:
    """The call as a witness, if the engine and Cedar say of it what the solver said."""
    answer = answer_of(engine.in_cedar.decide(request, in_force=[digest]))
    wanted = "allow" if _breaks_by_allowing(entry) else "deny"
    policy_set = engine.policy_sets[digest]
    if answer.word == wanted and _holds(entry, request, policy_set, digest, engine):
        return Promise("broken", request, answer, answer.why)
    unclear = [
        f"rule {each.rule.id}: {each.unsupported}" for each in environment.rules if each.unsupported
    ]
    why = "; ".join(unclear) or "internal: the engine does not confirm the solver's call"
    return Promise("undecided", why=f"{request.tool}: {why}")


def _holds(
    entry: Expectation, request: Request, policy_set: PolicySet, digest: str, engine: PolicyEngine
) -> bool:
    """Whether the property's condition is true of a call, said by Cedar."""
    rule, _ = read_promise(entry)
    if rule is None:
        return False
    asked = PolicySet(
        policy_set=policy_set.policy_set,
        version=policy_set.version,
        covers=policy_set.covers,
        facts=policy_set.facts,
        rules=rule.text,
    )
    alone = compile_policies([asked], engine.catalogue, native=False)
    name = digest_of(asked)
    moved = replace(request, facts={name: request.facts.get(digest, {})})
    return alone.decide(moved, in_force=[name]).allowed
