"""Samples of a judged run: what a person must see to believe a count.

Law: which actions are kept depends on their span ids alone (`evidence.sample`), and the work is
linear in the run, however many calls a hostile agent packs into one. Arguments and names are the
agent's words, so their size is bounded here.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest
from itertools import islice

from pydantic import JsonValue

from mythos.engines.conformance.alignment import Move
from mythos.engines.evidence.plain import plain, plain_text
from mythos.engines.evidence.sample import MAX_STEPS, N_CLEAN, N_VIOLATING, Sample, Samples, Step
from mythos.engines.judge.judgement import Conformance, Judgement
from mythos.engines.judge.naming import MAX_LABEL, MAX_SUBJECT, short
from mythos.engines.judge.redaction import MASK, redacted, redacted_text
from mythos.values.digest import canonical_bytes
from mythos.values.event import Event, Json, Kind, Run
from mythos.values.outcome import Outcome, Ruling, Severity

_NS = 1_000_000_000
TEXT_LIMIT = 200
MAX_ARGUMENT_BYTES = 4_096
MAX_CUT_ARGUMENTS = 20

_DENIED = frozenset({Outcome.VIOLATED, Outcome.BLOCKED})


@dataclass(frozen=True)
class Sampler:
    """Samples of one judgement. Made once a run: it indexes the run's events."""

    judgement: Judgement

    @cached_property
    def _events(self) -> Mapping[str, Event]:
        return {event.span_id: event for event in self.judgement.run.events}

    @cached_property
    def _told(self) -> list[Event]:
        return [e for e in self.judgement.run.events if e.kind is Kind.TOOL_CALL or e.user_texts]

    @cached_property
    def _starts(self) -> list[int]:
        return [event.start_ns for event in self._told]

    def of(self, rulings: Iterable[Ruling]) -> Samples:
        """The rulings that a row of these would keep, each with the steps that led to it."""
        listed = list(rulings)
        denied = [one for one in listed if one.outcome in _DENIED]
        others = [one for one in listed if one.outcome not in _DENIED]
        kept = (
            *nsmallest(N_VIOLATING, denied, key=_priority),
            *nsmallest(N_CLEAN, others, key=_priority),
        )
        return Samples.of(map(self._sample, kept))

    def _sample(self, ruling: Ruling) -> Sample:
        run = self.judgement.run
        before = bisect_right(self._starts, ruling.start_ns)
        return Sample(
            span_id=ruling.span_id,
            trace_id=run.trace_id,
            tool=short(ruling.tool, MAX_SUBJECT),
            agent=short(ruling.agent, MAX_SUBJECT),
            at=ruling.start_ns // _NS,
            outcome=ruling.outcome,
            rule=ruling.rule,
            rules=ruling.rules,
            severity=ruling.severity,
            arguments=shown(self._arguments(ruling)),
            missing=ruling.missing,
            why=_shown_why(ruling.why, self._arguments(ruling)),
            steps=tuple(
                step_of(run, one) for one in self._told[max(before - MAX_STEPS, 0) : before]
            ),
        )

    def _arguments(self, ruling: Ruling) -> Mapping[str, Json] | None:
        if ruling.span_id in self.judgement.asked:
            return self.judgement.asked[ruling.span_id]
        event = self._events.get(ruling.span_id)
        return None if event is None else event.arguments


def _priority(ruling: Ruling) -> bytes:
    return hashlib.sha256(ruling.span_id.encode()).digest()


def _shown_why(why: str, arguments: Mapping[str, Json] | None) -> str:
    """A reason, which may quote arguments, as a sample may show it."""
    for name, value in redacted(arguments or {}).items():
        if value == MASK and isinstance(secret := (arguments or {})[name], str) and secret:
            why = why.replace(secret[:TEXT_LIMIT], MASK)
    return plain_text(redacted_text(why))


def shown(arguments: Mapping[str, Json] | None) -> Mapping[str, JsonValue] | None:
    """Arguments as a sample keeps them: redacted, whole up to 4 KiB, else the beginning of each."""
    if arguments is None:
        return None
    arguments = redacted(arguments)
    whole = plain(arguments)
    if isinstance(whole, dict) and len(canonical_bytes(whole)) <= MAX_ARGUMENT_BYTES:
        return whole
    first = islice(arguments.items(), MAX_CUT_ARGUMENTS)
    return {short(plain_text(name), 100): _beginning(value) for name, value in first}


def _beginning(value: Json) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= TEXT_LIMIT else plain_text(value[:TEXT_LIMIT]) + "…"
    size = len(canonical_bytes(plain(value)))
    return plain(value) if size <= TEXT_LIMIT else f"… ({size} bytes of JSON)"


def step_of(run: Run, event: Event) -> Step:
    """A short form of an event, in milliseconds after the run began."""
    text = redacted_text(event.user_texts[0])[:TEXT_LIMIT] if event.user_texts else None
    return Step(
        span_id=event.span_id,
        name=short(event.tool or event.name, MAX_LABEL),
        kind=event.kind.value,
        at_ms=(event.start_ns - run.root.start_ns) // 1_000_000,
        failed=event.failed,
        text=text,
    )


def alignment_sample(run: Run, found: Conformance) -> Sample:
    """A run's alignment as a sample: one step a move, kind match, skip or extra.

    A move that a span made carries its id, its time, and as text what the span calls itself.
    """
    alignment = found.alignment
    return Sample(
        span_id=run.root.span_id,
        trace_id=run.trace_id,
        tool="",
        agent=short(run.agent, MAX_SUBJECT),
        at=run.ended_ns // _NS,
        outcome=Outcome.VIOLATED if alignment.cost else Outcome.UPHELD,
        rule=found.workflow.document.name,
        severity=Severity.WARNING,
        why=f"cost {alignment.cost}, fitness {alignment.fitness:.3f}",
        steps=tuple(_move(run, found, move) for move in alignment.moves[:MAX_STEPS]),
    )


def _move(run: Run, found: Conformance, move: Move) -> Step:
    if move.position is None:
        return Step(span_id="", name=move.label, kind=move.kind, at_ms=0)
    made = found.steps[move.position]
    return Step(
        span_id=made.event.span_id,
        name=move.label,
        kind=move.kind,
        at_ms=(made.event.start_ns - run.root.start_ns) // 1_000_000,
        failed=made.failed,
        text=made.step.name if made.step.name != move.label else None,
    )


def stray_sample(run: Run, named: str) -> Sample:
    """A run that names a workflow nobody knows here; the name stands as the rule."""
    return Sample(
        span_id=run.root.span_id,
        trace_id=run.trace_id,
        tool="",
        agent=short(run.agent, MAX_SUBJECT),
        at=run.ended_ns // _NS,
        outcome=Outcome.UNDECIDABLE,
        rule=short(named, MAX_LABEL),
        severity=Severity.INFO,
        why="the run names a workflow that is not known here",
    )
