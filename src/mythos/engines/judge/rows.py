"""Evidence rows of a judged run: what is counted where.

Outcomes and actions go to the cell in which the action started; run counts and the workflow row to
the cell in which the run ended. A blocked attempt makes no cell active: only what was executed
does. Shadow sets give rows of their own kind, and nothing else of theirs is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mythos.engines.conformance.summary import summarise
from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.engines.evidence.row import EvidenceRow, RowKey, merge
from mythos.engines.evidence.sample import Samples
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import HOUR_S, bit_at, cell_of
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary
from mythos.engines.judge.judgement import Judgement
from mythos.engines.judge.naming import MAX_SUBJECT, short
from mythos.engines.judge.samples import Sampler, alignment_sample, stray_sample
from mythos.values.event import Kind
from mythos.values.evidence import RowKind
from mythos.values.outcome import Outcome, Ruling

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where evidence is from, and how time is cut there."""

    node: str
    environment: str
    bundle: str
    cell_s: int

    def key(self, kind: RowKind, *, agent: str, subject: str, at_ns: int) -> RowKey:
        """The key of a row in the cell that holds `at_ns`."""
        cell = cell_of(at_ns // NS, self.cell_s)
        return RowKey(
            self.node, self.environment, self.bundle, agent, kind, subject, cell, self.cell_s
        )

    def hour(self, at_ns: int) -> RowKey:
        """The key of the time row of the hour that holds `at_ns`."""
        cell = cell_of(at_ns // NS, HOUR_S)
        return RowKey(self.node, self.environment, self.bundle, "", "time", "", cell, HOUR_S)


def rows_of(
    judgement: Judgement, place: Place, *, agent_ref: Callable[[str], str]
) -> list[EvidenceRow]:
    """Everything one judged run adds to the evidence.

    Args:
        judgement: of a closed run.
        place: node, environment, bundle in force and cell width.
        agent_ref: agent name -> digest or `name:<name>` (`Rulebook.agent_ref`).

    Returns:
        Merged rows, sorted by key.
    """
    facts = _Facts(judgement, place, agent_ref, Sampler(judgement))
    return merge(
        (
            *facts.policy("policy", judgement.rulings),
            *facts.policy("shadow", judgement.shadow),
            *facts.actions(),
            *facts.time(),
            *facts.workflow(),
        )
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    judgement: Judgement
    place: Place
    agent_ref: Callable[[str], str]
    sampler: Sampler

    def policy(self, kind: RowKind, rulings: Sequence[Ruling]) -> Iterator[EvidenceRow]:
        """Outcome counts and samples by action, run counts by (agent, set)."""
        outcomes: defaultdict[tuple[str, str], set[Outcome]] = defaultdict(set)
        cells: defaultdict[RowKey, list[Ruling]] = defaultdict(list)
        for ruling in rulings:
            ref = self.agent_ref(ruling.agent)
            outcomes[ref, ruling.digest].add(ruling.outcome)
            key = self.place.key(kind, agent=ref, subject=ruling.digest, at_ns=ruling.start_ns)
            cells[key].append(ruling)
        for key, group in cells.items():
            yield EvidenceRow(key, _body_of(group, self.sampler.of(group)))
        if self.judgement.observed:
            yield from self._runs(kind, outcomes)

    def _runs(
        self, kind: RowKind, outcomes: Mapping[tuple[str, str], set[Outcome]]
    ) -> Iterator[EvidenceRow]:
        ended_ns = self.judgement.run.ended_ns
        for (ref, digest), seen in outcomes.items():
            key = self.place.key(kind, agent=ref, subject=digest, at_ns=ended_ns)
            yield EvidenceRow(key, PolicyBody(runs=_run_count(seen)))

    def actions(self) -> Iterator[EvidenceRow]:
        """One count for each governed action, `x` where any set in force denied it."""
        denied: dict[tuple[str, str, str, int], bool] = {}
        for ruling in self.judgement.rulings:
            action = (ruling.span_id, self.agent_ref(ruling.agent), ruling.tool, ruling.start_ns)
            broken = ruling.outcome in (Outcome.VIOLATED, Outcome.BLOCKED)
            denied[action] = denied.get(action, False) or broken
        for (_, ref, tool, start_ns), broken in denied.items():
            subject = short(tool, MAX_SUBJECT)
            key = self.place.key("action", agent=ref, subject=subject, at_ns=start_ns)
            yield EvidenceRow(key, ActionBody(n=1, x=int(broken)))

    def time(self) -> Iterator[EvidenceRow]:
        """Which cells were active, bad, undecidable."""
        cell_s = self.place.cell_s
        for ruling in self.judgement.rulings:
            if ruling.outcome is Outcome.BLOCKED:
                continue
            bit = bit_at(ruling.start_ns // NS, cell_s)
            yield EvidenceRow(
                self.place.hour(ruling.start_ns),
                TimeBody(
                    cell_s=cell_s,
                    active=bit,
                    bad=bit if ruling.outcome is Outcome.VIOLATED else 0,
                    unknown=bit if ruling.outcome is Outcome.UNDECIDABLE else 0,
                ),
            )

    def workflow(self) -> Iterator[EvidenceRow]:
        """The outermost agent's workflow row; its subject is empty where the workflow is unknown.

        One row holds all unknown names: a sender that invents one a run must not swell evidence.
        """
        found, run = self.judgement.conformance, self.judgement.run
        if self.judgement.stray:
            agent = self.agent_ref(run.agent)
            key = self.place.key("workflow", agent=agent, subject="", at_ns=run.ended_ns)
            samples = Samples.of([stray_sample(run, self.judgement.stray)])
            yield EvidenceRow(key, WorkflowBody(WorkflowSummary(runs=1, inexact=1), samples))
        if found is None:
            return
        models = [event for event in run.events if event.kind is Kind.MODEL_CALL]
        summary = summarise(
            found.alignment,
            found.labels,
            started_s=run.root.start_ns / NS,
            ended_s=run.ended_ns / NS,
            tokens_in=sum(event.tokens_in for event in models),
            tokens_out=sum(event.tokens_out for event in models),
        )
        key = self.place.key(
            "workflow",
            agent=self.agent_ref(run.agent),
            subject=found.workflow.digest,
            at_ns=run.ended_ns,
        )
        yield EvidenceRow(
            key, WorkflowBody(summary=summary, samples=Samples.of([alignment_sample(run, found)]))
        )


def _run_count(seen: Iterable[Outcome]) -> RunCounts:
    """A run counts once under a set: violated first, then undecidable, else clean."""
    if Outcome.VIOLATED in seen:
        return RunCounts(violated=1)
    if Outcome.UNDECIDABLE in seen:
        return RunCounts(undecidable=1)
    return RunCounts(clean=1)


def _body_of(rulings: Iterable[Ruling], samples: Samples) -> PolicyBody:
    """The counts of rulings that share a row."""
    bodies = (
        PolicyBody(
            rules={one.rule: OutcomeCounts(**{one.outcome.value: 1})},
            severities={one.rule: one.severity},
        )
        for one in rulings
    )
    return sum(bodies, start=PolicyBody(samples=samples))
