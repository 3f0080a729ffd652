"""Slices: the rules that can match one tool under one combination of policy sets, parsed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cedarpy

from mythos.engines.policy.context_use import renamed_past
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.shape import Shape, arguments_shape
from mythos.values.policy import PolicySet
from mythos.values.tools import Tool

_PERMIT_ALL = "permit(principal, action, resource);"


@dataclass(frozen=True, slots=True)
class CompiledSet:
    """A policy set with its digest, its rules and the name its `past` has in an evaluation.

    `covers` says that it governs the declared tools of the engine's catalogue.
    """

    policy_set: PolicySet
    digest: str
    rules: tuple[Rule, ...]
    past: str
    covers: bool

    @property
    def guard(self) -> bool:
        """Whether it can only forbid: a set without any `permit`."""
        return not any(rule.permits for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Member:
    """A rule and the policy set it comes from."""

    owner: CompiledSet
    rule: Rule

    @property
    def label(self) -> str:
        """`policy set/rule`, for messages."""
        return f"{self.owner.policy_set.policy_set}/{self.rule.id}"


@dataclass(frozen=True, slots=True)
class Runnable:
    """Rules parsed together: Cedar calls the n-th `policyN`, from 0, and so does this."""

    members: tuple[Member, ...]
    handle: cedarpy.PolicySet


@dataclass(frozen=True, slots=True)
class Slice:
    """All that a decision about one tool needs.

    `guards` are the digests of the sets that cannot permit. `blind` holds the rules that read no
    argument: what is left to evaluate when the arguments do not fit. `parts` are the parts of the
    context that any rule reads, `arguments` the arguments (None: all), `reads` the facts.
    """

    tool: Tool
    domain: str
    sets: tuple[CompiledSet, ...]
    guards: frozenset[str]
    full: Runnable
    blind: Runnable
    shape: Shape
    parts: frozenset[str]
    arguments: frozenset[str] | None
    reads: tuple[tuple[CompiledSet, str], ...]
    schema: cedarpy.Schema


def build_slice(
    tool: Tool, sets: Sequence[CompiledSet], *, domain: str, schema: cedarpy.Schema
) -> Slice:
    """Gather and parse the rules about `tool`.

    Args:
        tool: a tool of the catalogue.
        sets: the policy sets that govern it together.
        domain: the catalogue's domain.
        schema: the request schema of the engine.

    Returns:
        The slice; without any rule about the tool it still decides, by default.
    """
    members = tuple(
        Member(owner, rule) for owner in sets for rule in owner.rules if rule.about(tool.name)
    )
    guards = frozenset(each.digest for each in sets if each.guard)
    only_guards = len(guards) == len(sets)
    seeing = tuple(member for member in members if "input" not in member.rule.use.parts)
    reads = {(m.owner.digest, fact): (m.owner, fact) for m in members for fact in m.rule.use.facts}
    full = _runnable(members, only_guards=only_guards)
    return Slice(
        tool=tool,
        domain=domain,
        sets=tuple(sets),
        guards=guards,
        full=full,
        blind=full if seeing == members else _runnable(seeing, only_guards=only_guards),
        shape=arguments_shape(tool.parameters),
        parts=frozenset[str]().union(*(member.rule.use.parts for member in members)),
        arguments=_arguments(members),
        reads=tuple(reads.values()),
        schema=schema,
    )


def _arguments(members: Iterable[Member]) -> frozenset[str] | None:
    found: set[str] = set()
    for member in members:
        read = member.rule.use.arguments
        if read is None:
            return None
        found |= read
    return frozenset(found)


def _runnable(members: tuple[Member, ...], *, only_guards: bool) -> Runnable:
    """Parse the rules; where only guards govern, what none of them forbids is permitted."""
    texts = [
        renamed_past(member.rule.source, member.rule.use, member.owner.past) for member in members
    ]
    if only_guards:
        texts.append(_PERMIT_ALL)
    return Runnable(members, cedarpy.PolicySet.from_str("\n".join(texts)))
