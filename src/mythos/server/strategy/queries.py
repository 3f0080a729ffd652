"""Reads of strategy: the question that evidence puts to placement, added up by the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, F, Min, Q, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from mythos.engines.belief import BeliefCell, BeliefKey, Construct, HourCount
from mythos.engines.evidence.window import HOUR_S
from mythos.engines.placement.request import Arrivals, PlacementInput, WantedAgent
from mythos.server.catalog.models import Assistant, Environment
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.resilience.models import EvidenceRow
from mythos.values.agent import Agent
from mythos.values.environment import Capacity, FleetEnvironment, FleetNode

LOOK_BACK_S = 28 * 86_400
MS = 1_000.0


def placement_input(packet: MythOSDeploymentPacket, *, at: datetime) -> PlacementInput:
    """Everything a recommendation for this bundle depends on."""
    constructs = _constructs(packet)
    agents = tuple(
        _wanted(stored.digest, Agent.model_validate(stored.document), constructs)
        for stored in packet.included_assistants.all()
    )
    names = _agent_names(at)
    return PlacementInput(
        bundle=packet.digest,
        agents=agents,
        environments=tuple(map(_environment, Environment.objects.prefetch_related("nodes"))),
        as_of=at,
        labels=dict(packet.symbolic_deployment_tags),
        beliefs=tuple(_beliefs(names, at=at)),
        arrivals=tuple(_arrivals(names, constructs, at=at)),
    )


def _constructs(packet: MythOSDeploymentPacket) -> dict[str, Construct]:
    """The bundle's policy sets and workflows by `kind:name`."""
    found = {}
    for policy in packet.bundled_codices.all():
        critical = bool(policy.document.get("critical"))
        found[f"policy:{policy.title}"] = Construct(
            digest=policy.digest, kind="policy", name=policy.title, critical=critical
        )
    for workflow in packet.ritual_archive.all():
        critical = bool(workflow.encoded_steps.get("critical"))
        found[f"workflow:{workflow.name}"] = Construct(
            digest=workflow.digest, kind="workflow", name=workflow.name, critical=critical
        )
    return found


def _wanted(digest: str, agent: Agent, constructs: dict[str, Construct]) -> WantedAgent:
    keys = [f"policy:{name}" for name in agent.policies]
    keys += [f"workflow:{name}" for name in agent.workflows]
    return WantedAgent(
        name=agent.name,
        digest=digest,
        role=agent.role,
        replicas=agent.resources.replicas,
        constructs=tuple(constructs[key] for key in keys),
        resources=agent.resources,
    )


def _environment(stored: Environment) -> FleetEnvironment:
    return FleetEnvironment(
        name=stored.name,
        labels=stored.labels,
        air_gapped=stored.air_gapped,
        dev=stored.dev,
        no_explore=stored.no_explore,
        report_every_s=stored.report_every_s,
        nodes=tuple(
            FleetNode(name=node.node_id, capacity=Capacity.model_validate(node.capacity or {}))
            for node in stored.nodes.all()
            if node.retired_at is None
        ),
    )


def _rows(at: datetime) -> QuerySet[EvidenceRow]:
    since = at.timestamp() - LOOK_BACK_S
    return EvidenceRow.objects.filter(kind__in=["policy", "workflow"], cell__gte=since).order_by()


def _sum(path: str) -> Sum:
    return Sum(_number(path))


def _number(path: str) -> Cast:
    return Cast(KT(f"body__{path}"), BigIntegerField())


def _agent_names(at: datetime) -> dict[str, str]:
    """Agent reference of a row -> agent name."""
    refs = set(_rows(at).values_list("agent", flat=True).distinct())
    names = dict(Assistant.objects.filter(digest__in=refs).values_list("digest", "name"))
    return {ref: names.get(ref, ref.removeprefix("name:")) for ref in refs}


def _beliefs(names: Mapping[str, str], *, at: datetime) -> Iterator[BeliefCell]:
    """Runs by hour that upheld and that broke a construct; undecided runs are neither."""
    hourly = _rows(at).values(
        "environment", "agent", "subject", hour=F("cell") - F("cell") % HOUR_S
    )
    policies = hourly.filter(kind="policy").annotate(
        kept=_sum("runs__clean"), broken=_sum("runs__violated")
    )
    workflows = hourly.filter(kind="workflow").annotate(
        kept=_sum("summary__fitting"),
        broken=_sum("summary__runs")
        - _sum("summary__open")
        - _sum("summary__inexact")
        - _sum("summary__fitting"),
    )
    hours: defaultdict[BeliefKey, list[HourCount]] = defaultdict(list)
    for row in (*policies, *workflows):
        if row["kept"] or row["broken"]:
            key = BeliefKey(row["environment"], names[row["agent"]], row["subject"])
            hours[key].append(HourCount(row["hour"], row["kept"], row["broken"], row["agent"]))
    return (BeliefCell(key, tuple(counts)) for key, counts in hours.items())


def _arrivals(
    names: Mapping[str, str], constructs: Mapping[str, Construct], *, at: datetime
) -> Iterator[Arrivals]:
    """How often each agent's workflows arrive, over the hours since the first of them."""
    wanted = {one.digest: one.name for one in constructs.values() if one.kind == "workflow"}
    rows = _rows(at).filter(kind="workflow", subject__in=wanted).values("agent", "subject")
    sums = rows.annotate(
        runs=_sum("summary__runs"),
        duration_ms=_sum("summary__duration_ms_sum"),
        tokens=_sum("summary__tokens_in") + _sum("summary__tokens_out"),
        first_ts=Min(_number("summary__first_ts"), filter=~Q(body__summary__first_ts=None)),
    )
    parts: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in sums:
        parts[names[row["agent"]], wanted[row["subject"]]].append(row)
    return (_arrival(*key, parts[key], at=at) for key in sorted(parts))


def _arrival(
    agent: str, workflow: str, parts: Sequence[Mapping[str, Any]], *, at: datetime
) -> Arrivals:
    """All versions of an agent together."""
    since = min((row["first_ts"] for row in parts if row["first_ts"] is not None), default=None)
    runs, duration_ms, tokens = (
        sum(row[name] for row in parts) for name in ("runs", "duration_ms", "tokens")
    )
    return Arrivals(
        agent=agent,
        workflow=workflow,
        runs=float(runs),
        hours=max((at.timestamp() - since) / HOUR_S, 1 / 60) if since is not None else 1 / 60,
        duration_s=duration_ms / MS / runs if runs else 0.0,
        tokens=tokens / runs if runs else 0.0,
    )
