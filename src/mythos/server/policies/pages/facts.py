"""What the database knows of policy sets, as plain values the pages are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mythos.engines.evidence.policy import OutcomeCounts, RunCounts
from mythos.engines.evidence.sample import Sample
from mythos.server.documents.facts import DocumentKind, Mode
from mythos.values.outcome import Severity
from mythos.values.policy import PolicySet

POLICY_SETS = DocumentKind(
    "policy set", "bundled_codices", "policy_sets", shadowed="shadow_sets", page="/policies"
)


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
class AgentFact:
    """An agent, and the names of the policy sets that decide it."""

    name: str
    policies: tuple[str, ...]


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
