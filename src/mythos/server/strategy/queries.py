"""Reads of strategy: the question that evidence puts to placement."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from mythos.engines.belief import BeliefCell, BeliefKey, Construct, HourCount
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.window import HOUR_S, cell_of
from mythos.engines.evidence.workflow import WorkflowBody
from mythos.engines.placement.request import Arrivals, PlacementInput, WantedAgent
from mythos.server.catalog.models import Assistant, Environment
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.resilience.models import EvidenceRow as StoredRow
from mythos.server.resilience.queries import evidence_row
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
    rows = _rows(at)
    names = _agent_names(rows)
    return PlacementInput(
        bundle=packet.digest,
        agents=agents,
        environments=tuple(map(_environment, Environment.objects.prefetch_related("nodes"))),
        as_of=at,
        labels=dict(packet.symbolic_deployment_tags),
        beliefs=tuple(_beliefs(rows, names)),
        arrivals=tuple(_arrivals(rows, names, constructs, at=at)),
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


def _rows(at: datetime) -> list[EvidenceRow]:
    since = at.timestamp() - LOOK_BACK_S
    found = StoredRow.objects.filter(kind__in=["policy", "workflow"], cell__gte=since)
    return [evidence_row(stored) for stored in found]


def _agent_names(rows: list[EvidenceRow]) -> dict[str, str]:
    """Agent reference of a row -> agent name."""
    refs = {row.key.agent for row in rows}
    names = dict(Assistant.objects.filter(digest__in=refs).values_list("digest", "name"))
    return {ref: names.get(ref, ref.removeprefix("name:")) for ref in refs}


def _beliefs(rows: list[EvidenceRow], names: dict[str, str]) -> list[BeliefCell]:
    hours: defaultdict[BeliefKey, list[HourCount]] = defaultdict(list)
    for row in rows:
        kept, broken = _clean_and_broken(row)
        if kept or broken:
            key = BeliefKey(row.key.environment, names[row.key.agent], row.key.subject)
            start = cell_of(row.key.cell, HOUR_S)
            hours[key].append(HourCount(start, kept, broken, row.key.agent))
    return [BeliefCell(key, tuple(counts)) for key, counts in hours.items()]


def _clean_and_broken(row: EvidenceRow) -> tuple[int, int]:
    """Runs that upheld and runs that broke the row's construct; undecided runs are neither."""
    if isinstance(row.body, PolicyBody):
        return row.body.runs.clean, row.body.runs.violated
    if isinstance(row.body, WorkflowBody):
        summary = row.body.summary
        apart = summary.open + summary.inexact
        return summary.fitting, max(summary.runs - apart - summary.fitting, 0)
    return 0, 0


def _arrivals(
    rows: list[EvidenceRow],
    names: dict[str, str],
    constructs: dict[str, Construct],
    *,
    at: datetime,
) -> list[Arrivals]:
    """How often each agent's workflows arrive, over the hours since the first of them."""
    wanted = {one.digest: one.name for one in constructs.values() if one.kind == "workflow"}
    bodies: dict[tuple[str, str], WorkflowBody] = {}
    for row in rows:
        if isinstance(row.body, WorkflowBody) and row.key.subject in wanted:
            key = names[row.key.agent], wanted[row.key.subject]
            bodies[key] = bodies[key] + row.body if key in bodies else row.body
    return [_arrival(agent, flow, body, at=at) for (agent, flow), body in sorted(bodies.items())]


def _arrival(agent: str, workflow: str, body: WorkflowBody, *, at: datetime) -> Arrivals:
    summary = body.summary
    since = summary.first_ts if summary.first_ts is not None else at.timestamp()
    runs = summary.runs
    return Arrivals(
        agent=agent,
        workflow=workflow,
        runs=float(runs),
        hours=max((at.timestamp() - since) / HOUR_S, 1 / 60),
        duration_s=summary.mean_duration_s,
        tokens=(summary.tokens_in + summary.tokens_out) / runs if runs else 0.0,
    )
