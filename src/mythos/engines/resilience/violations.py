"""Violations: a rule of a set in force denied a call, and the call was seen all the same.

One finding an agent, policy set and rule. It was seen, so its probability is 1. It was last seen
at the newest sample or the start of the last cell that counts one, whichever is later: rolling
rows up can only move that back, so it never fires again what an operator resolved. Rows of shadow
sets are left out before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mythos.engines.evidence.policy import PolicyBody, louder
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import Sample
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.finding import MAX_REFS, Finding, Scene
from mythos.engines.resilience.moment import written_unix
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.outcome import Outcome, Severity
from mythos.values.reading import EvidenceRef


@dataclass(slots=True)
class _Broken:
    """One rule's violations over the rows seen so far."""

    first_s: float
    last_s: float
    count: int = 0
    severity: Severity = Severity.INFO
    samples: list[Sample] = field(default_factory=list)


def violations(rows: Iterable[EvidenceRow], *, facts: NodeFacts, scene: Scene) -> Iterator[Finding]:
    """Find every rule that was violated in these `policy` rows."""
    broken: dict[tuple[str, str, str], _Broken] = {}
    for row in rows:
        if isinstance(row.body, PolicyBody):
            _collect(broken, row, row.body, facts=facts)
    for (agent, policy_set, rule), found in sorted(broken.items()):
        yield _finding(agent, policy_set, rule, found=found, scene=scene)


def _collect(
    broken: dict[tuple[str, str, str], _Broken],
    row: EvidenceRow,
    body: PolicyBody,
    *,
    facts: NodeFacts,
) -> None:
    start = row.key.cell
    agent, policy_set = facts.name_of(row.key.agent), facts.name_of(row.key.subject)
    for rule, counts in body.rules.items():
        if not counts.violated:
            continue
        found = broken.setdefault((agent, policy_set, rule), _Broken(start, start))
        found.first_s, found.last_s = min(found.first_s, start), max(found.last_s, start)
        found.count += counts.violated
        found.severity = louder(found.severity, body.severity(rule))
        found.samples += [
            sample
            for sample in body.samples.violating
            if sample.rule == rule and sample.outcome is Outcome.VIOLATED
        ]


def _finding(agent: str, policy_set: str, rule: str, *, found: _Broken, scene: Scene) -> Finding:
    newest_first = sorted(found.samples, key=lambda sample: (-sample.at, sample.span_id))
    last_s = max([found.last_s, *(sample.at for sample in newest_first[:1])])
    return Finding(
        code="POLICY_VIOLATION",
        subject=scene.subject(agent, policy_set, rule),
        words={"agent": agent or "the agent", "rule": rule, "node": scene.node},
        severity="critical" if found.severity is Severity.CRITICAL else "warning",
        value=found.count,
        threshold=0,
        probability=1.0,
        since=written_unix(found.first_s),
        last_seen=written_unix(min(last_s, scene.as_of.timestamp())),
        evidence=tuple(map(_ref, newest_first[:MAX_REFS])),
    )


def _ref(sample: Sample) -> EvidenceRef:
    return EvidenceRef(
        kind="span",
        ref=f"{sample.trace_id}/{sample.span_id}",
        digest=digest_of(canonical_bytes(sample.to_json())),
    )
