"""What a run is judged by: agents, policy sets in force and in shadow, workflows, catalogues.

An agent is decided by the policy sets its document names. An agent that no document describes is
decided by every set there is: being unknown never frees an agent of a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mythos.engines.conformance.model import Model, compile_blueprint
from mythos.engines.conformance.steps import Labeller
from mythos.engines.judge.naming import MAX_AGENT, short
from mythos.engines.policy.compile import PolicyEngine, compile_policies
from mythos.engines.policy.identity import digest as policy_digest
from mythos.engines.policy.uncatalogued import compile_uncatalogued
from mythos.errors import AgentError
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
    """A workflow, its automaton, and what gives steps their labels."""

    digest: str
    document: Workflow
    model: Model
    labeller: Labeller

    def answers_to(self, name: str) -> bool:
        """Whether a run that names `name` means this one: by digest, name or name@version."""
        called = self.document.name
        return name in (self.digest, called, f"{called}@{self.document.version}")


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything one node, or one audit, judges by.

    `engines` holds one a catalogue domain; `uncatalogued` judges runs that have none.
    """

    policies: Mapping[str, PolicySet]
    shadow: frozenset[str]
    catalogues: tuple[ToolCatalogue, ...]
    engines: Mapping[str, PolicyEngine]
    workflows: Mapping[str, JudgedWorkflow]
    uncatalogued: PolicyEngine
    agents: Mapping[str, JudgedAgent] = field(default_factory=dict)

    def agent_ref(self, name: str) -> str:
        """How evidence names an agent: its document's digest, else `name:<name>`."""
        known = self.agents.get(name)
        return known.digest if known else f"name:{short(name, MAX_AGENT)}"

    def in_force(self, agent: str) -> tuple[str, ...]:
        """Digests of the policy sets that decide an agent."""
        known = self.agents.get(agent)
        wanted = self.policies if known is None else known.policies
        return tuple(sorted(set(wanted) - self.shadow))

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
        AgentError: an agent names a policy set or workflow that is not given.
        PolicyError: a set does not fit a catalogue.
        WorkflowError: a workflow cannot be compiled.
    """
    enforced = {policy_digest(policy): policy for policy in policies}
    shadowed = {policy_digest(policy): policy for policy in shadow}
    shadowed = {digest: policy for digest, policy in shadowed.items() if digest not in enforced}
    compiled = {}
    for document in workflows:
        digest = workflow_digest(document)
        model, labeller = compile_blueprint(document), Labeller(document)
        compiled[digest] = JudgedWorkflow(digest, document, model, labeller)
    every = {**enforced, **shadowed}
    return Rulebook(
        policies=every,
        shadow=frozenset(shadowed),
        catalogues=tuple(catalogues),
        engines={one.domain: compile_policies(tuple(every.values()), one) for one in catalogues},
        workflows=compiled,
        uncatalogued=compile_uncatalogued(every),
        agents={agent.name: _judged(digest, agent, every, compiled) for digest, agent in agents},
    )


def _judged(
    digest: str,
    agent: Agent,
    policies: Mapping[str, PolicySet],
    workflows: Mapping[str, JudgedWorkflow],
) -> JudgedAgent:
    by_policy = [(one.policy_set, key) for key, one in policies.items()]
    by_workflow = [(one.document.name, key) for key, one in workflows.items()]
    return JudgedAgent(
        name=agent.name,
        digest=digest,
        policies=_digests(agent, "policy set", agent.policies, by_policy),
        workflows=_digests(agent, "workflow", agent.workflows, by_workflow),
    )


def _digests(
    agent: Agent, kind: str, names: Iterable[str], known: Sequence[tuple[str, str]]
) -> tuple[str, ...]:
    """Every version given under each name: which one was meant is not ours to guess."""
    found: list[str] = []
    for name in names:
        versions = [digest for called, digest in known if called == name]
        if not versions:
            raise AgentError(
                f"agent {agent.name} names the {kind} {name!r}, which is not there",
                remedy=f"add the {kind} beside the agent, or take its name out of the agent",
            )
        found += versions
    return tuple(found)
