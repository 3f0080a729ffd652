"""Reads of the resilience pages: a constant number of queries, whatever the size of the fleet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import F, IntegerField, Max, OuterRef, QuerySet, Subquery, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from pydantic import ValidationError

from mythos.adapters.baseline import baseline_digest, baseline_policy_set
from mythos.engines.evidence.sample import Sample
from mythos.engines.resilience.presence import Presence
from mythos.server.catalog.models import (
    Assistant,
    EncodedRitualBlueprint,
    Environment,
    Node,
    SwarmCodex,
)
from mythos.server.deployment.models import MythOSDeploymentPacket, Rollout
from mythos.server.resilience.models import EvidenceRow, SymbolicResilienceMonitor
from mythos.server.resilience.pages.facts import (
    AgentFact,
    DesiredFact,
    EnvironmentFact,
    NodeFact,
    ReadingFact,
    RolloutFact,
    RunCounts,
    ScoreFact,
    TimeBlock,
)
from mythos.server.resilience.pages.why import SampleFact
from mythos.values.policy import PolicySet
from mythos.values.reading import Reading

MAX_SAMPLE_ROWS = 500
_RUN_COUNTS = "resilience.run_counts"
_NODE = (
    "node_id", "environment__name", "enrolled_at", "presence", "heartbeat_s", "last_beat_at",
    "last_file_at", "in_force", "key_id",
)  # fmt: skip
_READING = (
    "node_id", "id", "state", "reason", "low", "mid", "high", "as_of", "codex_uptime_index",
    "ritual_execution_consistency", "memory_integrity_score", "unknown_components",
    "reading__runs",
)  # fmt: skip


def environments() -> dict[str, EnvironmentFact]:
    """Every environment with what it was told to run, by name."""
    desired = _desired()
    return {
        each.name: EnvironmentFact(
            name=each.name,
            labels=each.labels,
            air_gapped=each.air_gapped,
            dev=each.dev,
            report_every_s=each.report_every_s,
            desired=desired.get(each.pk),
        )
        for each in Environment.objects.all()
    }


def _desired() -> dict[int, DesiredFact]:
    """The newest rollout of each environment, by the environment's key."""
    newest = (
        Rollout.objects.filter(environment=OuterRef("environment"))
        .order_by("-sequence")
        .values("pk")
    )
    found = Rollout.objects.filter(pk=Subquery(newest[:1])).select_related("packet")
    rollouts = found.prefetch_related("packet__included_assistants")
    return {each.environment_id: _desired_fact(each) for each in rollouts}


def _desired_fact(rollout: Rollout) -> DesiredFact:
    packet = rollout.packet
    return DesiredFact(
        bundle=packet.deployment_name,
        version=packet.version,
        digest=packet.digest,
        sequence=rollout.sequence,
        halted=rollout.state == Rollout.State.HALTED,
        since=rollout.created_at,
        agents=_agents(packet),
    )


def _agents(packet: MythOSDeploymentPacket) -> tuple[AgentFact, ...]:
    return tuple(
        AgentFact(
            name=each.name,
            digest=each.digest,
            role=each.specialty,
            policies=tuple(each.document.get("policies", ())),
            workflows=tuple(each.document.get("workflows", ())),
        )
        for each in packet.included_assistants.all()
    )


def nodes(known: Mapping[str, EnvironmentFact], *, called: str = "") -> list[NodeFact]:
    """Every node that is not retired, or the one of a name, each with its newest reading."""
    wanted = {"node_id": called} if called else {}
    found = list(Node.objects.filter(retired_at=None, **wanted).values(*_NODE))
    readings = _newest_readings(row["node_id"] for row in found)
    return [
        _node_fact(row, known[row["environment__name"]], readings.get(row["node_id"]))
        for row in found
    ]


def _node_fact(
    row: Mapping[str, Any], environment: EnvironmentFact, reading: ReadingFact | None
) -> NodeFact:
    return NodeFact(
        node_id=row["node_id"],
        environment=environment,
        enrolled_at=row["enrolled_at"],
        presence=Presence(
            kind=row["presence"],
            heartbeat_s=row["heartbeat_s"],
            report_every_s=environment.report_every_s if environment.air_gapped else None,
            newest_beat=row["last_beat_at"],
            enrolled_at=row["enrolled_at"],
        ),
        last_beat_at=row["last_beat_at"],
        last_file_at=row["last_file_at"],
        running=row["in_force"].get("bundle", ""),
        running_agents=row["in_force"].get("agents", {}),
        key_id=row["key_id"],
        reading=reading,
    )


def _newest_readings(node_ids: Iterable[str]) -> dict[str, ReadingFact]:
    """The newest reading of each node, without the parts of the score."""
    newest = (
        SymbolicResilienceMonitor.objects.filter(node_id__in=list(node_ids))
        .order_by()
        .values("node_id")
        .annotate(newest=Max("id"))
        .values("newest")
    )
    rows = SymbolicResilienceMonitor.objects.filter(id__in=newest).values(*_READING)
    return {row.pop("node_id"): _reading_fact(row) for row in rows}


def _reading_fact(row: dict[str, Any]) -> ReadingFact:
    unknown, runs = tuple(row.pop("unknown_components")), row.pop("reading__runs") or 0
    return ReadingFact(**row, unknown_components=unknown, runs=runs)


def readings(ids: Iterable[int]) -> dict[str, Reading]:
    """Stored readings, whole, by node."""
    found = SymbolicResilienceMonitor.objects.filter(pk__in=list(ids))
    return {
        node_id: Reading.model_validate(document)
        for node_id, document in found.values_list("node_id", "reading")
    }


