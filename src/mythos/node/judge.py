"""The node's judge: spans in, durable before the reply; closed runs out, as evidence rows.

All of a node's judging happens under one lock: the HTTP threads add spans and ask for decisions,
the main loop closes runs. A decision looks at what was committed before it; missing facts deny.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from mythos.engines.evidence.row import EvidenceRow, to_wire
from mythos.engines.evidence.time import TimeBody
from mythos.engines.judge.judgement import Judgement, judge_run
from mythos.engines.judge.rows import NS, Place, rows_of
from mythos.engines.policy.blocked import DeniedAttempt
from mythos.engines.telemetry.json_reader import decode_json
from mythos.engines.telemetry.json_writer import encode_json
from mythos.engines.telemetry.open_runs import HORIZON_NS, OpenRuns
from mythos.engines.telemetry.otlp import decode_protobuf
from mythos.errors import TelemetryError, UnavailableError
from mythos.node.decision import answer, attempt_of_json, attempt_to_json, read_question
from mythos.node.duty import Duty
from mythos.node.store import NodeStore
from mythos.values.enrolment import Acceptance
from mythos.values.event import Event, Kind, Run, Span

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class Judge:
    """Open runs, the duty they are judged by, and the store behind both."""

    def __init__(
        self, store: NodeStore, acceptance: Acceptance, duty: Duty, *, keep: Path | None = None
    ) -> None:
        """Resume where the store left off.

        Args:
            store: the node's durable state.
            acceptance: who the node is and how time is cut.
            duty: what to judge by.
            keep: also append every request received to this OTLP/JSON lines file.
        """
        self._store = store
        self._acceptance = acceptance
        self._duty = duty
        self._keep = keep
        self._lock = threading.RLock()
        self._open = _resumed(store)
        self.spans_received = 0
        self.runs_judged = 0

    @property
    def n_open(self) -> int:
        """How many traces are still open."""
        return self._open.n_open

    def change_duty(self, duty: Duty) -> None:
        """Judge what closes from now on by another bundle."""
        with self._lock:
            self._duty = duty

    def receive(self, body: bytes, content_type: str) -> None:
        """Take one export request in; its spans are committed when this returns.

        Raises:
            TelemetryError: it cannot be read.
            UnavailableError: it cannot be kept.
        """
        spans = decode(body, content_type)
        now_ns = time.time_ns()
        with self._lock:
            late_before = self._open.late
            admission = self._open.add(spans, now_ns=now_ns)
            late = self._open.late - late_before
            try:
                self._store.add_spans(
                    [(one.trace_id, one.span_id, encode_json([one])) for one in admission.stored],
                    rows=[_wire(self._count(len(spans), late, now_ns))],
                )
            except UnavailableError:
                # What is held must never be more than what is kept: a retry has to be stored.
                self._open = _resumed(self._store)
                raise
            self.spans_received += len(spans)
            if self._keep is not None:
                with self._keep.open("ab") as file:
                    file.write(encode_json(spans) + b"\n")

    def decide(self, body: bytes) -> dict[str, JsonValue]:
        """Answer one question; a denial is kept until its run is judged.

        Raises:
            UsageError: the body is no question.
        """
        question = read_question(body)
        with self._lock:
            spans = [
                span for line in self._store.spans(question.trace_id) for span in decode_json(line)
            ]
            ruled = answer(question, self._duty.rulebook, spans, now_ns=time.time_ns())
            if ruled.attempt is not None:
                self._store.add_attempt(
                    question.trace_id, ruled.attempt.at_ns, attempt_to_json(ruled.attempt)
                )
        return ruled.answer

    def close_due(self, *, now_ns: int, everything: bool = False) -> list[Judgement]:
        """Judge every run whose time has come, and store its evidence."""
        with self._lock:
            before = set(self._open.closed)
            grace_ns = 0 if everything else self._acceptance.close_grace_s * NS
            runs = self._open.due(
                now_ns,
                close_grace_ns=grace_ns,
                run_timeout_ns=0 if everything else self._acceptance.run_timeout_s * NS,
            )
            lonely = self._lonely(now_ns, everything=everything)
            closed = sorted({*self._open.closed} - before | lonely)
            judged = self._judge(runs, closed, now_ns=now_ns)
            self._store.forget_closed(before_ns=now_ns - HORIZON_NS)
        self.runs_judged += len(judged)
        return judged

    def _judge(self, runs: Sequence[Run], closed: Sequence[str], *, now_ns: int) -> list[Judgement]:
        """Judge runs trace by trace; each trace is closed in one transaction."""
        by_trace: defaultdict[str, list[Run]] = defaultdict(list)
        for run in runs:
            by_trace[run.trace_id].append(run)
        attempts = self._attempts()
        judged: list[Judgement] = []
        for trace_id in closed:
            tried = attempts.get(trace_id, [])
            runs_here = by_trace[trace_id] or [_run_of_attempts(trace_id, tried)]
            found = [
                judge_run(
                    run,
                    self._duty.rulebook,
                    attempts=[one for _, one in tried] if run is runs_here[0] else (),
                )
                for run in runs_here
            ]
            self._store.close_trace(
                trace_id,
                attempts=[key for key, _ in tried],
                rows=[_wire(row) for one in found for row in self.rows(one)],
                at_ns=now_ns,
            )
            judged += found
        return judged

    def rows(self, judgement: Judgement) -> list[EvidenceRow]:
        """The evidence of one judged run, as this node sends it."""
        return rows_of(judgement, self.place, agent_ref=self._duty.rulebook.agent_ref)

    @property
    def place(self) -> Place:
        """Where this node's evidence is from."""
        who = self._acceptance
        return Place(who.node, who.environment, self._duty.digest, who.cell_s)

    def _lonely(self, now_ns: int, *, everything: bool) -> set[str]:
        """Traces of which only denied attempts were ever seen, once they have timed out."""
        before_ns = now_ns if everything else now_ns - self._acceptance.run_timeout_s * NS
        attempts = self._store.attempts()
        held = self._store.open_traces() if attempts else frozenset()
        return {
            trace_id
            for _, trace_id, at_ns, _ in attempts
            if at_ns <= before_ns and trace_id not in held
        }

    def _attempts(self) -> dict[str, list[tuple[int, DeniedAttempt]]]:
        found: defaultdict[str, list[tuple[int, DeniedAttempt]]] = defaultdict(list)
        for key, trace_id, _, body in self._store.attempts():
            found[trace_id].append((key, attempt_of_json(body)))
        return found

    def _count(self, received: int, late: int, now_ns: int) -> EvidenceRow:
        """What the time row of this hour learns from one export request."""
        return EvidenceRow(
            self.place.hour(now_ns),
            TimeBody(
                cell_s=self._acceptance.cell_s,
                spans_emitted=received,
                spans_received=received,
                spans_late=late,
            ),
        )


