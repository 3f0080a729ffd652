"""A reading: the score of one node at a moment, from its evidence and facts alone.

Everything a page shows of a node comes from here, so two who hold the same rows get the same
reading, and `evidence_digest` says which rows those were. Shadow sets enter nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import PolicyBody, RunCounts
from mythos.engines.evidence.row import EvidenceRow, digest_of_rows
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import Window
from mythos.engines.resilience.carry import carry
from mythos.engines.resilience.cells import Cells, count_cells
from mythos.engines.resilience.components import (
    compliance,
    consistency,
    integrity,
    predictability,
    steadiness,
)
from mythos.engines.resilience.drifts import drifting, drifts_of
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.finding import Finding, Scene, flags_of
from mythos.engines.resilience.misfits import misfits
from mythos.engines.resilience.moment import written
from mythos.engines.resilience.runs import alignment_of, last_day_of
from mythos.engines.resilience.score import Score, score
from mythos.engines.resilience.state import Standing, state_of
from mythos.engines.resilience.strays import strays
from mythos.engines.resilience.tampering import overdue, tampering, ungrounded
from mythos.engines.resilience.toolless import toolless
from mythos.engines.resilience.upkeep import upkeep
from mythos.engines.resilience.violations import violations
from mythos.errors import EvidenceError
from mythos.values.outcome import Outcome
from mythos.values.reading import Component, Flag, Reading

WINDOW_S = 28 * 86_400
_MAX_MISSING = 5


def read_node(
    rows: Iterable[EvidenceRow],
    *,
    node: str,
    environment: str,
    as_of: datetime,
    window_s: int = WINDOW_S,
    facts: NodeFacts,
    previous_flags: Sequence[Flag] = (),
) -> Reading:
    """Score one node from its evidence.

    Args:
        rows: evidence, merged or not, in any order; rows of other nodes and environments, of
            shadow sets and outside the window are left out. Of memory the newest audit stands,
            however old, unless its log began anew since.
        node, environment: whose reading it is.
        as_of: the moment, with its zone; in an audit, the newest span's.
        window_s: seconds looked back, > 0; begins no earlier than the first evidence.
        facts: what applies to the node and what intake knows of it.
        previous_flags: flags of the last reading, as operators left them.

    Returns:
        The reading. Without evidence its mid is None and its state is never HEALTHY.

    Raises:
        EvidenceError: the window is empty or `as_of` has no zone.
    """
    own = [row for row in rows if _belongs(row, node=node, environment=environment)]
    window = _window(own, as_of=as_of, window_s=window_s, facts=facts)
    used = [row for row in own if _counts(row, window, facts)]
    cells = count_cells(used, window=window, presence=facts.presence)
    alignment, tools = alignment_of(used), _tools(used)
    scene = Scene(node=node, as_of=as_of, window_s=window_s)
    drifts = drifts_of(used, facts=facts, scene=scene)
    others = (
        consistency(alignment, applies=facts.applies_workflow),
        integrity(
            _logs(used, facts=facts), applies=facts.applies_memory, unproved=facts.unproved.keys()
        ),
        predictability(tools, applies=facts.applies_policy),
        steadiness(drifts, applies=bool(facts.baselines)),
    )
    result = _scored(cells, others, facts=facts)
    standing = Standing(
        score=result,
        decided=_scored(cells.decided(), others, facts=facts),
        target=facts.target,
        cells=cells,
        active=bool(cells.active) if facts.applies_policy else bool(alignment.runs),
        silent=facts.presence.silent(as_of),
        silent_s=facts.presence.silent_s(as_of),
        missing=_missing_facts(used),
    )
    findings = (
        *_findings(used, standing, facts=facts, scene=scene),
        *drifting(drifts, used, facts=facts, scene=scene),
    )
    found = flags_of(findings, scene)
    standing_marks = {mark.id for mark in facts.benign}
    flags = carry(previous_flags, found, at=as_of, marks=standing_marks, withdrawn=facts.withdrawn)
    state, reason = state_of(standing, flags)
    return Reading(
        node=node,
        environment=environment,
        as_of=written(as_of),
        window_s=window_s,
        state=state,
        reason=reason,
        resilience=result.bounds,
        target=facts.target,
        coverage=result.coverage,
        components=result.components,
        unknown_components=tuple(part.name for part in result.unknown),
        flags=tuple(flags),
        drift=drifts,
        runs=max(alignment.seen, _judged_runs(used)),
        actions=sum(body.n for body in tools.values()),
        evidence_digest=digest_of_rows(used),
        observed_only=facts.presence.observed_only,
    )


def _scored(cells: Cells, others: tuple[Component, ...], *, facts: NodeFacts) -> Score:
    return score((compliance(cells, applies=facts.applies_policy), *others))


def _belongs(row: EvidenceRow, *, node: str, environment: str) -> bool:
    key = row.key
    return key.node == node and key.environment == environment and key.kind != "shadow"


def _window(
    rows: Sequence[EvidenceRow], *, as_of: datetime, window_s: int, facts: NodeFacts
) -> Window:
    """Return the window, begun no earlier than the node's first evidence."""
    written(as_of)
    if window_s <= 0:
        raise EvidenceError(
            f"a window of {window_s} s is empty", remedy="give the window in seconds, above 0"
        )
    end = as_of.timestamp()
    known = facts.first_evidence
    first = known.timestamp() if known else min(map(_began, rows), default=end)
    return Window(min(max(end - window_s, first), end), end)


