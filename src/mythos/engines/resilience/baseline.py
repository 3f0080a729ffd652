"""Baselines: how a workflow was run when an operator accepted it, and the newest runs beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mythos.engines.conformance.drift import finished
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import MAX_STEPS, Sample
from mythos.engines.evidence.window import DAY_S, HOUR_S, cell_of
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary, variant_digest

NEWEST_RUNS = 200
_DONE = frozenset({"match", "extra"})


@dataclass(frozen=True, slots=True)
class Baseline:
    """An accepted baseline of a workflow.

    workflow: its digest; another version has another. until_s: Unix seconds at which its evidence
    ends; only later runs are compared with it. ways: labels of variants that kept runs show.
    """

    id: str
    workflow: str
    summary: WorkflowSummary
    until_s: float
    digest: str = ""
    ways: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest runs: enough of them, and of at least a day. `since_s`: where they begin."""

    summary: WorkflowSummary
    since_s: float


def of_workflow(rows: Iterable[EvidenceRow], workflow: str) -> list[EvidenceRow]:
    """Rows of one workflow, by whatever agent, oldest cell first."""
    found = [
        row for row in rows if isinstance(row.body, WorkflowBody) and row.key.subject == workflow
    ]
    return sorted(found, key=lambda row: row.key)


def pooled(rows: Iterable[EvidenceRow]) -> WorkflowSummary:
    """Add up workflow rows."""
    return WorkflowSummary.total(
        row.body.summary for row in rows if isinstance(row.body, WorkflowBody)
    )


def kept_in(rows: Iterable[EvidenceRow]) -> Iterator[Sample]:
    """Kept runs of workflow rows, in their order, those that deviate first in each."""
    for row in rows:
        if isinstance(row.body, WorkflowBody):
            yield from row.body.samples


def newest(rows: Sequence[EvidenceRow], *, since_s: float, end_s: float) -> Newest:
    """Go back from the end for a day, and on until there are 200 runs.

    How far depends on how many runs there are, never on what they did, so a test stays valid.

    Args:
        rows: of one workflow.
        since_s: no cell that begins earlier is taken.
        end_s: Unix seconds of the moment.
    """
    runs_by_cell: Counter[int] = Counter()
    for row in rows:
        if row.key.cell >= since_s and isinstance(row.body, WorkflowBody):
            runs_by_cell[row.key.cell] += row.body.summary.runs
    runs, begin = 0, end_s
    for cell in sorted(runs_by_cell, reverse=True):
        if cell < end_s - DAY_S and runs >= NEWEST_RUNS:
            break
        runs, begin = runs + runs_by_cell[cell], cell
    return Newest(pooled(row for row in rows if row.key.cell >= begin), begin)


def hours(rows: Iterable[EvidenceRow], *, since_s: float) -> dict[int, tuple[int, int]]:
    """(fitting, finished) runs by UTC hour, in the order of time."""
    found: dict[int, tuple[int, int]] = {}
    for row in rows:
        if row.key.cell >= since_s and isinstance(row.body, WorkflowBody):
            hour = cell_of(row.key.cell, HOUR_S)
            fitting, runs = found.get(hour, (0, 0))
            summary = row.body.summary
            found[hour] = fitting + summary.fitting, runs + finished(summary)
    return dict(sorted(found.items()))


def ways_of(samples: Iterable[Sample]) -> dict[str, tuple[str, ...]]:
    """Labels of the variants that kept runs show whole."""
    ways = (
        tuple(step.name for step in sample.steps if step.kind in _DONE)
        for sample in samples
        if len(sample.steps) < MAX_STEPS
    )
    return {variant_digest(way): way for way in ways}
