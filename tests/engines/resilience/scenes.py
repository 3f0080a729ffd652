"""A small node to read: one hour of evidence, times counted from noon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.body import Body
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.engines.evidence.row import EvidenceRow, RowKey
from mythos.engines.evidence.sample import Sample, Samples
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary
from mythos.engines.resilience.facts import NodeFacts
from mythos.engines.resilience.presence import Presence
from mythos.engines.resilience.reading import read_node
from mythos.values.evidence import RowKind
from mythos.values.outcome import Outcome, Severity
from mythos.values.reading import Component, Flag, Reading

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())
ONE = NOON + timedelta(hours=1)
SET = "sha256:" + "5" * 64
FLOW = "sha256:" + "7" * 64
OBSERVED = NodeFacts(
    presence=Presence(kind="telemetry"), names={SET: "payments-guard", FLOW: "pay-invoice"}
)


def row(
    kind: RowKind,
    body: Body,
    *,
    subject: str = "",
    agent: str = "",
    cell: int = NOON_S,
    width_s: int = 60,
) -> EvidenceRow:
    key = RowKey("eu-pay-07", "prod-eu", "", agent, kind, subject, cell, width_s)
    return EvidenceRow(key, body)


def hour(*, cell: int = NOON_S, **bits: int) -> EvidenceRow:
    return row("time", TimeBody(60, **bits), cell=cell, width_s=3_600)


def calls(n: int, x: int, *, tool: str = "send_money") -> EvidenceRow:
    return row("action", ActionBody(n, x), subject=tool, agent="name:payments")


def ruled(
    counts: OutcomeCounts, *, severity: Severity = Severity.WARNING, cell: int = NOON_S
) -> EvidenceRow:
    body = PolicyBody({"recipient_origin": counts}, {"recipient_origin": severity}, RunCounts(1))
    return row("policy", body, subject=SET, agent="name:payments", cell=cell)


def audit(**found: int | bool | dict[str, str]) -> EvidenceRow:
    body = MemoryBody(**({"size": 9, "audited_at": NOON_S} | found))  # type: ignore[arg-type]
    return row("memory", body, subject="mythos/eu-pay-07/payments")


def aligned(
    runs: int, fitting: int, *, cost: int = 0, worst: int = 100, hours_ago: int = 0, **skipped: int
) -> EvidenceRow:
    summary = WorkflowSummary(
        runs=runs,
        fitting=fitting,
        cost_sum=cost,
        denom_sum=worst,
        dev_runs={f"skip:{label}": n for label, n in skipped.items()},
    )
    trace = Sample("root", "t9", "", "payments", NOON_S, Outcome.VIOLATED, "pay-invoice")
    body = WorkflowBody(summary, Samples.of([trace] if fitting < runs else []))
    cell = NOON_S - hours_ago * 3_600
    return row("workflow", body, subject=FLOW, agent="name:payments", cell=cell)


def read(
    *rows: EvidenceRow,
    facts: NodeFacts = OBSERVED,
    as_of: datetime = ONE,
    window_s: int = 28 * 86_400,
    previous_flags: tuple[Flag, ...] = (),
) -> Reading:
    return read_node(
        rows,
        node="eu-pay-07",
        environment="prod-eu",
        as_of=as_of,
        window_s=window_s,
        facts=facts,
        previous_flags=previous_flags,
    )


def part(reading: Reading, name: str) -> Component:
    return next(one for one in reading.components if one.name == name)


def codes(reading: Reading) -> list[str]:
    return [flag.code for flag in reading.flags if flag.state != "resolved"]