def _began(row: EvidenceRow) -> float:
    """Return when a row's evidence begins: its cell, or of an hour of time its first cell seen."""
    body = row.body
    if not isinstance(body, TimeBody):
        return row.key.cell
    bits = body.active | body.bad | body.unknown | body.covered | body.stale
    if not bits:
        return row.key.cell + row.key.width_s
    return row.key.cell + ((bits & -bits).bit_length() - 1) * body.cell_s


def _counts(row: EvidenceRow, window: Window, facts: NodeFacts) -> bool:
    if isinstance(row.body, MemoryBody):
        begun = facts.restarts.get(row.key.subject, 0)
        return row.key.cell <= window.end_s and row.body.restarts >= begun
    return window.overlaps(row.key.cell, row.key.width_s)


def _tools(rows: Iterable[EvidenceRow]) -> Mapping[str, ActionBody]:
    tools: dict[str, ActionBody] = {}
    for row in rows:
        if isinstance(row.body, ActionBody):
            tools[row.key.subject] = tools.get(row.key.subject, ActionBody()) + row.body
    return tools


def _logs(rows: Iterable[EvidenceRow], *, facts: NodeFacts) -> Mapping[str, list[MemoryBody]]:
    """Audits by log. What a witness saw rewritten is a failed proof, whatever the node found.

    The node goes on auditing its store against the forged log, so none of its audits counts.
    """
    logs = {
        origin: [MemoryBody(audited_at=int(found.seen_at.timestamp()), proof_failed=True)]
        for origin, found in facts.rewritten.items()
    }
    for row in rows:
        if isinstance(row.body, MemoryBody) and row.key.subject not in facts.rewritten:
            logs.setdefault(row.key.subject, []).append(row.body)
    return logs


def _judged_runs(rows: Iterable[EvidenceRow]) -> int:
    """Runs that the set which saw most of them counted; a run stands in a row of every set."""
    runs: dict[str, RunCounts] = {}
    for row in rows:
        if isinstance(row.body, PolicyBody):
            runs[row.key.subject] = runs.get(row.key.subject, RunCounts()) + row.body.runs
    return max((counts.total for counts in runs.values()), default=0)


def _missing_facts(rows: Iterable[EvidenceRow]) -> tuple[str, ...]:
    """Return facts that sampled undecidable calls lacked."""
    lacked = {
        fact
        for row in rows
        if isinstance(row.body, PolicyBody)
        for sample in row.body.samples.clean
        if sample.outcome is Outcome.UNDECIDABLE
        for fact in sample.missing
    }
    return tuple(sorted(lacked)[:_MAX_MISSING])


def _findings(
    rows: Sequence[EvidenceRow], standing: Standing, *, facts: NodeFacts, scene: Scene
) -> Iterable[Finding]:
    """Find all that is wrong; a fact says what scores, never what may be looked away from."""
    yield from upkeep(facts, scene=scene)
    yield from violations(rows, facts=facts, scene=scene)
    yield from misfits(last_day_of(rows, as_of=scene.as_of), facts=facts, scene=scene)
    yield from strays(rows, facts=facts, scene=scene)
    yield from toolless(rows, facts=facts, scene=scene)
    logs = _logs(rows, facts=facts)
    yield from tampering(logs, rewritten=facts.rewritten, scene=scene)
    yield from overdue(logs, newest_beat=facts.presence.newest_beat, scene=scene)
    yield from ungrounded(facts.unproved, scene=scene)
    yield from _of_evidence(standing, scene=scene)


def _of_evidence(standing: Standing, *, scene: Scene) -> Iterable[Finding]:
    bounds = standing.score.bounds
    if standing.blind:
        lacking = f" (missing: {', '.join(standing.missing)})" if standing.missing else ""
        yield Finding(
            code="EVIDENCE_BLIND",
            subject=scene.subject("evidence"),
            words={"node": scene.node, "facts": lacking},
            value=standing.cells.unknown / standing.cells.active,
        )
    elif bounds.mid is not None and bounds.mid >= standing.target > bounds.low:
        yield Finding(
            code="EVIDENCE_LOW",
            subject=scene.subject("evidence"),
            words={"node": scene.node},
            value=bounds.low,
            threshold=standing.target,
        )
