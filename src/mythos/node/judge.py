"""The node's judge: spans in, durable before the reply; closed runs out, as evidence rows.

All of a node's judging happens under one lock: the HTTP threads add spans and ask for decisions,
the main loop closes runs. A decision looks at what was committed before it; missing facts deny.
A trace is the agent's word: one that breaks the judging counts as undecidable, never as a pass.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

from mythos.engines.evidence.row import EvidenceRow, to_wire
from mythos.engines.evidence.time import TimeBody
from mythos.engines.judge.grants import Grants
from mythos.engines.judge.judgement import (
    Judgement,
    committed,
    judge_attempts,
    judge_run,
    undecided,
)
from mythos.engines.judge.open_run import KeptRuns
from mythos.engines.judge.recollection import Recollection
from mythos.engines.judge.rows import NS, Place, rows_of
from mythos.engines.policy.blocked import DeniedAttempt, obeyed
from mythos.engines.policy.facts.plan import LAG_NS, RETENTION_S
from mythos.engines.telemetry.json_reader import decode_json
from mythos.engines.telemetry.json_writer import encode_json
from mythos.engines.telemetry.open_runs import HORIZON_NS, OpenRuns
from mythos.engines.telemetry.otlp import decode_protobuf
from mythos.errors import TelemetryError, UnavailableError
from mythos.node.decision import answer, attempt_of_json, attempt_to_json, read_question
from mythos.node.duty import Duty
from mythos.node.store import NodeStore
from mythos.values.enrolment import Acceptance
from mythos.values.event import Run, Span

FORGET_EVERY_NS = 3_600 * NS
PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_log = logging.getLogger(__name__)
_Tried = tuple[int, DeniedAttempt]


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
        self._recollection = _recalled(store, duty)
        self._grants = Grants()
        self._kept = KeptRuns()
        self._lock = threading.RLock()
        self._open = _resumed(store)
        self._in_doubt = False
        self._forgot_ns = 0
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
            self._recollection = _recalled(self._store, duty)
            self._kept = KeptRuns()

    def receive(self, body: bytes, content_type: str) -> list[Span]:
        """Take one export request in; its spans are committed when this returns.

        Returns:
            The spans.

        Raises:
            TelemetryError: it cannot be read.
            UnavailableError: it cannot be kept.
        """
        spans = decode(body, content_type)
        now_ns = time.time_ns()
        with self._lock:
            self._settle_doubt()
            admission = self._open.add(spans, now_ns=now_ns)
            try:
                self._store.add_spans(
                    [(one.trace_id, one.span_id, encode_json([one])) for one in admission.stored],
                    rows=[_wire(self._count(len(spans), admission.late, now_ns))],
                )
            except UnavailableError:
                self._in_doubt = True
                raise
            self.spans_received += len(spans)
            if self._keep is not None:
                with self._keep.open("ab") as file:
                    file.write(encode_json(spans) + b"\n")
        return spans

    def decide(self, body: bytes) -> dict[str, JsonValue]:
        """Answer one question; a denial is kept until its run is judged.

        Raises:
            UsageError: the body is no question.
        """
        question = read_question(body)
        with self._lock:
            self._settle_doubt()
            ruled = answer(
                question,
                self._duty.rulebook,
                self._open.spans_of(question.trace_id),
                now_ns=time.time_ns(),
                newest_ns=self._open.newest_ns(question.trace_id),
                granted=self._grants.of(question.trace_id),
                recollection=self._recollection,
                kept=self._kept,
            )
            if ruled.granted is not None:
                self._grants.add(question.trace_id, ruled.granted)
            if ruled.attempt is not None:
                self._store.add_attempt(
                    question.trace_id, ruled.attempt.at_ns, attempt_to_json(ruled.attempt)
                )
        return ruled.answer

    def close_due(self, *, now_ns: int, everything: bool = False) -> list[Judgement]:
        """Judge every run whose time has come, and store its evidence.

        Raises:
            UnavailableError: it cannot be stored; nothing is lost, the next call tries again.
        """
        who = self._acceptance
        timeout_ns = 0 if everything else who.run_timeout_s * NS
        with self._lock:
            self._settle_doubt()
            try:
                runs = self._open.due(
                    now_ns,
                    close_grace_ns=0 if everything else who.close_grace_s * NS,
                    run_timeout_ns=timeout_ns,
                )
                judged = self._judge(runs, self._open.just_closed, now_ns=now_ns)
                judged += self._judge_lonely(before_ns=now_ns - timeout_ns)
                self._grants.forget(self._open.just_closed, before_ns=now_ns - timeout_ns)
                self._kept.forget(self._open.just_closed)
                self._forget(now_ns)
            except UnavailableError:
                self._in_doubt = True
                raise
        self.runs_judged += sum(one.observed for one in judged)
        return judged

    def _settle_doubt(self) -> None:
        """After a failed write, hold again exactly what is kept: a retry has to be stored."""
        if self._in_doubt:
            self._open = _resumed(self._store)
            self._recollection = _recalled(self._store, self._duty)
            self._kept = KeptRuns()
            self._in_doubt = False

    def _judge(self, runs: Sequence[Run], closed: Sequence[str], *, now_ns: int) -> list[Judgement]:
        """Judge runs trace by trace; each trace is closed in one transaction."""
        if not closed:
            return []
        by_trace: defaultdict[str, list[Run]] = defaultdict(list)
        for run in runs:
            by_trace[run.trace_id].append(run)
        attempts = self._attempts()
        judged: list[Judgement] = []
        for trace_id in closed:
            tried = attempts.get(trace_id, [])
            found, rows = self._judge_trace(trace_id, by_trace[trace_id], tried)
            lines = [committed(one, self._recollection, now_ns=now_ns) for one in found]
            self._store.close_trace(
                trace_id,
                attempts=[key for key, _ in tried],
                rows=rows,
                at_ns=now_ns,
                memories=[line for line in lines if line],
            )
            judged += found
        return judged

    def _judge_trace(
        self, trace_id: str, runs: Sequence[Run], tried: Sequence[_Tried]
    ) -> tuple[list[Judgement], list[str]]:
        """The runs of one trace, and what its denials came to: made in none of them, blocked."""
        left = [attempt for _, attempt in tried]
        for run in runs:
            left = obeyed(run, left)
        found: list[Judgement] = []
        rows: list[str] = []
        for run in runs:
            mine = [one for one in left if _belongs(one, run, runs)]
            judgement, told = self._judge_one(run, mine)
            found.append(judgement)
            rows += told
        if left and not runs:
            found.append(judge_attempts(trace_id, left))
            rows += [_wire(row) for row in self.rows(found[-1])]
        return found, rows

    def _judge_one(
        self, run: Run, attempts: Sequence[DeniedAttempt]
    ) -> tuple[Judgement, list[str]]:
        try:
            judgement = judge_run(
                run, self._duty.rulebook, attempts=attempts, recollection=self._recollection
            )
            return judgement, [_wire(row) for row in self.rows(judgement)]
        except Exception as error:  # noqa: BLE001 - the edge: a trace is the agent's word
            _log.exception("run %s of trace %s", run.root.span_id, run.trace_id)
            judgement = undecided(run, self._duty.rulebook, why=f"cannot be judged: {error!r}")
            return judgement, [_wire(row) for row in self.rows(judgement)]

    def _judge_lonely(self, *, before_ns: int) -> list[Judgement]:
        """Denials of which no span came within the time-out. Their trace stays open to spans."""
        lonely = self._store.lonely(before_ns=before_ns)
        attempts = self._attempts() if lonely else {}
        judged = []
        for trace_id in lonely:
            tried = attempts[trace_id]
            judged.append(judge_attempts(trace_id, [attempt for _, attempt in tried]))
            rows = [_wire(row) for row in self.rows(judged[-1])]
            self._store.settle_attempts([key for key, _ in tried], rows=rows)
        return judged

    def _forget(self, now_ns: int) -> None:
        if now_ns - self._forgot_ns >= FORGET_EVERY_NS:
            self._store.forget_closed(before_ns=now_ns - HORIZON_NS)
            self._store.forget_memories(before_ns=now_ns - RETENTION_S * NS - LAG_NS)
            self._forgot_ns = now_ns

    def rows(self, judgement: Judgement) -> list[EvidenceRow]:
        """The evidence of one judged run, as this node sends it."""
        return rows_of(judgement, self.place, agent_ref=self._duty.rulebook.agent_ref)

    @property
    def place(self) -> Place:
        """Where this node's evidence is from."""
        who = self._acceptance
        return Place(who.node, who.environment, self._duty.digest, who.cell_s)

    def _attempts(self) -> dict[str, list[_Tried]]:
        found: defaultdict[str, list[_Tried]] = defaultdict(list)
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


def _recalled(store: NodeStore, duty: Duty) -> Recollection:
    """What earlier runs left, as far as the rules of this duty read it."""
    recollection = Recollection(duty.rulebook)
    for line in store.memories():
        recollection.restore(line)
    return recollection


def _resumed(store: NodeStore) -> OpenRuns:
    held = [span for line in store.spans() for span in decode_json(line)]
    return OpenRuns(held, store.closed_ids())


def _belongs(attempt: DeniedAttempt, run: Run, runs: Sequence[Run]) -> bool:
    """Whether an obeyed denial counts in this run of its trace: the agent's, begun before it."""
    own = [one for one in runs if any(event.agent == attempt.agent for event in one.events)]
    began = [one for one in own if one.root.start_ns <= attempt.at_ns]
    return run is (began or own or list(runs))[-1]


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
