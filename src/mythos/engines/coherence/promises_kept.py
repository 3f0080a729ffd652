"""Promises of policy sets in force together: how each fares in one request environment.

`never: allow, when: C` is broken by an allowed call for which C holds; `always: allow` by a denied
one. The decision is that of all policy sets in force, so one set may break what another promises;
`promise` asks a set alone. A promise speaks of calls whose arguments fit the tool's declaration:
every set that governs the tool denies the others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mythos.engines.coherence.shown import ReplayError, Witness, holds
from mythos.engines.coherence.solver import UndecidedError
from mythos.engines.coherence.sweep import Probe
from mythos.engines.coherence.symbols import UnsupportedError
from mythos.engines.coherence.witness import witness
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.expectation_check import read_promise
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.slice import CompiledSet
from mythos.values.policy import Expectation

PromiseKey: TypeAlias = "tuple[str, str]"
"""A policy set's digest and the promise's name."""
Status: TypeAlias = Literal["kept", "idle", "broken", "undecided"]


@dataclass(frozen=True, slots=True)
class Kept:
    """How a promise fares in one environment; `idle` where it speaks of no call."""

    status: Status
    witness: Witness | None = None
    doubt: str = ""


def promises_about(owner: CompiledSet, tool: str) -> list[tuple[Expectation, Rule]]:
    """The promises of a policy set that speak of a tool, each with its condition as a rule."""
    found = []
    for entry in owner.policy_set.expect:
        if entry.never is None and entry.always is None:
            continue
        rule, _ = read_promise(entry)
        if rule is not None and rule.about(tool):
            found.append((entry, rule))
    return found


def forbidden_answer(entry: Expectation) -> bool:
    """The decision that breaks a promise: True if being allowed does."""
    return entry.never == "allow" or entry.always == "deny"


def keeps(
    asked: Probe, engine: PolicyEngine, in_force: Collection[str], tool: str
) -> dict[PromiseKey, Kept]:
    """How every promise about a tool fares when these policy sets decide together."""
    return {
        (owner.digest, entry.name): _kept(asked, engine, in_force, owner, entry, rule)
        for owner in asked.environment.sets
        if owner.digest in in_force
        for entry, rule in promises_about(owner, tool)
    }


def _kept(
    asked: Probe,
    engine: PolicyEngine,
    in_force: Collection[str],
    owner: CompiledSet,
    entry: Expectation,
    rule: Rule,
) -> Kept:
    environment, allowed = asked.environment, forbidden_answer(entry)
    try:
        condition, _ = environment.translator(owner.digest).rule(rule.tree)
        parts = environment.allowed_parts(in_force)
        if not allowed:
            parts = [environment.bank.not_(environment.bank.and_(*parts))]
        terms = [condition, *parts]
        model = asked.model(terms)
        if model is None:
            return Kept("kept" if asked.model([condition]) is not None else "idle")
        request = witness(environment, model, terms)
        seen = asked.stand.replay(request)
        if seen.allowed is allowed and holds(rule, owner, request, engine):
            return Kept("broken", seen)
        doubt = environment.doubt
    except (UndecidedError, ReplayError) as error:
        doubt = str(error)
    except UnsupportedError as error:
        doubt = f"its condition cannot be translated exactly: {error}"
    return Kept("undecided", doubt=doubt)


def all_promises(sets: Iterable[CompiledSet]) -> list[PromiseKey]:
    """Every promise of some policy sets, in the order of their texts."""
    return [
        (owner.digest, entry.name)
        for owner in sets
        for entry in owner.policy_set.expect
        if entry.never is not None or entry.always is not None
    ]
