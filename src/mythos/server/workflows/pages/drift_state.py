"""Whether runs of a workflow drifted from what an operator accepted, over all hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mythos.server.resilience.pages.drift_shown import BaselineShown, has_moved
from mythos.server.workflows.pages.facts import DriftFact
from mythos.values.drift import WorkflowDrift

BaselineState = Literal["standing", "replaced", "withdrawn"]


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
    baseline: BaselineShown | None


@dataclass(frozen=True, slots=True)
class BaselineListed:
    """A baseline and whether it stands, a newer one of its scope stands, or it was withdrawn."""

    state: BaselineState
    baseline: BaselineShown


def drift_state(found: Sequence[DriftFact], *, baselines: int) -> DriftState:
    """Count hosts."""
    moved = sum(has_moved(each.drift) for each in found)
    return DriftState(baselines=baselines, compared=len(found), moved=moved)


def listed(baselines: Sequence[BaselineShown]) -> tuple[BaselineListed, ...]:
    """Each with its state, in the order given: newest first."""
    seen: set[tuple[str, str]] = set()
    rows = []
    for each in baselines:
        scope = each.environment, each.host
        state: BaselineState = "replaced" if scope in seen else "standing"
        if each.withdrawn:
            state = "withdrawn"
        else:
            seen.add(scope)
        rows.append(BaselineListed(state, each))
    return tuple(rows)


def beside_valid(found: Sequence[DriftFact], baselines: Sequence[BaselineShown]) -> list[DriftFact]:
    """What was compared with a baseline that was not withdrawn since."""
    withdrawn = {str(each.number) for each in baselines if each.withdrawn}
    return [each for each in found if each.drift.baseline not in withdrawn]


def host_drifts(
    found: Sequence[DriftFact], baselines: Sequence[BaselineShown]
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
