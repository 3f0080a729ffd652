"""What is shown: witnesses that Cedar confirmed, and how they are put to it.

A `Stand` decides one tool's calls by some policy sets with the rules as they are in force. It is
asked twice, once as `PolicyEngine.decide` and once for `forbid` and `permit` rules apart, and both
must say what the solver said; a request for which they do not is never shown.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TypeAlias

from mythos.engines.coherence.symbols import UnsupportedError
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.evaluate import evaluate, input_of
from mythos.engines.policy.request import Request
from mythos.engines.policy.result import Result
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.slice import CompiledSet, Member, Slice, build_slice

RuleKey: TypeAlias = "tuple[str, str]"
"""A policy set's digest and a rule's id."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A concrete request and what Cedar said of it.

    `denied_by` are the `forbid` rules that matched or failed, `permitted_by` the `permit` rules
    that matched whether or not the call was allowed, `failed` the rules that could not be
    evaluated and why. `misfits` say which arguments do not fit: only where proofs do not speak.
    """

    request: Request
    allowed: bool
    denied_by: tuple[RuleKey, ...] = ()
    permitted_by: tuple[RuleKey, ...] = ()
    failed: tuple[tuple[RuleKey, str], ...] = ()
    misfits: tuple[str, ...] = ()


class ReplayError(Exception):
    """A request did not come out as the solver said; it must not be shown."""


class Stand:
    """Decides calls of one tool by the policy sets in force."""

    def __init__(self, engine: PolicyEngine, tool: str, in_force: Collection[str]) -> None:
        """Find the rules; `in_force` are digests of sets compiled into the engine."""
        self._engine, self._in_force = engine.in_cedar, frozenset(in_force)
        self._rules = self._engine.rules_about(tool, in_force=self._in_force)
        members = self._rules.members if self._rules is not None else ()
        self._permits = frozenset(i for i, each in enumerate(members) if each.rule.permits)
        self._forbids = frozenset(range(len(members))) - self._permits

    @property
    def governs(self) -> bool:
        """Whether any of the sets governs the tool."""
        return self._rules is not None

    def replay(self, request: Request) -> Witness:
        """What Cedar says of a request of which everything is known.

        Raises:
            ReplayError: Cedar cannot evaluate it, or its two answers differ.
        """
        allowed = self._engine.decide(request, in_force=self._in_force).allowed
        if self._rules is None:
            return Witness(request, allowed)
        misfits = input_of(self._rules, request, request.arguments or {}).misfits
        if misfits:
            return Witness(request, allowed, misfits=misfits)
        forbids = _evaluated(self._rules, request, self._permits)
        permits = _evaluated(self._rules, request, self._forbids)
        if forbids.broken or permits.broken:
            raise ReplayError(forbids.broken or permits.broken)
        if allowed is not (permits.allowed and not forbids.denying):
            raise ReplayError("two decisions that differ")
        failures = {_key(member): why for member, why in (*permits.failures, *forbids.failures)}
        return Witness(
            request,
            allowed,
            denied_by=tuple(sorted(map(_key, forbids.denying))),
            permitted_by=tuple(sorted(map(_key, permits.permitting))),
            failed=tuple(sorted(failures.items())),
        )


def holds(condition: Rule, owner: CompiledSet, request: Request, engine: PolicyEngine) -> bool:
    """Whether a condition, written as a `permit`, is true of a request.

    Args:
        condition: a rule that is about the request's tool.
        owner: the compiled policy set whose facts it speaks of.
        request: of which everything is known.
        engine: the set's engine.

    Raises:
        UnsupportedError: nothing of the engine governs the tool.
    """
    rules = engine.rules_about(request.tool, in_force=[owner.digest])
    if rules is None:
        raise UnsupportedError("a tool that the policy set does not govern")
    alone = replace(owner, rules=(condition,))
    made = build_slice(rules.tool, [alone], domain=rules.domain, schema=rules.schema)
    return bool(_evaluated(made, request, frozenset()).permitting)


def _evaluated(rules: Slice, request: Request, left_out: frozenset[int]) -> Result:
    given = input_of(rules, request, request.arguments or {})
    world = {("rule", str(index)): False for index in left_out}
    return evaluate(rules, request, given, world, aside=left_out)


def _key(member: Member) -> RuleKey:
    return member.owner.digest, member.rule.id
