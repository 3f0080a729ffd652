"""Drifts: every workflow with an accepted baseline, compared with it, and those that moved.

D looks at the whole window; the alarm at the newest runs, so that a change of today is not hidden
by four weeks before it. Both are of all agents of the node that follow the workflow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from mythos.engines.conformance.drift import (
    JSD_LIMIT,
    NO_DEVIATION,
    OTHER,
    Table,
    compare,
    finished,
    has_moved,
    verdicts,
)
from mythos.engines.conformance.drift_index import drift_index
from mythos.engines.conformance.fit_process import ALARM, FitProcess, follow, null_share
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.window import HOUR_S
from mythos.engines.resilience.baseline import (
    Baseline,
    Newest,
    hours,
    kept_in,
    newest,
    of_workflow,
    pooled,
    ways_of,
)
from mythos.engines.resilience.components import LEAST_RUNS
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.finding import Finding, Scene
from mythos.engines.resilience.moment import written_unix
from mythos.values.drift import DriftChange, DriftTable, FitPoint, FitTrend, WorkflowDrift
from mythos.values.reading import EvidenceRef

MAX_POINTS = 56
_NAMED = 3
_MAX_LABEL = 200
_TRACES = 8
_SHOWN = 500


def drifts_of(
    rows: Sequence[EvidenceRow], *, facts: NodeFacts, scene: Scene
) -> tuple[WorkflowDrift, ...]:
    """Compare each workflow that has a baseline with it.

    Args:
        rows: evidence of one node in the window.
        facts: its baselines, and the p of the tests made at other nodes.
        scene: node, moment and window.
    """
    end_s = scene.as_of.timestamp()
    found = []
    for baseline in facts.baselines:
        own = of_workflow(rows, baseline.workflow)
        since = newest(own, since_s=baseline.until_s, end_s=end_s)
        enough = finished(since.summary) >= LEAST_RUNS
        tables = compare(baseline.summary, since.summary) if enough else ()
        found.append((baseline, own, since, tables))
    tested = [table for *_, tables in found for table in tables]
    q_values = iter(verdicts(tested, elsewhere=facts.drift_elsewhere))
    return tuple(
        _drift(baseline, own, since, [(table, next(q_values)) for table in tables])
        for baseline, own, since, tables in found
    )


def drifting(
    drifts: Iterable[WorkflowDrift],
    rows: Sequence[EvidenceRow],
    *,
    facts: NodeFacts,
    scene: Scene,
) -> Iterator[Finding]:
    """Find the workflows that moved, or whose runs have stopped fitting."""
    for drift in drifts:
        moved = [table for table in drift.tables if table.moved]
        if moved or drift.fit.e >= ALARM:
            yield _finding(drift, moved, rows, facts=facts, scene=scene)


def _drift(
    baseline: Baseline,
    rows: Sequence[EvidenceRow],
    since: Newest,
    tested: Sequence[tuple[Table, float]],
) -> WorkflowDrift:
    whole = pooled(rows)
    index = drift_index(baseline.summary, whole)
    shown = islice(kept_in(reversed(rows)), _SHOWN)
    ways = {**baseline.ways, **ways_of(shown)}
    return WorkflowDrift(
        workflow=baseline.workflow,
        baseline=baseline.id,
        baseline_digest=baseline.digest,
        runs=finished(whole),
        distance=index.distance,
        chance=index.chance,
        value=index.value,
        since=written_unix(since.since_s),
        n_since=since.summary.runs,
        tables=tuple(_shown(table, q, ways) for table, q in tested),
        fit=_trend(baseline, rows),
    )


def _shown(table: Table, q: float, ways: Mapping[str, Sequence[str]]) -> DriftTable:
    return DriftTable(
        name=table.name,
        before=table.before,
        now=table.now,
        p=table.p,
        q=q,
        jsd=table.jsd,
        moved=has_moved(table, q=q),
        changes=tuple(
            DriftChange(
                key=change.key,
                label=_label(table, change.key, ways),
                before=change.before,
                now=change.now,
                bits=change.bits,
                p=change.p,
            )
            for change in table.changes
        ),
    )


def _label(table: Table, key: str, ways: Mapping[str, Sequence[str]]) -> str:
    """What a category is called before people."""
    if key in _SPOKEN:
        return _SPOKEN[key]
    if table.name == "variants":
        return (", ".join(ways[key]) or "no step")[:_MAX_LABEL] if key in ways else f"variant {key}"
    if table.name == "pairs":
        pair = " → ".join(key.split(">"))
        return pair.replace("%3E", ">").replace("%25", "%")[:_MAX_LABEL]
    return key[:_MAX_LABEL]


_SPOKEN = {OTHER: "other variants", NO_DEVIATION: "no deviation"}


def _trend(baseline: Baseline, rows: Sequence[EvidenceRow]) -> FitTrend:
    counted = hours(rows, since_s=baseline.until_s)
    null = null_share(fitting=baseline.summary.fitting, runs=finished(baseline.summary))
    values = [process.value for process in follow(FitProcess(null), counted.values())]
    return FitTrend(
        null=null,
        fitting=sum(fitting for fitting, _ in counted.values()),
        runs=sum(runs for _, runs in counted.values()),
        e=values[-1] if values else 1.0,
        peak=max(values, default=1.0),
        alarm=ALARM,
        line=_line([hour + HOUR_S for hour in counted], values),
    )


def _line(ends_s: Sequence[int], values: Sequence[float]) -> tuple[FitPoint, ...]:
    """At most 56 points, each the largest of its stretch, so that no alarm is left out."""
    step = max(-(-len(values) // MAX_POINTS), 1)
    stretches = [range(at, min(at + step, len(values))) for at in range(0, len(values), step)]
    best = [max(stretch, key=values.__getitem__) for stretch in stretches]
    return tuple(FitPoint(at=written_unix(ends_s[at]), e=round(values[at], 6)) for at in best)


def _finding(
    drift: WorkflowDrift,
    moved: Sequence[DriftTable],
    rows: Sequence[EvidenceRow],
    *,
    facts: NodeFacts,
    scene: Scene,
) -> Finding:
    largest = max(moved, key=lambda table: table.jsd, default=None)
    workflow = facts.name_of(drift.workflow)
    traces = [
        EvidenceRef(kind="trace", ref=sample.trace_id)
        for row in reversed(of_workflow(rows, drift.workflow))
        if written_unix(row.key.cell) >= drift.since
        for sample in kept_in([row])
        if sample.violating
    ]
    return Finding(
        code="WORKFLOW_DRIFT",
        subject=scene.subject(workflow),
        words={"workflow": workflow, "since": drift.since, "changes": _said(drift, moved)},
        value=largest.jsd if largest else drift.fit.e,
        threshold=JSD_LIMIT if largest else drift.fit.alarm,
        evidence=(
            EvidenceRef(kind="baseline", ref=drift.baseline, digest=drift.baseline_digest),
            *traces[:_TRACES],
        ),
    )


def _said(drift: WorkflowDrift, moved: Sequence[DriftTable]) -> str:
    """The largest changes in words, those that name steps before those that name variants."""
    fit = drift.fit
    said = [
        f"{change.label} in {_share(change.before, table.before)} of runs, now"
        f" {_share(change.now, table.now)}"
        for table in sorted(moved, key=lambda table: _TELLING.index(table.name))[:1]
        for change in table.changes[:_NAMED]
    ]
    if fit.e >= fit.alarm:
        said.append(
            f"{fit.fitting} of {fit.runs} runs fit, at least {fit.null:.0%} did (e = {fit.e:,.0f})"
        )
    return "; ".join(said)


_TELLING = ("deviations", "pairs", "variants")


def _share(n: int, of: int) -> str:
    return f"{n / of:.0%}" if of else "0%"
