"""The five parts of the score, each with its 5 % and 95 % bounds.

A part that applies but has no evidence has low 0, no mid and high 1. Where a bound of a Jeffreys
interval would cut off the observed share itself (nothing missed, or everything), the bound is the
share, as its authors advise. Nothing here is weighted yet: see `score`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.resilience.beta import HIGH, LOW, quantile
from mythos.engines.resilience.cells import Cells
from mythos.engines.resilience.entropy import outcome_entropy
from mythos.values.drift import WorkflowDrift
from mythos.values.reading import Component, ComponentName

WEIGHTS: dict[ComponentName, float] = {
    "codex_uptime_index": 0.30,
    "ritual_execution_consistency": 0.25,
    "memory_integrity_score": 0.25,
    "outcome_entropy": 0.10,
    "drift": 0.10,
}
UNITS: dict[ComponentName, str] = {
    "codex_uptime_index": "active cells",
    "ritual_execution_consistency": "finished runs",
    "memory_integrity_score": "keys",
    "outcome_entropy": "governed calls",
    "drift": "runs",
}
LEAST_RUNS = 5
_NO_AUDIT = MemoryBody()


@dataclass(frozen=True, slots=True)
class Alignment:
    """Alignment of the finished runs; open and inexact ones stand apart.

    `worst` is the cost of runs that match nothing: every event extra, every needed step skipped.
    """

    runs: int = 0
    cost: int = 0
    worst: int = 0
    open: int = 0
    inexact: int = 0

    @property
    def seen(self) -> int:
        """Every run, those that stand apart included."""
        return self.runs + self.open + self.inexact


def compliance(cells: Cells, *, applies: bool) -> Component:
    """Policy compliance over active time: good / (good + bad) cells.

    Bounds by Jeffreys on cells; unknown and uncovered ones are bad in low and good in high.
    """
    detail = {
        "good": cells.good,
        "bad": cells.bad,
        "unknown": cells.unknown,
        "uncovered": round(cells.uncovered, 3),
        "uncovered_s": round(cells.uncovered_s),
        "cell_s": cells.cell_s,
    }
    decided = cells.good + cells.bad
    if not decided:
        return _without_evidence(
            "codex_uptime_index", applies=applies, n=cells.active, detail=detail
        )
    index = cells.good / decided
    unknown = cells.unknown + cells.uncovered
    low = quantile(LOW, hits=cells.good, misses=cells.bad + unknown)
    high = quantile(HIGH, hits=cells.good + unknown, misses=cells.bad)
    return _part(
        "codex_uptime_index", applies=applies, value=index, low=low, mid=index, high=high,
        n=cells.active, detail=detail,
    )  # fmt: skip


def consistency(alignment: Alignment, *, applies: bool) -> Component:
    """Workflow match: 1 - cost / worst cost over finished runs, at least five of them.

    Bounds: Beta(n C + 1/2, n (1 - C) + 1/2) with n = finished runs.
    """
    needed = max(LEAST_RUNS - alignment.runs, 0)
    detail = {
        "cost": alignment.cost,
        "worst_cost": alignment.worst,
        "open": alignment.open,
        "inexact": alignment.inexact,
        "more_runs_needed": needed,
    }
    n = alignment.runs
    if needed:
        return _without_evidence(
            "ritual_execution_consistency", applies=applies, n=n, detail=detail
        )
    match = 1 - alignment.cost / alignment.worst if alignment.worst else 1.0
    low = quantile(LOW, hits=n * match, misses=n * (1 - match))
    high = quantile(HIGH, hits=n * match, misses=n * (1 - match))
    return _part(
        "ritual_execution_consistency", applies=applies, value=match, low=low, mid=match, high=high,
        n=n, detail=detail,
    )  # fmt: skip


def integrity(
    logs: Mapping[str, Iterable[MemoryBody]], *, applies: bool, unproved: Collection[str] = ()
) -> Component:
    """Memory integrity: ok keys of all audited ones, pooled over logs; 0 if any proof failed.

    Keys written since the audit are bad in low and good in high; with none the score is exact. So
    are the ok keys of a log that grew without proving it: its audit may rest on another history.

    Args:
        logs: log origin to its audits, in any order; the newest of each stands.
        applies: whether an agent of the node declares memory.
        unproved: origins of the logs that a witness could not follow.
    """
    standing = {origin: newest_audit(audits) for origin, audits in logs.items()}
    newest = list(standing.values())
    audited = [body for body in newest if body.audited_at]
    ok = sum(body.ok for body in audited)
    doubtful = sum(body.ok for origin, body in standing.items() if origin in unproved)
    total = sum(body.audited for body in audited)
    written = sum(body.written_since for body in newest)
    failed = sum(body.proof_failed for body in newest)
    detail = {
        "logs": len(newest),
        "ok": ok,
        "altered": sum(body.altered for body in audited),
        "missing": sum(body.missing for body in audited),
        "unlogged": sum(body.unlogged for body in audited),
        "written_since": written,
        "failed_logs": failed,
        "unproved_logs": sum(origin in unproved for origin in standing),
        "oldest_audit_at": min((body.audited_at for body in audited), default=None),
    }
    name: ComponentName = "memory_integrity_score"
    if failed:
        return _part(
            name, applies=applies, value=0.0, low=0.0, mid=0.0, high=0.0, n=total, detail=detail
        )
    if not audited:
        return _without_evidence(name, applies=applies, n=0, detail=detail)
    score = ok / total if total else 1.0
    low, high = score, score
    if written or doubtful:
        low, high = (ok - doubtful) / (total + written), (ok + written) / (total + written)
    return _part(
        name, applies=applies, value=score, low=low, mid=score, high=high, n=total, detail=detail
    )


def newest_audit(audits: Iterable[MemoryBody]) -> MemoryBody:
    """Return the audit that stands: the newest, unless one as new or newer failed its proof.

    A log that was cut short is smaller than it was, so size alone would hide its failure. One that
    an operator let begin anew is smaller too: audits from before then are of another log.
    """
    told = list(audits)
    begun = max((body.restarts for body in told), default=0)
    listed = [body for body in told if body.restarts == begun]
    held = sum((body for body in listed if not body.proof_failed), start=_NO_AUDIT)
    failed = [b for b in listed if b.proof_failed and b.audited_at >= held.audited_at]
    return max(failed, key=lambda body: body.audited_at) if failed else held


def predictability(tools: Mapping[str, ActionBody], *, applies: bool) -> Component:
    """Outcome entropy H; the factor that enters the score is 1 - H.

    Bounds: H with the node's denied share at its 5 % and 95 % Jeffreys quantiles.
    """
    n = sum(body.n for body in tools.values())
    denied = sum(body.x for body in tools.values())
    detail = {"tools": len(tools), "denied": denied}
    if not n:
        return _without_evidence("outcome_entropy", applies=applies, n=0, detail=detail)
    entropy = outcome_entropy(tools, rate=denied / n)
    least = outcome_entropy(tools, rate=quantile(LOW, hits=denied, misses=n - denied))
    most = outcome_entropy(tools, rate=quantile(HIGH, hits=denied, misses=n - denied))
    return _part(
        "outcome_entropy", applies=applies, value=entropy, low=1 - most, mid=1 - entropy,
        high=1 - least, n=n, detail=detail,
    )  # fmt: skip


def steadiness(drifts: Sequence[WorkflowDrift], *, applies: bool) -> Component:
    """Drift D; the factor that enters the score is 1 - D.

    The mean of the workflows' indexes by their runs, of those with at least five. D has no bounds:
    what chance explains is taken off before.

    Args:
        drifts: of every workflow that has a baseline.
        applies: whether a baseline was accepted for a workflow of the node.
    """
    counted = [drift for drift in drifts if drift.runs >= LEAST_RUNS]
    runs = sum(drift.runs for drift in counted)
    if not counted:
        seen = max((drift.runs for drift in drifts), default=0)
        detail = {"more_runs_needed": LEAST_RUNS - seen}
        return _without_evidence("drift", applies=applies, n=seen, detail=detail)
    value = sum(drift.value * drift.runs for drift in counted) / runs
    farthest = max(counted, key=lambda drift: drift.value)
    return _part(
        "drift", applies=applies, value=value, low=1 - value, mid=1 - value, high=1 - value,
        n=runs, detail={
            "workflows": len(counted),
            "distance": round(farthest.distance, 6),
            "chance": round(farthest.chance, 6),
        },
    )  # fmt: skip


_Detail = Mapping[str, float | int | str | None]


def _without_evidence(
    name: ComponentName, *, applies: bool, n: float, detail: _Detail
) -> Component:
    return Component(
        name=name, applies=applies, weight=WEIGHTS[name], n=n, unit=UNITS[name], detail=dict(detail)
    )


def _part(
    name: ComponentName,
    *,
    applies: bool,
    value: float,
    low: float,
    mid: float,
    high: float,
    n: float,
    detail: _Detail,
) -> Component:
    return Component(
        name=name,
        applies=applies,
        value=_share(value),
        low=min(_share(low), _share(mid)),
        mid=_share(mid),
        high=max(_share(high), _share(mid)),
        weight=WEIGHTS[name],
        n=n,
        unit=UNITS[name],
        detail=dict(detail),
    )


def _share(value: float) -> float:
    """Clip what rounding may have pushed out of [0, 1]."""
    return min(max(value, 0.0), 1.0)
