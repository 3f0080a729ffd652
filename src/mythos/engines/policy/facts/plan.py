"""Plans: a declared fact made ready for one tool catalogue.

A plan has an identity: two policy sets, or two versions of one, that declare the same fact share
its history, so a new version of a policy set does not forget what was spent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from mythos.engines.policy.facts.amounts import Amounts, amounts_of
from mythos.engines.policy.facts.declared import (
    Form,
    counts_attempts,
    event_names,
    form_of,
    keys_of,
    path_of,
    reset_events,
    resolved,
    source_events,
    window_ns,
)
from mythos.engines.policy.facts.kind import FactKind, field_shape, kind_of
from mythos.engines.policy.facts.where import Condition, read_condition
from mythos.engines.policy.shape import Shape
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.policy import Fact, PolicySet, Scope
from mythos.values.tools import Tool, ToolCatalogue

NS = 10**9
RETENTION_S = 30 * 86_400  # how long history beyond one run is kept
LAG_NS = 3_600 * NS  # a run may close this long after another's later events
DEFERRED: frozenset[Scope] = frozenset({"node", "fleet"})


@dataclass(frozen=True, slots=True)
class FactPlan:
    """One fact, with its events resolved to tools.

    `attempts`: a call counts whatever becomes of it. `shapes` says, by tool, what the schema tells
    of each argument that `by` or a field reads. `needs` are the identities of
    the facts that `where` reads, by name. `amounts` bound what one event adds or sets.
    """

    name: str
    identity: str
    form: Form
    kind: FactKind
    scope: Scope
    events: frozenset[str]
    resets: frozenset[str]
    keys: tuple[str, ...]
    path: tuple[str, ...]
    window_ns: int | None
    wants_ok: bool
    attempts: bool
    where: Condition | None
    needs: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, Mapping[str, Shape]] = field(default_factory=dict)
    amounts: Amounts | None = None

    @property
    def from_start(self) -> bool:
        """Whether a call counts from its start: attempts, and what may yet end well."""
        return self.form in {"count", "sum"} and (self.wants_ok or self.attempts)

    @property
    def told_early(self) -> bool:
        """Whether what a call adds is known at its start; else it is a doubt until its end."""
        settled = self.where is None or self.where.parts <= {"input", "tool"}
        return settled and self.path[:1] != ("output",)

    @property
    def retain_ns(self) -> int | None:
        """How much history a timeline of this fact must keep; None for all."""
        if self.scope == "session" and self.form in {"once", "last"}:
            return 0  # a run is told in order: only the newest is ever asked for
        return None if self.window_ns is None else self.window_ns + LAG_NS

    @property
    def deferred(self) -> bool:
        """Whether only the monitor can know it: its history spans hosts."""
        return self.scope in DEFERRED


def plan_facts(policy_set: PolicySet, catalogue: ToolCatalogue) -> dict[str, FactPlan]:
    """The facts of a policy set for one catalogue, each after those it needs.

    Args:
        policy_set: checked by `engines.policy.document`.
        catalogue: resolves groups of tools and types of fields.

    Returns:
        Plans by name, in an order in which `where` can be evaluated.
    """
    plans: dict[str, FactPlan] = {}
    for name in in_order(policy_set.facts):
        plans[name] = _plan(name, policy_set.facts[name], catalogue, plans)
    return plans


def in_order(facts: Mapping[str, Fact]) -> list[str]:
    """Names of facts, each after those that its `where` reads; of a checked document."""
    return [name for name in TopologicalSorter(needs_of(facts)).static_order() if name in facts]


def needs_of(facts: Mapping[str, Fact]) -> dict[str, frozenset[str]]:
    """For each fact the names of the facts that its `where` reads.

    Raises:
        PolicyError: a `where` is no condition.
    """
    return {
        name: frozenset() if fact.where is None else read_condition(fact.where).facts
        for name, fact in facts.items()
    }


def _plan(
    name: str, fact: Fact, catalogue: ToolCatalogue, earlier: Mapping[str, FactPlan]
) -> FactPlan:
    where = None if fact.where is None else read_condition(fact.where)
    needs = {each: earlier[each].identity for each in sorted(where.facts)} if where else {}
    kind = kind_of(fact, catalogue)
    return FactPlan(
        name=name,
        identity=_identity(fact, needs),
        form=form_of(fact),
        kind=kind,
        scope=fact.scope,
        events=resolved(source_events(fact), catalogue),
        resets=resolved(reset_events(fact), catalogue),
        keys=keys_of(fact),
        path=path_of(fact),
        window_ns=window_ns(fact),
        wants_ok=fact.outcome != "error",
        attempts=counts_attempts(fact),
        where=where,
        needs=needs,
        shapes={
            tool.name: dict(_shapes(fact, tool))
            for tool in catalogue.tools
            if tool.name in resolved(event_names(fact), catalogue) or keys_of(fact)
        },
        amounts=amounts_of(fact, kind, catalogue),
    )


def _shapes(fact: Fact, tool: Tool) -> Iterator[tuple[str, Shape]]:
    path = path_of(fact)
    paths = [("input", key) for key in keys_of(fact)]
    for name in (*paths, *((path,) if path[:1] == ("input",) else ())):
        shape = field_shape(tool, name)
        if shape is not None:
            yield ".".join(name), shape


def _identity(fact: Fact, needs: Mapping[str, str]) -> str:
    """The declaration itself, and those of the facts it reads."""
    declared = fact.model_dump(mode="json", exclude_defaults=True)
    return digest_of(canonical_bytes({"fact": declared, "needs": dict(needs)}))
