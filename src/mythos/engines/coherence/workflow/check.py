"""Check a workflow against policy sets: plan it, search it, and tell what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mythos.engines.coherence.workflow.explain import Explainer
from mythos.engines.coherence.workflow.levels import TrackedFact, tracked
from mythos.engines.coherence.workflow.permits import Permits, SolvedPermits, TooMuchError
from mythos.engines.coherence.workflow.product import Product
from mythos.engines.coherence.workflow.steps import Plan, plan_of
from mythos.engines.coherence.workflow.verdict import WorkflowVerdict
from mythos.engines.policy.compile import PolicyEngine
from mythos.errors import WorkflowError
from mythos.values.workflow import Workflow


def check_workflow(
    workflow: Workflow, engine: PolicyEngine, *, permits: Permits | None = None
) -> WorkflowVerdict:
    """Whether a workflow can finish under the policy sets of an engine, and what of each step.

    All policy sets of the engine are taken to be in force, and a run to be exactly the steps of
    the workflow, one after the other. Never raises for a workflow that is too large or holds what
    cannot be laid out: the answer is then undecided.

    Args:
        workflow: as it was read.
        engine: the policy sets, compiled against the catalogue of the workflow's agent.
        permits: answers for single calls, to share between workflows of one engine.

    Returns:
        The verdict; every call that it shows was decided by the engine.

    Raises:
        ImportError: z3 is not installed.
    """
    domain = engine.catalogue.domain
    try:
        plan = plan_of(workflow, engine.catalogue)
    except WorkflowError as error:
        return WorkflowVerdict(workflow.name, domain, can_finish=None, why=error.message)
    facts = facts_of(engine)
    asked = permits or SolvedPermits(engine, facts)
    reads = {step.tool: _reads(engine, step.tool) & facts.keys() for step in plan.steps}
    needed = frozenset[str]().union(*reads.values())
    followed = {name: fact for name, fact in facts.items() if name in needed}
    product = Product(plan, engine.catalogue, facts=followed, reads=reads, permits=asked)
    try:
        found = product.search()
        explainer = Explainer(plan, engine, facts=facts, permits=asked)
        steps, path = explainer.steps(product, found), explainer.finish(found)
    except TooMuchError as error:
        return WorkflowVerdict(workflow.name, domain, can_finish=None, why=str(error))
    can_finish = True if found.finish else None if found.perhaps else False
    return WorkflowVerdict(
        name=workflow.name,
        domain=domain,
        can_finish=can_finish,
        why="" if can_finish is not None else "a step on every way could not be told",
        path=path,
        steps=steps,
        deferred=tuple(_deferred(engine, plan)),
        unjudged=tuple(step.path for step in plan.steps if step.plain),
        n_states=len(found.came),
        n_queries=getattr(asked, "n_queries", 0),
    )


def facts_of(engine: PolicyEngine) -> dict[str, TrackedFact]:
    """The facts of an engine's policy sets that a host can know, by identity."""
    literals: dict[str, set[int]] = {}
    for owner in engine.compiled:
        for rule in owner.rules:
            numbers = {int(t.text) for t in rule.source.tokens if t.text.isdecimal()}
            for name in rule.use.facts.keys() & owner.plans.keys():
                literals.setdefault(owner.plans[name].identity, set()).update(numbers)
    plans = {plan.identity: plan for plan in engine.plans if not plan.deferred}
    return {
        identity: tracked(plan, literals.get(identity, ()), engine.catalogue)
        for identity, plan in plans.items()
    }


def _reads(engine: PolicyEngine, tool: str) -> frozenset[str]:
    """Identities of the facts that rules about a tool read."""
    return frozenset(plan.identity for _, plans in engine.facts_about(tool) for plan in plans)


def _deferred(engine: PolicyEngine, plan: Plan) -> Iterable[str]:
    tools = {step.tool for step in plan.steps} & engine.catalogue.names
    return dict.fromkeys(_left_out(engine, tools))


def _left_out(engine: PolicyEngine, tools: set[str]) -> Iterator[str]:
    for owner in engine.compiled:
        for rule in owner.rules:
            if owner.covers and owner.defers(rule) and any(map(rule.about, tools)):
                yield f"{owner.policy_set.policy_set}/{rule.id}"
