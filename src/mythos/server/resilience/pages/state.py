"""The state of a host now: the stored reading, unless the host has fallen silent since.

A reading is written when evidence comes in, so a host that stops sending keeps its last one. What
is shown must not: silence is judged when the page is made. No data is never health.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mythos.server.resilience.pages.facts import NodeFact
from mythos.values.reading import WORST_FIRST, State

MEANING: dict[State, str] = {
    "CRITICAL": "a critical flag fires",
    "DEGRADED": "mid below the target",
    "SILENT": "beat overdue",
    "BLIND": "calls not decidable",
    "AT_RISK": "low below the target",
    "UNKNOWN": "not enough evidence",
    "IDLE": "no governed action",
    "HEALTHY": "low at the target or above",
}
QUIET: frozenset[State] = frozenset({"SILENT", "BLIND", "UNKNOWN", "IDLE"})
RANK: dict[State, int] = {state: rank for rank, state in enumerate(WORST_FIRST)}


@dataclass(frozen=True, slots=True)
class StateNow:
    """A state with its reason, and the score that still stands; None where none does."""

    state: State
    reason: str
    low: float = 0.0
    mid: float | None = None
    high: float = 1.0


def state_now(node: NodeFact, *, at: datetime) -> StateNow:
    """Judge a host at a moment."""
    reading = node.reading
    if reading is None:
        return _without_reading(node, at=at)
    if reading.state != "CRITICAL" and node.presence.silent(at):
        return StateNow("SILENT", _overdue(node), reading.low, reading.mid, reading.high)
    return StateNow(reading.state, reading.reason, reading.low, reading.mid, reading.high)


def _without_reading(node: NodeFact, *, at: datetime) -> StateNow:
    if node.presence.silent(at):
        return StateNow("SILENT", _overdue(node))
    return StateNow("UNKNOWN", "enrolled, no evidence yet")


def _overdue(node: NodeFact) -> str:
    if node.last_beat_at is None:
        return "enrolled, but it never sent a beat"
    if node.environment.air_gapped:
        return f"its file is overdue: the newest beat is of {node.last_beat_at:%d %b %H:%M}"
    return f"beat overdue since {node.last_beat_at:%d %b %H:%M:%S}"
