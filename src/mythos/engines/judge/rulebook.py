"""What a run is judged by: agents, policy sets in force and in shadow, workflows, catalogues.

An agent is decided by the policy sets its document names. An agent that no document describes is
decided by every set there is: being unknown never frees an agent of a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mythos.engines.conformance.model import Model, compile_blueprint
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.identity import digest as policy_digest
from mythos.values.agent import Agent
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import Workflow, workflow_digest


@dataclass(frozen=True, slots=True)
class JudgedAgent:
    """One agent's rules: digests of its policy sets and, in order, of its workflows."""

    name: str
    digest: str
    policies: tuple[str, ...]
    workflows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JudgedWorkflow:
    """A workflow and its automaton."""

    digest: str
    document: Workflow
    model: Model


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything one node, or one audit, judges by. `engines` holds one a catalogue domain."""

    policies: Mapping[str, PolicySet]
    shadow: frozenset[str]
    catalogues: tuple[ToolCatalogue, ...]
    engines: Mapping[str, PolicyEngine]
    workflows: Mapping[str, JudgedWorkflow]
    agents: Mapping[str, JudgedAgent] = field(default_factory=dict)

    def agent_ref(self, name: str) -> str:
        """How evidence names an agent: its document's digest, else `name:<name>`."""
        known = self.agents.get(name)
        return known.digest if known else f"name:{name}"

    def in_force(self, agent: str) -> tuple[str, ...]:
        """Digests of the policy sets that decide an agent."""
        known = self.agents.get(agent)
        return tuple(sorted(set(self.policies) - self.shadow)) if known is None else known.policies

    def in_shadow(self, agent: str) -> tuple[str, ...]:
        """Digests of the sets that are judged and shown, for any agent."""
        del agent
        return tuple(sorted(self.shadow))

    def workflows_of(self, agent: str) -> tuple[JudgedWorkflow, ...]:
        """The workflows an agent may follow, in the order of its document."""
        known = self.agents.get(agent)
        digests = self.workflows if known is None else known.workflows
        return tuple(self.workflows[digest] for digest in digests)


def make_rulebook(
    policies: Iterable[PolicySet],
    catalogues: Sequence[ToolCatalogue],
    workflows: Iterable[Workflow],
    *,
    shadow: Iterable[PolicySet] = (),
    agents: Iterable[tuple[str, Agent]] = (),
) -> Rulebook:
    """Compile everything once.

    Args:
        policies: sets in force.
        catalogues: tools, one domain each.
        workflows: workflows, in the order ties are broken.
        shadow: sets that are judged and shown but enter no score.
        agents: (digest, document) of each agent; none means every set decides every agent.

    Raises:
        PolicyError: a set does not fit a catalogue.
        WorkflowError: a workflow cannot be compiled.
    """
    enforced = {policy_digest(policy): policy for policy in policies}
    shadowed = {policy_digest(policy): policy for policy in shadow}
    shadowed = {digest: policy for digest, policy in shadowed.items() if digest not in enforced}
    compiled = {}
    for document in workflows:
        digest = workflow_digest(document)
        compiled[digest] = JudgedWorkflow(digest, document, compile_blueprint(document))
    every = {**enforced, **shadowed}
    return Rulebook(
        policies=every,
        shadow=frozenset(shadowed),
        catalogues=tuple(catalogues),
        engines={one.domain: compile_policies(tuple(every.values()), one) for one in catalogues},
        workflows=compiled,
        agents=dict(_judged(agents, enforced, compiled)),
    )


def _judged(
    agents: Iterable[tuple[str, Agent]],
    policies: Mapping[str, PolicySet],
    workflows: Mapping[str, JudgedWorkflow],
) -> Iterable[tuple[str, JudgedAgent]]:
    by_policy = {policy.policy_set: digest for digest, policy in policies.items()}
    by_workflow = {one.document.name: digest for digest, one in workflows.items()}
    for digest, agent in agents:
        yield (
            agent.name,
            JudgedAgent(
                name=agent.name,
                digest=digest,
                policies=tuple(by_policy[name] for name in agent.policies),
                workflows=tuple(by_workflow[name] for name in agent.workflows),
            ),
        )
