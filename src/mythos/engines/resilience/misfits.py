"""Misfits: an agent whose runs of the last 24 h do not follow their workflow.

Two ways to be one: with at least five finished runs, P(fitting share < 0.8) >= 0.95 under
Beta(fit + 1/2, unfit + 1/2); or, on any single run, a skipped step whose skip weight is 5 or more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from mythos.engines.evidence.window import DAY_S
from mythos.engines.resilience.beta import probability_below
from mythos.engines.resilience.components import LEAST_RUNS
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.finding import Finding, Scene
from mythos.values.reading import EvidenceRef

FITTING_SHARE = 0.8
CERTAINTY = 0.95
HEAVY_SKIP = 5
_SKIP = "skip:"


@dataclass(frozen=True, slots=True)
class DayOfRuns:
    """One agent's finished runs of one workflow in the last 24 h.

    deviations: runs by deviation, such as `skip:approve`. traces: runs that show a deviation.
    """

    agent: str
    workflow: str
    runs: int
    fitting: int
    deviations: Mapping[str, int] = field(default_factory=dict)
    traces: tuple[str, ...] = ()


def misfits(days: Iterable[DayOfRuns], *, facts: NodeFacts, scene: Scene) -> Iterator[Finding]:
    """Find the agents whose runs do not follow their workflow."""
    for day in days:
        unlikely = _probability(day)
        skipped = _heavy_skips(day, facts.skip_weights.get(day.workflow, {}))
        if skipped or (unlikely is not None and unlikely >= CERTAINTY):
            yield _finding(day, skipped, probability=unlikely, facts=facts, scene=scene)


def _probability(day: DayOfRuns) -> float | None:
    """P(fitting share < 0.8), None below five runs."""
    if day.runs < LEAST_RUNS:
        return None
    return probability_below(FITTING_SHARE, hits=day.fitting, misses=day.runs - day.fitting)


def _heavy_skips(day: DayOfRuns, weights: Mapping[str, int]) -> dict[str, int]:
    """Labels of skip weight 5 or more that were skipped, with the number of runs."""
    skipped = {
        deviation.removeprefix(_SKIP): n
        for deviation, n in sorted(day.deviations.items())
        if deviation.startswith(_SKIP) and n
    }
    return {label: n for label, n in skipped.items() if weights.get(label, 0) >= HEAVY_SKIP}


def _finding(
    day: DayOfRuns,
    skipped: Mapping[str, int],
    *,
    probability: float | None,
    facts: NodeFacts,
    scene: Scene,
) -> Finding:
    agent, workflow = facts.name_of(day.agent), facts.name_of(day.workflow)
    said = ", ".join(f"{label} in {n} of {day.runs} runs" for label, n in skipped.items())
    return Finding(
        code="WORKFLOW_NONCONFORMANT",
        subject=scene.subject(agent, workflow),
        words={
            "agent": agent or "the agent",
            "workflow": workflow,
            "skipped": f" (skipped: {said})" if said else "",
        },
        value=day.fitting / day.runs if day.runs else None,
        threshold=FITTING_SHARE,
        probability=probability,
        window_s=DAY_S,
        evidence=tuple(EvidenceRef(kind="trace", ref=trace) for trace in day.traces),
    )
