"""What the database knows of policy sets, as plain values the pages are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mythos.engines.evidence.policy import OutcomeCounts, RunCounts
from mythos.engines.evidence.sample import Sample
from mythos.values.outcome import Severity
from mythos.values.policy import PolicySet

Mode = Literal["enforce", "shadow"]


@dataclass(frozen=True, slots=True)
class PolicyFact:
    """One version of a policy set; `bundles` are those that hold it, oldest first.

    `unreadable` says why this version of MythOS cannot read the document; then `policy_set` holds
    its name and its rules alone.
    """

    digest: str
    policy_set: PolicySet
    bundles: tuple[str, ...] = ()
    known_since: datetime | None = None
    packaged: bool = False
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class HostFact:
    """A host, the policy sets that it says judge there, and the agents it runs, by digest."""

    node_id: str
    environment: str
    enforced: frozenset[str]
    shadowed: frozenset[str]
    last_beat_at: datetime | None
    agents: frozenset[str] = frozenset()

    def mode_of(self, digest: str) -> Mode | None:
        """How a policy set judges here; None if it does not."""
        if digest in self.enforced:
            return "enforce"
        return "shadow" if digest in self.shadowed else None


@dataclass(frozen=True, slots=True)
class AgentFact:
    """An agent, and the names of the policy sets that decide it."""

    name: str
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RolloutFact:
    """A decision that an environment runs a bundle, with the policy sets of that bundle."""

    environment: str
    sequence: int
    bundle: str
    bundle_digest: str
    halted: bool
    at: datetime
    policy_sets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Tally:
    """Outcomes of one policy set for one agent on one host, over a window."""

    digest: str
    mode: Mode
    environment: str
    node_id: str
    agent: str
    rules: Mapping[str, OutcomeCounts] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    runs: RunCounts = field(default_factory=RunCounts)


@dataclass(frozen=True, slots=True)
class CallFact:
    """A kept call, and the policy set whose version judged it."""

    node_id: str
    environment: str
    mode: Mode
    sample: Sample
    policy_set: str = ""
