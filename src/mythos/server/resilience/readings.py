"""Readings: recomputed from evidence, stored as a cache with the digest of what they say.

At intake a reading is stored at most once in `MYTHOS_READING_EVERY_S` a node, and only when its
evidence or its state changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Min
from pydantic import JsonValue

from mythos.adapters.baseline import baseline_digest, baseline_policy_set
from mythos.engines.conformance.steps import acts_of
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.resilience.facts import Fork, Mismatch, NodeFacts
from mythos.engines.resilience.presence import Presence
from mythos.engines.resilience.reading import WINDOW_S, read_node
from mythos.server.catalog.models import (
    Assistant,
    EncodedRitualBlueprint,
    Node,
    SwarmCodex,
)
from mythos.server.deployment.models import Rollout
from mythos.server.resilience.kept_rows import KeptRows
from mythos.server.resilience.log_restarts import restarts_of
from mythos.server.resilience.models import (
    EnvelopeReceipt,
    IntakeFinding,
    SymbolicResilienceMonitor,
)
from mythos.server.resilience.queries import newest_readings, scored_evidence_of
from mythos.server.resilience.standing_baselines import (
    for_engine,
    standing,
    tests_elsewhere,
    withdrawn_in,
)
from mythos.server.resilience.standing_marks import standing_in
from mythos.server.resilience.witness_findings import rewritten_logs, unproved_logs
from mythos.values.evidence import InForce
from mythos.values.reading import Flag, Reading
from mythos.values.workflow import workflow_of

STORED = ("codex_uptime_index", "ritual_execution_consistency", "memory_integrity_score")
TRIES = 3
_DAY = timedelta(days=1)
_kept = KeptRows()


def refresh_if_due(node_id: str, *, at: datetime) -> SymbolicResilienceMonitor | None:
    """Refresh a node's reading unless that was done a moment ago."""
    newest = newest_readings([node_id]).get(node_id)
    every = timedelta(seconds=settings.MYTHOS.reading_every_s)
    if newest is not None and newest.as_of > at - every:
        return newest
    return refresh(node_id, at=at)


def refresh(node_id: str, *, at: datetime) -> SymbolicResilienceMonitor | None:
    """Recompute a node's reading and store it if it says anything new.

    The work is done without the write lock, which every other node's evidence waits for; only
    storing takes it, and finds out whether the ground has moved meanwhile.
    """
    node = Node.objects.select_related("environment").get(node_id=node_id)
    for _ in range(TRIES):
        newest = newest_readings([node_id]).get(node_id)
        reading = read(node, at=at, previous=newest, kept=_kept)
        if newest is not None and _says_the_same(newest, reading):
            return newest
        stored = _store_after(newest, reading, at=at)
        if stored is not None:
            return stored
    return newest_readings([node_id]).get(node_id)


@transaction.atomic
def _store_after(
    newest: SymbolicResilienceMonitor | None, reading: Reading, *, at: datetime
) -> SymbolicResilienceMonitor | None:
    """Store a reading; None if another was stored, or its flags were changed, meanwhile."""
    there = newest_readings([reading.node]).get(reading.node)
    if _state_of(there) != _state_of(newest):
        return None
    return _store(reading, at=at)


def _state_of(stored: SymbolicResilienceMonitor | None) -> object:
    return None if stored is None else (stored.pk, stored.symbolic_warning_flags)


def read(
    node: Node,
    *,
    at: datetime,
    window_s: int = WINDOW_S,
    previous: SymbolicResilienceMonitor | None = None,
    kept: KeptRows | None = None,
) -> Reading:
    """The reading of one node at a moment; stores nothing. `kept` saves parsing rows again."""
    stored = scored_evidence_of(node.node_id, until=at, window_s=window_s)
    rows = kept.read(node.node_id, stored) if kept else [each.read() for each in stored]
    flags = [] if previous is None else previous.symbolic_warning_flags
    return read_node(
        rows,
        node=node.node_id,
        environment=node.environment.name,
        as_of=at,
        window_s=window_s,
        facts=facts_of(node, at=at, seen=_digests_in(rows)),
        previous_flags=[Flag.model_validate(flag) for flag in flags],
    )


def _digests_in(rows: Iterable[EvidenceRow]) -> set[str]:
    refs = {ref for row in rows for ref in (row.key.agent, row.key.subject)}
    return {ref for ref in refs if ref.startswith("sha256:")}


