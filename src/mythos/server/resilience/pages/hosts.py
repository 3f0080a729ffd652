"""The host table: filtered, worst first, a page at a time, each with its heartbeat strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mythos.engines.resilience.moment import read
from mythos.server.resilience.pages.facts import NodeFact
from mythos.server.resilience.pages.selection import Selection
from mythos.server.resilience.pages.state import QUIET, RANK, StateNow
from mythos.server.web.charts.beat_strip import Beat
from mythos.server.web.paging import Paged
from mythos.values.reading import Reading, State

PER_PAGE = 15
Judged = Sequence[tuple[NodeFact, StateNow]]


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host: its state and reason, score, strip, and how fresh its word is."""

    node_id: str
    environment: str
    agents: tuple[str, ...]
    state: State
    reason: str
    low: float
    mid: float | None
    high: float
    codex_uptime_index: float | None
    ritual_execution_consistency: float | None
    memory_integrity_score: float | None
    unknown_components: tuple[str, ...]
    last_beat_at: datetime | None
    by_file_at: datetime | None
    observed_only: bool
    beats: tuple[Beat, ...]

    @property
    def quiet(self) -> bool:
        """Whether no score stands, only bounds and a reason."""
        return self.mid is None or self.state in QUIET


@dataclass(frozen=True, slots=True, kw_only=True)
class HostList(Paged):
    """One page of hosts; `matching` counts all that the filters let through."""

    rows: tuple[HostRow, ...]
    matching: int


def matching(judged: Judged, selection: Selection) -> list[tuple[NodeFact, StateNow]]:
    """The hosts that the filters let through, worst first."""
    found = [pair for pair in judged if _matches(*pair, selection)]
    return sorted(found, key=lambda pair: (RANK[pair[1].state], pair[1].low, pair[0].node_id))


def _matches(node: NodeFact, now: StateNow, selection: Selection) -> bool:
    desired = node.environment.desired
    agents = {*node.running_agents, *(each.name for each in (desired.agents if desired else ()))}
    text = " ".join([node.node_id, node.environment.name, node.running, *agents]).lower()
    return (
        selection.state in {None, now.state}
        and selection.env in {"", node.environment.name}
        and (not selection.agent or selection.agent in agents)
        and all(word in text for word in selection.words())
    )


def host_row(node: NodeFact, now: StateNow, beats: tuple[Beat, ...]) -> HostRow:
    """One row."""
    return HostRow(
        node_id=node.node_id,
        environment=node.environment.name,
        agents=tuple(sorted(node.running_agents)),
        state=now.state,
        reason=now.reason,
        low=now.low,
        mid=now.mid,
        high=now.high,
        codex_uptime_index=_known(node, "codex_uptime_index"),
        ritual_execution_consistency=_known(node, "ritual_execution_consistency"),
        memory_integrity_score=_known(node, "memory_integrity_score"),
        unknown_components=node.reading.unknown_components if node.reading else (),
        last_beat_at=node.last_beat_at,
        by_file_at=node.last_file_at if node.environment.air_gapped else None,
        observed_only=node.presence.observed_only,
        beats=beats,
    )


def _known(node: NodeFact, component: str) -> float | None:
    """A part's value; None where it is unknown, although the column holds 0."""
    if node.reading is None or component in node.reading.unknown_components:
        return None
    value: float = getattr(node.reading, component)
    return value


def critical_stretches(reading: Reading | None) -> list[tuple[float, float]]:
    """When critical policy flags fired, as Unix seconds."""
    flags = [each for each in (reading.flags if reading else ()) if each.severity == "critical"]
    return [(read(each.since).timestamp(), read(each.last_seen).timestamp()) for each in flags]