def node_with_flag(fingerprint: str, nodes: Collection[NodeFact]) -> str:
    """The node whose newest reading holds a flag; empty when none does."""
    ids = [node.reading.id for node in nodes if node.reading]
    found = SymbolicResilienceMonitor.objects.filter(pk__in=ids).exclude(symbolic_warning_flags=[])
    for node_id, flags in found.values_list("node_id", "symbolic_warning_flags"):
        if any(flag.get("fingerprint") == fingerprint for flag in flags):
            return node_id
    return ""


def run_counts(*, at: datetime) -> RunCounts:
    """Runs judged in the last 24 h by environment and agent, counted at most once a minute.

    An agent's runs are those of its busiest policy set, over all of its versions. Every process
    keeps its own count: the rows of a day of a large fleet take too long to add up for each
    refresh of each reader.
    """
    found: RunCounts | None = cache.get(_RUN_COUNTS)
    if found is None:
        found = _run_counts(since=at - timedelta(days=1))
        cache.set(_RUN_COUNTS, found, timeout=60)
    return found


def _run_counts(*, since: datetime) -> RunCounts:
    parts = [
        Sum(Cast(KT(f"body__runs__{outcome}"), IntegerField()))
        for outcome in ("clean", "violated", "undecidable")
    ]
    rows = (
        EvidenceRow.objects.filter(kind="policy", cell__gte=since.timestamp())
        .values("environment", "agent", "subject")
        .annotate(runs=parts[0] + parts[1] + parts[2])
        .values_list("environment", "agent", "runs")
    )
    busiest: dict[tuple[str, str], int] = defaultdict(int)
    for environment, agent, runs in rows:
        busiest[environment, agent] = max(busiest[environment, agent], runs or 0)
    known = names({agent for _, agent in busiest})
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for (environment, agent), runs in busiest.items():
        counts[environment, known.get(agent, agent.removeprefix("name:"))] += runs
    return dict(counts)


def time_blocks(
    node_ids: Collection[str], *, at: datetime, span_s: int
) -> dict[str, list[TimeBlock]]:
    """The `time` rows of some nodes that touch the range, by node."""
    rows = EvidenceRow.objects.filter(
        kind="time",
        node_id__in=list(node_ids),
        cell__gt=at.timestamp() - span_s - F("width_s"),
        cell__lte=at.timestamp(),
    ).values_list("node_id", "cell", "body")
    found: dict[str, list[TimeBlock]] = defaultdict(list)
    for node_id, cell, body in rows:
        found[node_id].append(TimeBlock(node_id, cell, body))
    return found


def scores(node_id: str, *, at: datetime, span_s: int) -> list[ScoreFact]:
    """The stored scores of a node in the range, oldest first, and the one before it began."""
    start = at - timedelta(seconds=span_s)
    stored = SymbolicResilienceMonitor.objects.filter(node_id=node_id, as_of__lte=at)
    before = stored.filter(as_of__lt=start).order_by("-id")[:1]
    inside = stored.filter(as_of__gte=start).order_by("-id")[:50_000]
    return [*_scores(before), *sorted(_scores(inside), key=lambda each: each.as_of)]


def _scores(rows: QuerySet[SymbolicResilienceMonitor]) -> list[ScoreFact]:
    return [ScoreFact(*row) for row in rows.values_list("as_of", "low", "mid", "high")]


def rollouts(environment: str) -> list[RolloutFact]:
    """The newest 50 rollouts of an environment, oldest first."""
    found = Rollout.objects.filter(environment__name=environment).select_related("packet")
    return [_rollout_fact(each, environment) for each in reversed(found[:50])]


def _rollout_fact(rollout: Rollout, environment: str) -> RolloutFact:
    packet = rollout.packet
    constructs = packet.config.get("constructs", [])
    return RolloutFact(
        environment=environment,
        sequence=rollout.sequence,
        bundle=packet.deployment_name,
        version=packet.version,
        digest=packet.digest,
        halted=rollout.state == Rollout.State.HALTED,
        decided_by=rollout.decided_by,
        at=rollout.created_at,
        constructs={(each["kind"], each["name"]): each["digest"] for each in constructs},
    )


def samples(node: NodeFact, *, since: datetime, until: datetime) -> list[SampleFact]:
    """The kept samples of a node's policy evidence in a stretch of time, newest cell first."""
    rows = (
        EvidenceRow.objects.filter(
            node_id=node.node_id,
            environment=node.environment.name,
            kind="policy",
            cell__gt=since.timestamp() - F("width_s"),
            cell__lte=until.timestamp(),
        )
        .order_by("-cell")
        .values_list("subject", "bundle", "body__samples")[:MAX_SAMPLE_ROWS]
    )
    return [
        SampleFact(subject, bundle, Sample.from_json(sample))
        for subject, bundle, kept in rows
        for sample in (*kept["violating"], *kept["clean"])
    ]


def policy_sets(digests: Iterable[str]) -> dict[str, PolicySet]:
    """Policy-set documents by digest, the baseline that ships with MythOS among them.

    One that this version cannot read is left out; its own page says why.
    """
    wanted = set(digests)
    found = SwarmCodex.objects.filter(digest__in=wanted)
    packaged = {baseline_digest(): baseline_policy_set()} if baseline_digest() in wanted else {}
    for each in found:
        with suppress(ValidationError):
            packaged[each.digest] = PolicySet.model_validate(each.document)
    return packaged


def names(digests: Collection[str]) -> dict[str, str]:
    """Names of agents and workflows by digest."""
    agents = Assistant.objects.filter(digest__in=digests).values_list("digest", "name")
    flows = EncodedRitualBlueprint.objects.filter(digest__in=digests)
    return {**dict(agents), **{each.digest: str(each) for each in flows}}
