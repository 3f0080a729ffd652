"""Role distribution: how many replicas of which role stand where, in one environment's slice."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from mythos.engines.placement.plan import Plan
from mythos.engines.placement.request import WantedAgent
from mythos.engines.placement.rounding import rounded
from mythos.values.recommendation import Cell

SCHEMA = "mythos.roles/1"


def role_distribution(
    environment: str, agents: Sequence[WantedAgent], *, cells: Sequence[Cell], plan: Plan
) -> dict[str, JsonValue]:
    """Lay out the replicas of one environment by role and agent.

    Args:
        environment: its name.
        agents: the wanted agents, by name.
        cells: the cell of each agent here, in the same order.
        plan: the whole plan.

    Returns:
        One entry an agent: `wanted`, `placed` and `unplaced` count the whole plan, and
        `by_environment` holds this environment alone (empty where nothing is placed), so over
        all environments its replicas sum to `placed`. Objective, bound and gap are the plan's.
    """
    roles: list[JsonValue] = [
        _role(environment, agent, cell=cell, plan=plan)
        for agent, cell in zip(agents, cells, strict=True)
    ]
    return {
        "schema": SCHEMA,
        "roles": roles,
        "objective": rounded(plan.objective),
        "upper_bound": rounded(plan.upper_bound),
        "gap": rounded(plan.gap),
        "status": plan.status,
    }


def _role(environment: str, agent: WantedAgent, *, cell: Cell, plan: Plan) -> JsonValue:
    placed = plan.replicas(agent.name)
    return {
        "role": agent.role,
        "agent": agent.name,
        "wanted": agent.replicas,
        "placed": placed,
        "unplaced": agent.replicas - placed,
        "by_environment": _here(environment, agent, cell=cell, plan=plan),
    }


def _here(environment: str, agent: WantedAgent, *, cell: Cell, plan: Plan) -> list[JsonValue]:
    nodes = [
        each for each in plan.placed if (each.agent, each.environment) == (agent.name, environment)
    ]
    if not nodes:
        return []
    worst = min(cell.posteriors, key=lambda each: each.p_uphold, default=None)
    by_node: list[JsonValue] = [{"node": each.node, "replicas": each.replicas} for each in nodes]
    return [
        {
            "environment": environment,
            "replicas": sum(each.replicas for each in nodes),
            "by_node": by_node,
            "mode": nodes[0].mode,
            "p_uphold": rounded(cell.q),
            "interval90": [rounded(worst.low), rounded(worst.high)] if worst else None,
            "evidence_runs": rounded(cell.own_runs),
        }
    ]
