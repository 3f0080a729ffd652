"""Workflow conformance of a host: runs that fit, what the others did instead, and some of them.

Alignment chips come from kept samples, whose steps are the moves of the optimal alignment: done,
skipped, extra. What a summary does not count (how often a step was done) is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mythos.engines.evidence.sample import Sample
from mythos.engines.evidence.workflow import WorkflowBody
from mythos.engines.resilience.moment import moment_of

MAX_DEVIATIONS, MAX_RUNS = 8, 6


@dataclass(frozen=True, slots=True)
class Deviation:
    """A step that was skipped or extra, and in how many runs."""

    kind: str
    label: str
    runs: int


@dataclass(frozen=True, slots=True)
class AlignedRun:
    """A kept run: its moves as (match, skip or extra; label), and what they cost."""

    trace_id: str
    at: datetime
    agent: str
    fits: bool
    why: str
    moves: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WorkflowShown:
    """One workflow of one agent. `match` is 1 − cost / worst cost; None without finished runs."""

    workflow: str
    digest: str
    agent: str
    runs: int
    fitting: int
    open: int
    inexact: int
    cost: int
    worst_cost: int
    match: float | None
    mean_duration_s: float
    tokens: int
    deviations: tuple[Deviation, ...]
    aligned: tuple[AlignedRun, ...]


def workflows_of(
    counted: Mapping[tuple[str, str], WorkflowBody], names: Mapping[str, str]
) -> tuple[WorkflowShown, ...]:
    """Workflows by (agent, workflow), those that fit least first."""
    shown = [_workflow(agent, digest, body, names) for (agent, digest), body in counted.items()]
    return tuple(sorted(shown, key=lambda each: (each.match or 0.0, each.workflow, each.agent)))


def _workflow(
    agent: str, digest: str, body: WorkflowBody, names: Mapping[str, str]
) -> WorkflowShown:
    summary = body.summary
    worst = summary.denom_sum
    return WorkflowShown(
        workflow=names.get(digest, digest),
        digest=digest,
        agent=names.get(agent, agent.removeprefix("name:")),
        runs=summary.runs,
        fitting=summary.fitting,
        open=summary.open,
        inexact=summary.inexact,
        cost=summary.cost_sum,
        worst_cost=worst,
        match=1 - summary.cost_sum / worst if worst else None,
        mean_duration_s=summary.mean_duration_s,
        tokens=summary.tokens_in + summary.tokens_out,
        deviations=_deviations(summary.dev_runs),
        aligned=_aligned(body),
    )


def _deviations(runs: Mapping[str, int]) -> tuple[Deviation, ...]:
    split = [(name.partition(":"), n) for name, n in runs.items()]
    found = [Deviation(kind, label, n) for (kind, _, label), n in split]
    return tuple(sorted(found, key=lambda each: (-each.runs, each.label))[:MAX_DEVIATIONS])


def _aligned(body: WorkflowBody) -> tuple[AlignedRun, ...]:
    """Kept runs, newest first, most of them such that deviate."""
    newest = sorted(body.samples.violating, key=lambda sample: -sample.at)[: MAX_RUNS - 1]
    clean = sorted(body.samples.clean, key=lambda sample: -sample.at)
    return tuple(map(_run, [*newest, *clean[: MAX_RUNS - len(newest)]]))


def _run(sample: Sample) -> AlignedRun:
    return AlignedRun(
        trace_id=sample.trace_id,
        at=moment_of(sample.at),
        agent=sample.agent,
        fits=not sample.violating,
        why=sample.why,
        moves=tuple((step.kind, step.name) for step in sample.steps),
    )
