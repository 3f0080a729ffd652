"""What a launched bundle asks of its node: the rules to judge by, and the agents to run."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.judge.rulebook import Rulebook, make_rulebook
from mythos.engines.policy.identity import digest as policy_digest
from mythos.node.launcher import LaunchedBundle
from mythos.values.agent import Agent
from mythos.values.evidence import InForce
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Duty:
    """A bundle as its node works with it. `agents` are (digest, document), by name."""

    bundle: LaunchedBundle | None
    rulebook: Rulebook
    agents: dict[str, tuple[str, Agent]]

    @property
    def digest(self) -> str:
        """The bundle in force, `""` before the first launch."""
        return "" if self.bundle is None else self.bundle.digest

    def in_force(self, *, assignment_sequence: int) -> InForce:
        """What heartbeats say runs here."""
        book = self.rulebook
        return InForce(
            bundle=self.digest or "",
            agents={name: digest for name, (digest, _) in self.agents.items()},
            policy_sets=tuple(sorted(set(book.policies) - book.shadow)),
            shadow_sets=tuple(sorted(book.shadow)),
            workflows=tuple(sorted(book.workflows)),
            assignment_sequence=assignment_sequence,
        )


def no_duty() -> Duty:
    """Before the first launch: the baseline watches in shadow, no agent runs."""
    return Duty(None, make_rulebook((), (), (), shadow=(baseline_policy_set(),)), {})


def duty_of(bundle: LaunchedBundle) -> Duty:
    """Compile a launched bundle's documents.

    Raises:
        PolicyError: a policy set does not fit the tools it came with.
        TrustError: a file of the tree was changed.
    """
    agents = {}
    for construct in bundle.of_kind("agent"):
        agents[construct.name] = (
            construct.digest,
            Agent.model_validate(orjson.loads(bundle.read(construct))),
        )
    policies = [
        PolicySet.model_validate(orjson.loads(bundle.read(one)))
        for one in bundle.of_kind("policy_set")
    ]
    workflows = [
        Workflow.model_validate(orjson.loads(bundle.read(one)))
        for one in bundle.of_kind("workflow")
    ]
    catalogues = [
        ToolCatalogue.model_validate(orjson.loads(bundle.read(one)))
        for one in bundle.of_kind("tools")
    ]
    baseline = baseline_policy_set()
    known = {policy_digest(policy) for policy in policies}
    shadow = () if policy_digest(baseline) in known else (baseline,)
    rulebook = make_rulebook(
        policies, catalogues, workflows, shadow=shadow, agents=tuple(agents.values())
    )
    return Duty(bundle, rulebook, agents)
