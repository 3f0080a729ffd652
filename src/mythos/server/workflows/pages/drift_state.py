"""Whether runs of a workflow drifted from what an operator accepted, over all hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mythos.server.resilience.pages.drift_shown import has_moved
from mythos.server.workflows.pages.facts import BaselineFact, DriftFact
from mythos.values.drift import WorkflowDrift


@dataclass(frozen=True, slots=True)
class DriftState:
    """Hosts whose newest reading compares the workflow with a baseline, and those that moved."""

    baselines: int
    compared: int
    moved: int


@dataclass(frozen=True, slots=True)
class HostDrift:
    """One host beside the baseline that stood when it was read; None where that is not known."""

    host: str
    environment: str
    moved: bool
    drift: WorkflowDrift
    baseline: BaselineFact | None


def drift_state(found: Sequence[DriftFact], *, baselines: int) -> DriftState:
    """Count hosts."""
    moved = sum(has_moved(each.drift) for each in found)
    return DriftState(baselines=baselines, compared=len(found), moved=moved)


def host_drifts(
    found: Sequence[DriftFact], baselines: Sequence[BaselineFact]
) -> tuple[HostDrift, ...]:
    """Every compared host, those that moved first, then by distance."""
    known = {str(each.number): each for each in baselines}
    shown = [
        HostDrift(
            host=each.node_id,
            environment=each.environment,
            moved=has_moved(each.drift),
            drift=each.drift,
            baseline=known.get(each.drift.baseline),
        )
        for each in found
    ]
    return tuple(sorted(shown, key=lambda each: (not each.moved, -each.drift.value, each.host)))
