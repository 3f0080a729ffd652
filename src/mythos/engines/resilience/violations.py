"""Violations: a rule of a set in force denied a call, and the call was seen all the same.

One finding an agent, policy set and rule. It was seen, so its probability is 1. It was last seen
at the newest sample or the start of the last cell that counts one, whichever is later: rolling
rows up can only move that back, so it never fires again what an operator resolved. Rows of shadow
sets are left out before.

Calls that a benign mark covers are set apart: while any call is left, the finding is about those
left; when none is, it is about them all and says who marked them. Only kept samples can be told
apart, so a call that was counted but not kept is never covered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from mythos.engines.evidence.policy import PolicyBody, louder
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import Sample
from mythos.engines.resilience.benign import BenignMark, covering
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.finding import MAX_REFS, Finding, Scene
from mythos.engines.resilience.moment import written_unix
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.outcome import Outcome, Severity
from mythos.values.reading import EvidenceRef

_Key: TypeAlias = tuple[str, str, str]  # agent, policy set, rule


@dataclass(slots=True)
class _Broken:
    """One rule's violations over the rows seen so far."""

    first_s: float
    last_s: float
    count: int = 0
    severity: Severity = Severity.INFO
    samples: list[Sample] = field(default_factory=list)
    marks: dict[str, BenignMark] = field(default_factory=dict)

    def take(self, count: int, samples: Iterable[Sample], *, cell: float, loud: Severity) -> None:
        """Add the violations of one row."""
        self.first_s, self.last_s = min(self.first_s, cell), max(self.last_s, cell)
        self.count += count
        self.severity = louder(self.severity, loud)
        self.samples += samples


@dataclass(slots=True)
class _Seen:
    """What was seen by agent, policy set and rule: calls left, and calls that marks cover."""

    left: dict[_Key, _Broken] = field(default_factory=dict)
    covered: dict[_Key, _Broken] = field(default_factory=dict)

    def findings(self) -> Iterator[tuple[_Key, _Broken]]:
        """One a key, in order: about what is left, else about what is covered."""
        for key in sorted({*self.left, *self.covered}):
            yield key, self.left.get(key) or self.covered[key]


def violations(rows: Iterable[EvidenceRow], *, facts: NodeFacts, scene: Scene) -> Iterator[Finding]:
    """Find every rule that was violated in these `policy` rows."""
    seen = _Seen()
    for row in rows:
        if isinstance(row.body, PolicyBody):
            _collect(seen, row, row.body, facts=facts)
    for (agent, policy_set, rule), found in seen.findings():
        yield _finding(agent, policy_set, rule, found=found, scene=scene)


def _collect(seen: _Seen, row: EvidenceRow, body: PolicyBody, *, facts: NodeFacts) -> None:
    cell, subject = row.key.cell, row.key.subject
    agent, policy_set = facts.name_of(row.key.agent), facts.name_of(subject)
    for rule, counts in body.rules.items():
        if not counts.violated:
            continue
        key, loud = (agent, policy_set, rule), body.severity(rule)
        covered, left = _divided(body, rule, subject=subject, facts=facts)
        if counts.violated > len(covered):
            broken = seen.left.setdefault(key, _Broken(cell, cell))
            broken.take(counts.violated - len(covered), left, cell=cell, loud=loud)
        if covered:
            broken = seen.covered.setdefault(key, _Broken(cell, cell))
            broken.take(len(covered), [each for each, _ in covered], cell=cell, loud=loud)
            broken.marks.update({mark.id: mark for _, mark in covered})


def _divided(
    body: PolicyBody, rule: str, *, subject: str, facts: NodeFacts
) -> tuple[list[tuple[Sample, BenignMark]], list[Sample]]:
    """Kept violations of a rule: those that marks cover, each with its mark, and the others."""
    covered, left = [], []
    for sample in body.samples.violating:
        if sample.rule == rule and sample.outcome is Outcome.VIOLATED:
            mark = covering(facts.benign, sample, policy_set=subject)
            if mark is None:
                left.append(sample)
            else:
                covered.append((sample, mark))
    return covered, left


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
        benign=tuple(mark.note() for _, mark in sorted(found.marks.items())),
    )


def _ref(sample: Sample) -> EvidenceRef:
    return EvidenceRef(
        kind="span",
        ref=f"{sample.trace_id}/{sample.span_id}",
        digest=digest_of(canonical_bytes(sample.to_json())),
    )
