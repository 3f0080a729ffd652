"""Kept runs that strayed most, each move of their alignment beside the step that it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mythos.engines.evidence.sample import MAX_STEPS, Step
from mythos.engines.resilience.moment import moment_of
from mythos.server.workflows.pages.facts import RunFact
from mythos.values.workflow import Weights

MAX_RUNS = 8


@dataclass(frozen=True, slots=True)
class MoveShown:
    """One move: `kind` match, skip or extra; what it costs, and the span that made it.

    `span_id` is empty for a skipped step, and where the evidence did not keep it.
    """

    kind: str
    label: str
    cost: int
    span_id: str
    at_s: float
    failed: bool
    text: str


@dataclass(frozen=True, slots=True)
class RunShown:
    """A kept run. `cost` is that of its kept moves; `cut` if there were more than are kept."""

    trace_id: str
    at: datetime
    agent: str
    host: str
    environment: str
    why: str
    cost: int
    cut: bool
    moves: tuple[MoveShown, ...]


def worst_runs(runs: Iterable[RunFact], weights: Weights) -> tuple[RunShown, ...]:
    """At most eight runs, the costliest first, of equals the newest; one run of a trace."""
    shown = {each.sample.trace_id: _run(each, weights) for each in runs}
    ranked = sorted(shown.values(), key=lambda run: (-run.cost, -run.at.timestamp(), run.trace_id))
    return tuple(ranked[:MAX_RUNS])


def _run(run: RunFact, weights: Weights) -> RunShown:
    sample = run.sample
    moves = tuple(_move(step, weights) for step in sample.steps)
    return RunShown(
        trace_id=sample.trace_id,
        at=moment_of(sample.at),
        agent=sample.agent,
        host=run.node_id,
        environment=run.environment,
        why=sample.why,
        cost=sum(move.cost for move in moves),
        cut=len(moves) == MAX_STEPS,
        moves=moves,
    )


def _move(step: Step, weights: Weights) -> MoveShown:
    price = {"skip": weights.skip_of, "extra": weights.extra_of}.get(step.kind)
    return MoveShown(
        kind=step.kind,
        label=step.name,
        cost=price(step.name) if price else 0,
        span_id=step.span_id,
        at_s=step.at_ms / 1_000,
        failed=step.failed,
        text=step.text or "",
    )
