"""Runs: what `workflow` rows say of alignment, pooled for the score and by day for the flags."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.window import DAY_S, Window
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary
from mythos.engines.resilience.components import Alignment
from mythos.engines.resilience.misfits import DayOfRuns


def alignment_of(rows: Iterable[EvidenceRow]) -> Alignment:
    """Pool all finished runs of a node that have a workflow."""
    summaries = [
        row.body.summary for row in rows if isinstance(row.body, WorkflowBody) and row.key.subject
    ]
    return Alignment(
        runs=sum(map(_finished, summaries)),
        cost=sum(one.cost_sum for one in summaries),
        worst=sum(one.denom_sum for one in summaries),
        open=sum(one.open for one in summaries),
        inexact=sum(one.inexact for one in summaries),
    )


def last_day_of(rows: Iterable[EvidenceRow], *, as_of: datetime) -> list[DayOfRuns]:
    """Pool the finished runs of the last 24 h by agent and workflow."""
    bodies = pooled_last_day(rows, as_of=as_of)
    return [_day(agent, workflow, body) for (agent, workflow), body in bodies.items() if workflow]


def pooled_last_day(
    rows: Iterable[EvidenceRow], *, as_of: datetime
) -> dict[tuple[str, str], WorkflowBody]:
    """Workflow evidence of the last 24 h by (agent, workflow); no workflow is an unknown one."""
    end = as_of.timestamp()
    day = Window(end - DAY_S, end)
    bodies: dict[tuple[str, str], WorkflowBody] = {}
    for row in rows:
        key = row.key
        if isinstance(row.body, WorkflowBody) and day.overlaps(key.cell, key.width_s):
            pair = key.agent, key.subject
            bodies[pair] = bodies[pair] + row.body if pair in bodies else row.body
    return dict(sorted(bodies.items()))


def _finished(summary: WorkflowSummary) -> int:
    """Runs that ended and whose cost is known."""
    return summary.runs - summary.open - summary.inexact


def _day(agent: str, workflow: str, body: WorkflowBody) -> DayOfRuns:
    summary = body.summary
    return DayOfRuns(
        agent=agent,
        workflow=workflow,
        runs=_finished(summary),
        fitting=summary.fitting,
        deviations=summary.dev_runs,
        traces=tuple(sample.trace_id for sample in body.samples.violating),
    )
