"""Facts: what a reading must know of a node beside its evidence.

They come from the catalogue, from enrolment and from intake. Which parts of the score apply is
such a fact: evidence can show that a rule was upheld, never that none was in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mythos.engines.resilience.baseline import Baseline
from mythos.engines.resilience.benign import BenignMark
from mythos.engines.resilience.presence import Presence

TARGET = 0.90
_SHORT = 12


@dataclass(frozen=True, slots=True)
class Fork:
    """One envelope id that came with two contents. `digest`: of the refused one."""

    envelope: str
    digest: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A node says it runs `in_force` although it imported the assignment of `assigned`, `since`."""

    in_force: str
    assigned: str
    since: datetime


@dataclass(frozen=True, slots=True)
class LogClaim:
    """A checkpoint that a memory log showed the control plane: its size, and its root's digest."""

    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A memory log that contradicts what it said before; `claims` are the checkpoints at odds."""

    seen_at: datetime
    claims: tuple[LogClaim, ...] = ()


@dataclass(frozen=True, slots=True)
class Unproved:
    """A memory log that grew without a proof. `known` is the newest checkpoint believed."""

    since: datetime
    known: LogClaim
    claim: LogClaim


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Facts of one node.

    applies_policy: a set is in force. applies_workflow: an agent has a workflow. applies_memory:
    an agent declares memory. first_evidence: start of the node's first evidence, where `rows` may
    not reach back to it. names: digest of an agent, policy set or workflow to its name.
    skip_weights: workflow digest to the skip weight of each label. rewritten: memory logs that are
    not what a checkpoint remembered outside the node says. unproved: those that did not prove that
    they extend it. restarts: how often an operator let a log begin anew. benign: marks that stand
    in the node's environment; they change no score.
    baselines: accepted ones, at most one a workflow. withdrawn: ids of those that were withdrawn.
    drift_elsewhere: p of the tests of drift that were made at other nodes.
    """

    presence: Presence = field(default_factory=Presence)
    applies_policy: bool = True
    applies_workflow: bool = False
    applies_memory: bool = False
    first_evidence: datetime | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    skip_weights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    forks: tuple[Fork, ...] = ()
    unproved: Mapping[str, Unproved] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)
    rewritten: Mapping[str, Rewritten] = field(default_factory=dict)
    mismatch: Mismatch | None = None
    benign: tuple[BenignMark, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    drift_elsewhere: tuple[float, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    target: float = TARGET

    def name_of(self, ref: str) -> str:
        """Return the name of a digest or `name:` reference; a short digest where unknown."""
        if ref.startswith("name:"):
            return ref.removeprefix("name:")
        if ref in self.names:
            return self.names[ref]
        return ref.removeprefix("sha256:")[:_SHORT] if ref.startswith("sha256:") else ref
