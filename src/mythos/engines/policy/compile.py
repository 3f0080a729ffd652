"""Compile policy sets against a tool catalogue, and answer requests.

Cedar evaluates every rule it is given, so cost grows with the text. Here each combination of
tool and policy sets gets a slice of its own: only the rules whose scope can match that tool,
parsed once. A decision costs what its own tool's rules cost, however many others there are.

Facts are named per policy set: each set's `context.past` is its own record in the evaluation, so
two sets may both declare `confirmed` and mean different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property

import cedarpy
import orjson

from mythos.engines.policy.check import check_types, covers
from mythos.engines.policy.decide import decide_slice, undeclared
from mythos.engines.policy.facts.kind import kinds_of
from mythos.engines.policy.facts.plan import FactPlan, plan_facts
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Decision, Request, Verdict
from mythos.engines.policy.rule import rules_of
from mythos.engines.policy.schema import context_types, request_schema
from mythos.engines.policy.slice import CompiledSet, Slice, build_slice
from mythos.errors import PolicyError
from mythos.values.policy import PolicySet
from mythos.values.tools import Tool, ToolCatalogue

_Key = tuple[str, frozenset[str]]
AskedFacts = tuple[str, tuple[FactPlan, ...]]
"""A policy set's digest and those of its facts that its rules about one tool read."""


def compile_policies(
    sets: Iterable[PolicySet], catalogue: ToolCatalogue, *, native: bool = True
) -> PolicyEngine:
    """Check policy sets against a catalogue and make them ready to decide.

    Args:
        sets: every set that will be in force or in shadow for any agent; repeats do no harm.
        catalogue: the tools of the runs to be decided.
        native: whether rules with an exact translation (`native`) are evaluated without Cedar.

    Returns:
        An engine; it keeps parsed rules, nothing else.

    Raises:
        PolicyError: a set is malformed or does not fit the catalogue; names rule and line.
    """
    unique = {digest(policy_set): policy_set for policy_set in sets}
    compiled = [
        _compiled(policy_set, name, f"past_{number}", catalogue)
        for number, (name, policy_set) in enumerate(unique.items())
    ]
    return PolicyEngine(compiled, catalogue, native=native)


def _compiled(policy_set: PolicySet, name: str, past: str, catalogue: ToolCatalogue) -> CompiledSet:
    rules = rules_of(policy_set)
    governs = covers(policy_set, catalogue)
    if governs:
        check_types(policy_set, rules, catalogue)
    plans = plan_facts(policy_set, catalogue)
    return CompiledSet(policy_set, name, rules, past, governs, plans)


class PolicyEngine:
    """Decides requests about the tools of one catalogue. Owns its cache of parsed slices."""

    def __init__(
        self, sets: Iterable[CompiledSet], catalogue: ToolCatalogue, *, native: bool = True
    ) -> None:
        """Keep checked sets; use `compile_policies` to make one."""
        self.catalogue = catalogue
        self._sets = {each.digest: each for each in sets}
        self._tools = {tool.name: tool for tool in catalogue.tools}
        pasts = {e.past: kinds_of(e.policy_set, catalogue) for e in self._sets.values()}
        schema = request_schema(catalogue, pasts)
        self._schema = cedarpy.Schema.from_json_str(orjson.dumps(schema).decode())
        self._contexts = context_types(schema) if native else {}
        self._slices: dict[_Key, Slice] = {}
        self._asked: dict[str, tuple[AskedFacts, ...]] = {}

    @property
    def policy_sets(self) -> dict[str, PolicySet]:
        """Every compiled policy set by its digest."""
        return {name: each.policy_set for name, each in self._sets.items()}

    @property
    def compiled(self) -> tuple[CompiledSet, ...]:
        """Every compiled policy set with its rules and facts, in the order they were given."""
        return tuple(self._sets.values())

    @property
    def plans(self) -> list[FactPlan]:
        """Every fact of every compiled policy set, each after those its `where` reads."""
        return [plan for each in self._sets.values() for plan in each.plans.values()]

    @cached_property
    def in_cedar(self) -> PolicyEngine:
        """An engine for the same sets in which Cedar itself evaluates every rule."""
        return PolicyEngine(self.compiled, self.catalogue, native=False)

    def facts_about(self, tool: str) -> tuple[AskedFacts, ...]:
        """The facts that any rule about a tool reads, by policy set."""
        found = self._asked.get(tool)
        if found is None:
            found = self._asked[tool] = tuple(_asked(tool, self._sets.values()))
        return found

    def tool(self, name: str) -> Tool | None:
        """The declared tool called `name`, or None."""
        return self._tools.get(name)

    def governs(self, name: str, tool: str) -> bool:
        """Whether the policy set with digest `name` governs a call of `tool`."""
        return self._set(name).covers or tool not in self._tools

    def decide(self, request: Request, *, in_force: Iterable[str]) -> Decision:
        """Decide one action by the policy sets in force together.

        Args:
            request: the action.
            in_force: digests of the sets in force for its agent.

        Returns:
            A verdict for each set that governs the tool, in the order of digests. Without any,
            the action is not governed and is allowed.

        Raises:
            PolicyError: a digest was not compiled into this engine.
        """
        names = frozenset(in_force)
        tool = self._tools.get(request.tool)
        if tool is None:
            sets = [self._set(name) for name in sorted(names)]
            return undeclared(sets, request, domain=self.catalogue.domain)
        rules = self._slices.get((tool.name, names)) or self._slice(tool, names)
        if not rules.sets:
            return Decision(allowed=True, governed=False)
        decision = decide_slice(rules, request)
        return replace(decision, deferred=rules.deferred) if rules.deferred else decision

    def rules_about(self, tool: str, *, in_force: Iterable[str]) -> Slice | None:
        """The rules that decide a call of a declared tool; None if nothing governs it.

        Raises:
            PolicyError: a digest was not compiled into this engine.
        """
        names, found = frozenset(in_force), self._tools.get(tool)
        if found is None:
            return None
        rules = self._slices.get((tool, names)) or self._slice(found, names)
        return rules if rules.sets else None

    def decide_shadow(
        self, request: Request, *, in_force: Iterable[str], shadow: str
    ) -> Verdict | None:
        """What one shadow set would say if it were in force with the others.

        Args:
            request: the action.
            in_force: digests of the sets in force for its agent.
            shadow: digest of the shadow set.

        Returns:
            The shadow set's own verdict; None if it does not govern the tool.

        Raises:
            PolicyError: a digest was not compiled into this engine.
        """
        decision = self.decide(request, in_force={*in_force, shadow})
        return next((each for each in decision.verdicts if each.digest == shadow), None)

    def _set(self, name: str) -> CompiledSet:
        try:
            return self._sets[name]
        except KeyError:
            raise PolicyError(
                f"no policy set with the digest {name} was compiled",
                remedy="compile every policy set that is in force or in shadow for an agent",
            ) from None

    def _slice(self, tool: Tool, names: frozenset[str]) -> Slice:
        sets = [each for each in map(self._set, sorted(names)) if each.covers]
        made = build_slice(
            tool,
            sets,
            domain=self.catalogue.domain,
            schema=self._schema,
            context=self._contexts.get(tool.name),
        )
        self._slices[tool.name, names] = made
        return made


def _asked(tool: str, sets: Iterable[CompiledSet]) -> Iterator[AskedFacts]:
    for each in sets:
        names = {name for rule in each.rules if rule.about(tool) for name in rule.use.facts}
        plans = tuple(plan for name, plan in each.plans.items() if name in names)
        if plans and each.covers:
            yield each.digest, plans