def facts_of(node: Node, *, at: datetime, seen: Collection[str] = ()) -> NodeFacts:
    """What the catalogue, enrolment and intake know of a node.

    Args:
        node: the node.
        at: the moment of the reading.
        seen: digests that its evidence names. What ran before the newest rollout keeps its name,
            and with it the identity of its flags.
    """
    in_force = InForce.model_validate(node.in_force or {})
    running = set(in_force.agents.values())
    agents = {one.digest: one for one in Assistant.objects.filter(digest__in=running.union(seen))}
    here = [one for digest, one in agents.items() if digest in running]
    workflows = list(EncodedRitualBlueprint.objects.filter(digest__in={*in_force.workflows, *seen}))
    sets = {*in_force.policy_sets, *in_force.shadow_sets, *seen}
    policies = SwarmCodex.objects.filter(digest__in=sets)
    accepted = standing(node, in_force.workflows)
    return NodeFacts(
        presence=presence_of(node),
        applies_policy=bool(in_force.policy_sets),
        applies_workflow=any(one.document.get("workflows") for one in here),
        applies_memory=any(one.document.get("memory") for one in here),
        names={
            baseline_digest(): baseline_policy_set().policy_set,
            **{digest: one.name for digest, one in agents.items()},
            **{one.digest: one.name for one in workflows},
            **{one.digest: one.title for one in policies},
        },
        skip_weights={one.digest: _skip_weights(one.encoded_steps) for one in workflows},
        forks=tuple(
            Fork(found.subject, found.ref, found.seen_at)
            for found in _open_findings(node, "EVIDENCE_FORK")
        ),
        rewritten=rewritten_logs(node),
        unproved=unproved_logs(node),
        restarts={log: n for (_, log), n in restarts_of([node.node_id]).items()},
        first_evidence=_first_evidence(node, at=at),
        mismatch=_mismatch(node, in_force),
        benign=standing_in(node.environment.name, at=at),
        baselines=for_engine(accepted),
        withdrawn=withdrawn_in(node.environment.name),
        drift_elsewhere=tests_elsewhere(node, since=at - _DAY) if accepted else (),
    )


def _open_findings(node: Node, code: str) -> Iterable[IntakeFinding]:
    """What intake found and no operator has resolved."""
    return IntakeFinding.objects.filter(node_id=node.node_id, code=code, resolved_at=None)


def _first_evidence(node: Node, *, at: datetime) -> datetime | None:
    """When the node was first heard, if that was before any row a window may still reach."""
    first = EnvelopeReceipt.objects.filter(node_id=node.node_id).aggregate(at=Min("sent_at"))["at"]
    oldest = at - timedelta(seconds=WINDOW_S)
    return first if first is not None and first < oldest else None


def presence_of(node: Node) -> Presence:
    """How a node is heard."""
    environment = node.environment
    return presence_from(
        node.presence,
        node.heartbeat_s,
        environment.report_every_s if environment.air_gapped else None,
        node.last_beat_at,
        node.enrolled_at,
    )


def presence_from(
    kind: str,
    heartbeat_s: int,
    report_every_s: int | None,
    newest_beat: datetime | None,
    enrolled_at: datetime,
) -> Presence:
    """How a node is heard, from its columns; `report_every_s` is None where it is on a network."""
    return Presence(
        kind="telemetry" if kind == Node.Presence.TELEMETRY else "heartbeat",
        heartbeat_s=heartbeat_s,
        report_every_s=report_every_s,
        newest_beat=newest_beat,
        enrolled_at=enrolled_at,
    )


def _mismatch(node: Node, in_force: InForce) -> Mismatch | None:
    """Whether the node runs another bundle than the newest assignment it says it has imported."""
    rollout = (
        node.environment.rollouts.filter(sequence=in_force.assignment_sequence)
        .select_related("packet")
        .first()
    )
    if rollout is None:
        return None
    wanted = "" if rollout.state == Rollout.State.HALTED else rollout.packet.digest
    if wanted == in_force.bundle:
        return None
    return Mismatch(in_force.bundle, wanted, max(rollout.created_at, node.enrolled_at))


def _skip_weights(document: dict[str, JsonValue]) -> dict[str, int]:
    workflow = workflow_of(document, source="workflow")
    return {act.act: workflow.weights.skip_of(act.act) for act in acts_of(workflow.steps)}


def _says_the_same(stored: SymbolicResilienceMonitor, reading: Reading) -> bool:
    return (
        stored.evidence_digest == reading.evidence_digest
        and stored.state == reading.state
        and _baselines_of(**stored.reading) == _baselines_of(**reading.model_dump())
        and _unproved_in(**stored.reading) == _unproved_in(**reading.model_dump())
        and {_mark(**flag) for flag in stored.symbolic_warning_flags}
        == {_mark(**flag.model_dump()) for flag in reading.flags}
    )


def _baselines_of(*, drift: Iterable[Mapping[str, JsonValue]] = (), **_others: object) -> set[str]:
    return {str(each["baseline"]) for each in drift}


def _unproved_in(
    *, components: Iterable[Mapping[str, Any]] = (), **_others: object
) -> list[object]:
    """How many memory logs have not proved their growth: that ends without new evidence."""
    return [each["detail"].get("unproved_logs", 0) for each in components]


def _mark(*, fingerprint: str, state: str, severity: str, **_others: object) -> tuple[str, ...]:
    return fingerprint, state, severity


def _store(reading: Reading, *, at: datetime) -> SymbolicResilienceMonitor:
    values: dict[str, float | None] = {part.name: part.value for part in reading.components}
    document = reading.model_dump(mode="json")
    return SymbolicResilienceMonitor.objects.create(
        node_id=reading.node,
        environment=reading.environment,
        **{name: values.get(name) or 0.0 for name in STORED},
        symbolic_warning_flags=document["flags"],
        state=reading.state,
        reason=reading.reason,
        low=reading.resilience.low,
        mid=reading.resilience.mid,
        high=reading.resilience.high,
        # a column that holds 0.0 for want of a value is named, whether its part applies or not
        unknown_components=sorted(
            {*reading.unknown_components, *(name for name in STORED if values.get(name) is None)}
        ),
        reading=document,
        evidence_digest=reading.evidence_digest,
        as_of=at.astimezone(UTC),
    )
