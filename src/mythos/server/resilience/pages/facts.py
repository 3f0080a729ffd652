"""What the database knows about the fleet, as plain values the pages are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mythos.engines.resilience.presence import Presence
from mythos.values.reading import State


@dataclass(frozen=True, slots=True)
class AgentFact:
    """An agent of a bundle."""

    name: str
    digest: str
    role: str = ""
    policies: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredFact:
    """What an environment was told to run: the newest rollout."""

    bundle: str
    version: int
    digest: str
    sequence: int
    halted: bool
    since: datetime
    agents: tuple[AgentFact, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentFact:
    """A named group of hosts."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    air_gapped: bool = False
    dev: bool = False
    report_every_s: int = 7 * 86_400
    desired: DesiredFact | None = None


@dataclass(frozen=True, slots=True)
class ReadingFact:
    """The newest stored reading of a host, without its parts."""

    state: State
    reason: str
    low: float
    mid: float | None
    high: float
    as_of: datetime
    codex_uptime_index: float
    ritual_execution_consistency: float
    memory_integrity_score: float
    unknown_components: tuple[str, ...] = ()
    runs: int = 0
    id: int = 0


@dataclass(frozen=True, slots=True)
class NodeFact:
    """A host, how it is heard, what it says it runs, and its newest reading."""

    node_id: str
    environment: EnvironmentFact
    enrolled_at: datetime
    presence: Presence
    last_beat_at: datetime | None = None
    last_file_at: datetime | None = None
    running: str = ""
    running_agents: Mapping[str, str] = field(default_factory=dict)
    key_id: str = ""
    reading: ReadingFact | None = None


@dataclass(frozen=True, slots=True)
class RolloutFact:
    """A decision on an environment, with what its bundle holds (kind and name to digest)."""

    environment: str
    sequence: int
    bundle: str
    version: int
    digest: str
    halted: bool
    decided_by: str
    at: datetime
    constructs: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScoreFact:
    """One stored reading of a host, for the time axis."""

    as_of: datetime
    low: float
    mid: float | None
    high: float


@dataclass(frozen=True, slots=True)
class TimeBlock:
    """A stored `time` row: where its block begins, and its body as stored."""

    node_id: str
    cell: int
    body: Mapping[str, object]


RunCounts = Mapping[tuple[str, str], int]
"""Runs of the last 24 h by (environment, name of the agent)."""
