"""A small fleet as real rows: the example's bundle, environments, hosts, and their evidence.

Every row goes in the way a running fleet's does: documents from the source tree, evidence through
the merge, readings through the engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path

from django.db import transaction
from django.utils import timezone
from pydantic import JsonValue

from mythos.adapters.bundle_source import read_source
from mythos.engines.bundle.plan import BuiltBundle, assemble
from mythos.engines.conformance.summary import pair_key
from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.body import Body
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.engines.evidence.row import EvidenceRow, RowKey
from mythos.engines.evidence.sample import Sample, Samples, Step
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import HOUR_S, bit_at, cell_of, hours_touched
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary, variant_digest
from mythos.server.catalog.models import Environment, Node
from mythos.server.deployment.commands import _file
from mythos.server.deployment.models import MythOSDeploymentPacket, Rollout
from mythos.server.resilience.commands import merge_rows
from mythos.server.resilience.models import SymbolicResilienceMonitor
from mythos.server.resilience.readings import refresh
from mythos.values.evidence import RowKind
from mythos.values.memory import BadClass
from mythos.values.outcome import Outcome, Severity

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "retail-care"
CELL_S = 60
CALLS = ("find_customer_by_email", "get_order", "ask_customer", "return_order", "issue_refund")
STEPS = ("identify", "read-order", "confirm", "return")


@cache
def example_bundle() -> BuiltBundle:
    """The example's bundle, built from its source tree."""
    return assemble(read_source(EXAMPLE))


def file_example() -> MythOSDeploymentPacket:
    """The example's bundle in the catalogue."""
    return file_bundle(example_bundle())


def file_bundle(bundle: BuiltBundle) -> MythOSDeploymentPacket:
    """A bundle and its documents in the catalogue, unsigned: pages do not look at signatures."""
    return _file(bundle, by="operator", at=timezone.now())


def environment(name: str, **fields: object) -> Environment:
    """An environment that carries the example's label unless told otherwise."""
    labels = {"tier": "customer-care", "region": "eu"}
    return Environment.objects.create(name=name, **{"labels": labels, **fields})


def roll_out(packet: MythOSDeploymentPacket, environment: Environment, *, at: datetime) -> Rollout:
    """Assign a bundle as an operator would have at a moment."""
    sequence = environment.rollouts.count() + 1
    rollout = Rollout.objects.create(
        environment=environment,
        packet=packet,
        sequence=sequence,
        decided_by="operator",
        decision="evidence holds",
    )
    Rollout.objects.filter(pk=rollout.pk).update(created_at=at)
    return rollout


def enrol(
    node_id: str,
    environment: Environment,
    *,
    at: datetime,
    packet: MythOSDeploymentPacket | None = None,
    **fields: object,
) -> Node:
    """A host enrolled at a moment, which says it runs the bundle."""
    node = Node.objects.create(
        node_id=node_id,
        environment=environment,
        public_key="-",
        key_id=hashlib.sha256(node_id.encode()).hexdigest(),
        in_force=in_force(packet) if packet else {},
        **fields,
    )
    Node.objects.filter(pk=node.pk).update(enrolled_at=at)
    node.refresh_from_db()
    return node


def in_force(packet: MythOSDeploymentPacket) -> dict[str, object]:
    """What a host that runs the bundle says."""
    return {
        "bundle": packet.digest,
        "agents": {each.name: each.digest for each in packet.included_assistants.all()},
        "policy_sets": [each.digest for each in packet.bundled_codices.all()],
        "shadow_sets": [],
        "workflows": [each.digest for each in packet.ritual_archive.all()],
        "assignment_sequence": 1,
        "timestamp_version": 1,
    }