def _resumed(store: NodeStore) -> OpenRuns:
    held = [span for line in store.spans() for span in decode_json(line)]
    return OpenRuns(held, store.closed_ids())


def _run_of_attempts(trace_id: str, tried: Sequence[tuple[int, DeniedAttempt]]) -> Run:
    """A run of which nothing was executed: its first attempt stands for its root."""
    first = min((attempt for _, attempt in tried), key=lambda one: one.at_ns)
    root = Event(
        trace_id=trace_id,
        span_id=trace_id,
        parent_id="",
        kind=Kind.OTHER,
        name="denied attempts",
        start_ns=first.at_ns,
        end_ns=first.at_ns,
        agent=first.agent,
    )
    return Run(trace_id, root, (root,), first.at_ns, timed_out=True)


def decode(body: bytes, content_type: str) -> list[Span]:
    """Spans of one export request.

    Raises:
        TelemetryError: another content type, or a body that cannot be read.
    """
    if content_type == PROTOBUF:
        return decode_protobuf(body)
    if content_type == JSON:
        return decode_json(body)
    raise TelemetryError(
        f"content type {content_type or 'none'} is not OTLP",
        remedy=f"export as {PROTOBUF} or {JSON} (OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf)",
    )


def _wire(row: EvidenceRow) -> str:
    return to_wire(row).model_dump_json()
