"""Slices: the rules that can match one tool under one combination of policy sets, parsed once.

Rules that read a fact of scope `node` or `fleet` are left out and named: no single host knows such
a fact, so only the monitor can judge them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import cedarpy
from pydantic import JsonValue

from mythos.engines.policy.context_use import renamed_past
from mythos.engines.policy.facts.kind import FactKind
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.native.terms import Type
from mythos.engines.policy.native.translate import Matcher, matcher_of
from mythos.engines.policy.rule import Rule
from mythos.engines.policy.schema import TOOL
from mythos.engines.policy.shape import Shape, arguments_shape
from mythos.values.policy import PolicySet
from mythos.values.tools import Tool

_PERMIT_ALL = "permit(principal, action, resource);"
_NONE: frozenset[int] = frozenset()
_TOLD = frozenset({"input", "past", "tool", "now"})


@dataclass(frozen=True, slots=True)
class CompiledSet:
    """A policy set with its digest, its rules and the name its `past` has in an evaluation.

    `covers` says that it governs the declared tools of the engine's catalogue; `plans` are its
    facts, made ready for that catalogue.
    """

    policy_set: PolicySet
    digest: str
    rules: tuple[Rule, ...]
    past: str
    covers: bool
    plans: Mapping[str, FactPlan] = field(default_factory=dict)

    @property
    def guard(self) -> bool:
        """Whether it can only forbid: a set without any `permit`."""
        return not any(rule.permits for rule in self.rules)

    def defers(self, rule: Rule) -> bool:
        """Whether only the monitor can judge the rule."""
        return any(self.plans[name].deferred for name in rule.use.facts if name in self.plans)


@dataclass(frozen=True, slots=True)
class Member:
    """A rule and the policy set it comes from."""

    owner: CompiledSet
    rule: Rule

    @property
    def label(self) -> str:
        """`policy set/rule`, for messages."""
        return f"{self.owner.policy_set.policy_set}/{self.rule.id}"


class Read(NamedTuple):
    """A fact that rules read.

    `digest` names its policy set, `past` the record that stands for that set's `past` in an
    evaluation; `optional` says that its attribute may be absent.
    """

    digest: str
    past: str
    fact: str
    kind: FactKind
    optional: bool


@dataclass(frozen=True)
class Runnable:
    """Rules evaluated together: `members` by the name Cedar gives them, `policyN` from 0.

    `matcher` says which of the `forbids` and the `permits` among them match, in their order; None
    where only Cedar can tell.
    """

    members: Mapping[str, Member]
    forbids: tuple[Member, ...]
    permits: tuple[Member, ...]
    text: str
    matcher: Matcher | None

    @cached_property
    def handle(self) -> cedarpy.PolicySet:
        """The rules as Cedar parsed them."""
        return cedarpy.PolicySet.from_str(self.text)


@dataclass(frozen=True, slots=True)
class Slice:
    """All that a decision about one tool needs.

    `guards` are the digests of the sets that cannot permit. `parts` are the parts of the context
    that any rule reads, `arguments` the arguments (None: all), `reads` the facts. `seeing` are the
    indexes of the rules that read arguments. `deferred` names what is left to the monitor.
    `about_tool` is `context.tool` of a call, `action` and `resource` are its other two entities.
    `certain` says that nothing but facts and arguments can be in doubt. `context` is the type of
    the context, None if Cedar itself is to evaluate every rule.
    """

    tool: Tool
    domain: str
    sets: tuple[CompiledSet, ...]
    guards: frozenset[str]
    members: tuple[Member, ...]
    shape: Shape
    parts: frozenset[str]
    arguments: frozenset[str] | None
    reads: tuple[Read, ...]
    seeing: frozenset[int]
    schema: cedarpy.Schema
    about_tool: dict[str, JsonValue]
    action: Mapping[str, str]
    resource: Mapping[str, str]
    certain: bool
    context: Type | None = None
    deferred: tuple[str, ...] = ()
    _parsed: dict[frozenset[int], Runnable] = field(default_factory=dict, compare=False)

    @property
    def full(self) -> Runnable:
        """Every rule."""
        return self.without(_NONE)

    @property
    def only_guards(self) -> bool:
        """Whether nothing but guards governs the tool."""
        return len(self.guards) == len(self.sets)

    def without(self, left_out: frozenset[int]) -> Runnable:
        """The rules but those at some indexes, parsed once for each choice.

        Where only guards govern, what none of them forbids is permitted.
        """
        found = self._parsed.get(left_out)
        if found is None:
            members = tuple(m for i, m in enumerate(self.members) if i not in left_out)
            found = self._parsed[left_out] = self._runnable(members)
        return found

    def _runnable(self, members: tuple[Member, ...]) -> Runnable:
        texts = [renamed_past(m.rule.source, m.rule.use, m.owner.past) for m in members]
        if self.only_guards:
            texts.append(_PERMIT_ALL)
        forbids = tuple(member for member in members if not member.rule.permits)
        permits = tuple(member for member in members if member.rule.permits)
        matcher = None
        if self.context:
            matcher = matcher_of(
                [(member.rule.tree, member.owner.past) for member in forbids],
                [(member.rule.tree, member.owner.past) for member in permits],
                tool=self.tool.name,
                context=self.context,
            )
        named = {f"policy{number}": member for number, member in enumerate(members)}
        return Runnable(named, forbids, permits, "\n".join(texts), matcher)


def build_slice(
    tool: Tool,
    sets: Sequence[CompiledSet],
    *,
    domain: str,
    schema: cedarpy.Schema,
    context: Type | None = None,
) -> Slice:
    """Gather the rules about `tool`.

    Args:
        tool: a tool of the catalogue.
        sets: the policy sets that govern it together.
        domain: the catalogue's domain.
        schema: the request schema of the engine.
        context: the type that the schema gives the tool's context; without it Cedar itself
            evaluates every rule.

    Returns:
        The slice; without any rule about the tool it still decides, by default.
    """
    about = [Member(owner, rule) for owner in sets for rule in owner.rules if rule.about(tool.name)]
    members = tuple(m for m in about if not m.owner.defers(m.rule))
    parts = frozenset[str]().union(*(member.rule.use.parts for member in members))
    reads = dict.fromkeys(_read(m.owner, fact) for m in members for fact in m.rule.use.facts)
    return Slice(
        tool=tool,
        domain=domain,
        sets=tuple(sets),
        guards=frozenset(each.digest for each in sets if each.guard),
        members=members,
        shape=arguments_shape(tool.parameters),
        parts=parts,
        arguments=_arguments(members),
        reads=tuple(reads),
        seeing=frozenset(i for i, m in enumerate(members) if "input" in m.rule.use.parts),
        schema=schema,
        about_tool={
            "effect": tool.effect,
            "consequential": tool.consequential,
            "domain": domain,
            "trust": tool.trust,
        },
        action={"type": "Action", "id": tool.name},
        resource={"type": TOOL, "id": tool.name},
        certain=parts <= _TOLD,
        context=context,
        deferred=tuple(m.label for m in about if m.owner.defers(m.rule)),
    )


def _read(owner: CompiledSet, fact: str) -> Read:
    plan = owner.plans[fact]
    return Read(owner.digest, owner.past, fact, plan.kind, optional=plan.form == "last")


def _arguments(members: Iterable[Member]) -> frozenset[str] | None:
    found: set[str] = set()
    for member in members:
        read = member.rule.use.arguments
        if read is None:
            return None
        found |= read
    return frozenset(found)
