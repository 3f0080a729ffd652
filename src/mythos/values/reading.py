"""Resilience readings and flags: what the monitor says of one node."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mythos.values.base import Share, Value
from mythos.values.drift import WorkflowDrift

State = Literal["CRITICAL", "SILENT", "BLIND", "IDLE", "UNKNOWN", "DEGRADED", "AT_RISK", "HEALTHY"]
STATES: tuple[State, ...] = (
    "CRITICAL", "SILENT", "BLIND", "IDLE", "UNKNOWN", "DEGRADED", "AT_RISK", "HEALTHY",
)  # fmt: skip
WORST_FIRST: tuple[State, ...] = (
    "CRITICAL", "DEGRADED", "SILENT", "BLIND", "AT_RISK", "UNKNOWN", "IDLE", "HEALTHY",
)  # fmt: skip
FlagState = Literal["firing", "acknowledged", "benign", "resolved"]
ComponentName = Literal[
    "codex_uptime_index",
    "ritual_execution_consistency",
    "memory_integrity_score",
    "outcome_entropy",
    "drift",
]


class Bounds(Value):
    """A number with its 5 % and 95 % bounds; `mid` None means unknown, never 0."""

    low: Share = 0.0
    mid: Share | None = None
    high: Share = 1.0


class Component(Bounds):
    """One part of the score: its value, what it was counted from, its share of -ln R.

    `value` is the raw index (for entropy and drift the loss itself); `low/mid/high` are the
    factors that enter R (1 - H and 1 - D for those two). `applies` False removes the part.
    """

    name: ComponentName
    applies: bool
    value: Share | None = None
    weight: float
    share: Share | None = None
    n: float = 0.0
    unit: str
    detail: dict[str, float | int | str | None] = Field(default_factory=dict)


class EvidenceRef(Value):
    """Where a flag's proof lies: a span, a sample, a memory key, an envelope, a baseline."""

    kind: Literal[
        "trace", "span", "sample", "memory", "envelope", "checkpoint", "bundle", "proof", "baseline"
    ]
    ref: str
    digest: str = ""


class BenignNote(Value):
    """Who marked the calls of a flag benign, why, and until when."""

    mark: str
    until: str
    by: str
    why: str


class Flag(Value):
    """One warning, with what it was seen on and what to do.

    In the state `benign` every call it was seen on is covered by one of the marks in `benign`.
    """

    code: str
    severity: Literal["info", "warning", "critical"]
    component: str
    subject: str
    since: str
    last_seen: str
    state: FlagState = "firing"
    benign: tuple[BenignNote, ...] = ()
    value: float | None = None
    threshold: float | None = None
    window_s: int
    probability: float | None = None
    evidence: tuple[EvidenceRef, ...] = ()
    suggested_action: str
    fingerprint: str


class Reading(Value):
    """The score of one node at a moment, recomputable from its evidence."""

    node: str
    environment: str
    as_of: str
    window_s: int
    state: State
    reason: str
    resilience: Bounds
    target: Share = 0.9
    coverage: Share
    components: tuple[Component, ...]
    unknown_components: tuple[str, ...] = ()
    flags: tuple[Flag, ...] = ()
    drift: tuple[WorkflowDrift, ...] = ()
    runs: int = 0
    actions: int = 0
    evidence_digest: str = ""
    observed_only: bool = False
