"""What a launched bundle asks of its node: the rules to judge by, and the agents to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.judge.rulebook import Rulebook, make_rulebook
from mythos.engines.policy.identity import digest as policy_digest
from mythos.errors import BundleError
from mythos.node.launcher import LaunchedBundle
from mythos.values.agent import Agent
from mythos.values.bundle import ConstructKind
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
            bundle=self.digest,
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
        BundleError: a document is none of its kind.
        AgentError: an agent names a document that the bundle does not hold.
        PolicyError: a policy set does not fit the tools it came with.
        WorkflowError: a workflow cannot be compiled.
        TrustError: a file of the tree was changed.
    """
    agents = {agent.name: (digest, agent) for digest, agent in _read(bundle, "agent", Agent)}
    policies = [policy for _, policy in _read(bundle, "policy_set", PolicySet)]
    baseline = baseline_policy_set()
    known = {policy_digest(policy) for policy in policies}
    rulebook = make_rulebook(
        policies,
        [catalogue for _, catalogue in _read(bundle, "tools", ToolCatalogue)],
        [workflow for _, workflow in _read(bundle, "workflow", Workflow)],
        shadow=() if policy_digest(baseline) in known else (baseline,),
        agents=tuple(agents.values()),
    )
    return Duty(bundle, rulebook, agents)


_Model = TypeVar("_Model", bound=BaseModel)


def _read(
    bundle: LaunchedBundle, kind: ConstructKind, model: type[_Model]
) -> list[tuple[str, _Model]]:
    """The documents of one kind, with their digests."""
    found = []
    for construct in bundle.of_kind(kind):
        try:
            document = model.model_validate_json(bundle.read(construct))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise BundleError(
                f"{kind} {construct.name} of the bundle is wrong at {where}: {first['msg']}",
                remedy="build the bundle with this version of MythOS, and roll it out again",
            ) from None
        found.append((construct.digest, document))
    return found