@dataclass(frozen=True)
class Host:
    """A node whose evidence is being written; it looks each digest up once."""

    node: Node
    packet: MythOSDeploymentPacket
    agent: str = "refunds"
    policy: str = "care-rules"
    workflow: str = "return-order"

    def row(self, kind: RowKind, body: Body, *, at: datetime, subject: str = "") -> EvidenceRow:
        """One row in the cell of a moment; time rows in its hour."""
        width = HOUR_S if kind == "time" else CELL_S
        key = RowKey(
            node=self.node.node_id,
            environment=self.node.environment.name,
            bundle="" if kind in {"time", "memory"} else self.packet.digest,
            agent="" if kind in {"time", "memory", "action"} else self.agent_digest,
            kind=kind,
            subject=subject,
            cell=cell_of(at.timestamp(), width),
            width_s=width,
        )
        return EvidenceRow(key, body)

    @cached_property
    def agent_digest(self) -> str:
        """Digest of the agent's document."""
        return self.packet.included_assistants.get(name=self.agent).digest

    @cached_property
    def policy_digest(self) -> str:
        """Digest of the policy set."""
        return self.packet.bundled_codices.get(title=self.policy).digest

    @cached_property
    def workflow_digest(self) -> str:
        """Digest of the workflow."""
        return self.packet.ritual_archive.get(name=self.workflow).digest


def covered(host: Host, *, since: datetime, until: datetime) -> list[EvidenceRow]:
    """Beats that vouch for a stretch of time."""
    hours = hours_touched(since.timestamp(), until.timestamp(), cell_s=CELL_S)
    return [
        EvidenceRow(
            RowKey(host.node.node_id, host.node.environment.name, "", "", "time", "", hour, HOUR_S),
            TimeBody(cell_s=CELL_S, covered=bits),
        )
        for hour, bits in hours.items()
    ]


def judged_run(
    host: Host, *, at: datetime, outcome: Outcome = Outcome.UPHELD, number: int = 0
) -> list[EvidenceRow]:
    """One run with one governed call of this outcome, and the workflow it followed."""
    bit = bit_at(at.timestamp(), CELL_S)
    violated, unknown = outcome is Outcome.VIOLATED, outcome is Outcome.UNDECIDABLE
    time = TimeBody(
        cell_s=CELL_S, active=bit, covered=bit, bad=bit * violated, unknown=bit * unknown
    )
    rule = "explicit-yes" if violated else "default" if unknown else "confirmed-write"
    severity = Severity.CRITICAL if violated else Severity.WARNING
    policy = PolicyBody(
        rules={rule: OutcomeCounts(**{outcome.value: 1})},
        severities={rule: severity},
        runs=RunCounts(**{_RUN[outcome]: 1}),
        samples=Samples.of([sample(host, at=at, outcome=outcome, rule=rule, number=number)]),
    )
    return [
        host.row("time", time, at=at),
        host.row("policy", policy, at=at, subject=host.policy_digest),
        host.row("action", ActionBody(1, int(violated)), at=at, subject="issue_refund"),
        followed(host, at=at, skipped="confirm" if violated else "", number=number),
    ]


_RUN = {
    Outcome.UPHELD: "clean",
    Outcome.VIOLATED: "violated",
    Outcome.UNDECIDABLE: "undecidable",
    Outcome.BLOCKED: "clean",
}


def sample(host: Host, *, at: datetime, outcome: Outcome, rule: str, number: int = 0) -> Sample:
    """A kept refund with the steps of its run."""
    arguments: dict[str, JsonValue] = {
        "order_id": "W-1042",
        "amount_cents": 4950,
        "payment_method": "gift card",
    }
    done = [step for step in CALLS if outcome is not Outcome.VIOLATED or step != "ask_customer"]
    return Sample(
        span_id=identity("span", host.node.node_id, number)[:16],
        trace_id=identity("trace", host.node.node_id, number)[:32],
        tool="issue_refund",
        agent=host.agent,
        at=int(at.timestamp()),
        outcome=outcome,
        rule=rule,
        rules=(rule,),
        severity=Severity.CRITICAL if rule == "explicit-yes" else Severity.WARNING,
        arguments=None if outcome is Outcome.UNDECIDABLE else arguments,
        missing=("confirmed",) if outcome is Outcome.VIOLATED else (),
        why="denied by explicit-yes" if outcome is Outcome.VIOLATED else "",
        steps=(
            Step("", "user.message", "user", 0, text="My kettle leaks, I want my money back."),
            *(
                Step(
                    identity("span", host.node.node_id, number)[:16] if name == CALLS[-1] else "",
                    name,
                    "tool_call",
                    400 * index,
                )
                for index, name in enumerate(done, 1)
            ),
        ),
    )


def followed(host: Host, *, at: datetime, skipped: str = "", number: int = 0) -> EvidenceRow:
    """One run of the workflow, with one step skipped or none."""
    moves = tuple(Step("", name, "skip" if name == skipped else "match", 0) for name in STEPS)
    done = [name for name in STEPS if name != skipped]
    summary = WorkflowSummary(
        runs=1,
        fitting=int(not skipped),
        cost_sum=5 if skipped else 0,
        denom_sum=14,
        duration_ms_sum=2_600,
        tokens_in=900,
        tokens_out=240,
        variants={variant_digest(done): 1},
        dev_runs={f"skip:{skipped}": 1} if skipped else {},
        df_runs={pair_key(*pair): 1 for pair in pairwise(done)},
        first_ts=int(at.timestamp()),
        last_ts=int(at.timestamp()) + 3,
    )
    kept = Sample(
        span_id=identity("root", host.node.node_id, number)[:16],
        trace_id=identity("trace", host.node.node_id, number)[:32],
        tool="",
        agent=host.agent,
        at=int(at.timestamp()),
        outcome=Outcome.VIOLATED if skipped else Outcome.UPHELD,
        rule=host.workflow,
        why="cost 5, fitness 0.643" if skipped else "cost 0, fitness 1.000",
        steps=moves,
    )
    body = WorkflowBody(summary, Samples.of([kept]))
    return host.row("workflow", body, at=at, subject=host.workflow_digest)


def audited(
    host: Host, *, at: datetime, ok: int = 12, keys: dict[str, BadClass] | None = None
) -> EvidenceRow:
    """An audit of the agent's memory log."""
    bad = keys or {}
    body = MemoryBody(
        size=ok + len(bad),
        audited_at=int(at.timestamp()),
        root=identity("root", host.node.node_id, ok),
        ok=ok,
        altered=sum(kind == "altered" for kind in bad.values()),
        missing=sum(kind == "missing" for kind in bad.values()),
        unlogged=sum(kind == "unlogged" for kind in bad.values()),
        keys=bad,
    )
    origin = f"mythos/{host.node.node_id}/{host.agent}"
    return host.row("memory", body, at=at, subject=origin)


def identity(*parts: object) -> str:
    """A hexadecimal id that depends on its parts alone."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def work_day(
    host: Host,
    *,
    until: datetime,
    runs: int = 60,
    every: timedelta = timedelta(minutes=2),
    violated: Iterable[int] = (),
    undecidable: Iterable[int] = (),
) -> list[EvidenceRow]:
    """Runs at even distances that end just before a moment; the newest is number 0."""
    bad, blind = set(violated), set(undecidable)
    rows = covered(host, since=until - runs * every, until=until)
    for number in range(runs):
        outcome = (
            Outcome.VIOLATED
            if number in bad
            else Outcome.UNDECIDABLE
            if number in blind
            else Outcome.UPHELD
        )
        at = until - every * (number + 1)
        rows += judged_run(host, at=at, outcome=outcome, number=number)
    return rows


@transaction.atomic
def report(
    host: Host, rows: Iterable[EvidenceRow], *, at: datetime
) -> SymbolicResilienceMonitor | None:
    """Merge evidence, remember the beat, and read the node's score."""
    merge_rows(rows)
    Node.objects.filter(pk=host.node.pk).update(last_beat_at=at)
    return refresh(host.node.node_id, at=at)
