"""The verdict over the whole plan: deploy, canary, hold or infeasible."""

from __future__ import annotations

from pydantic import JsonValue

from mythos.engines.belief import reason
from mythos.engines.placement.judgement import Judgement
from mythos.engines.placement.options import exploration
from mythos.engines.placement.plan import Plan
from mythos.engines.placement.request import PlacementInput, WantedAgent
from mythos.engines.placement.wording import TEMPLATES
from mythos.values.recommendation import CellVerdict, PlanVerdict, Reason


def plan_verdict(
    request: PlacementInput, *, judgement: Judgement, plan: Plan
) -> tuple[PlanVerdict, Reason]:
    """Decide over the plan and say why.

    The first that holds. hold: there is no node at all; infeasible: an agent is forbidden
    everywhere; deploy: every replica is placed and canaries are within the 5 % that exploration
    may take; hold: an agent may run nowhere on today's belief; infeasible: certified replicas, or
    an agent's only canary, find no room; canary: everything else.

    Args:
        request: an ordered request.
        judgement: its judged cells.
        plan: the plan made for it.

    Returns:
        The verdict and one coded reason for it.
    """
    if not any(environment.nodes for environment in request.environments):
        return "hold", _reason("PLAN_EMPTY", [])
    verdicts = {agent.name: _verdicts(agent, request, judgement) for agent in request.agents}
    shut_out = [name for name, found in verdicts.items() if found == {"forbidden"}]
    if shut_out:
        return "infeasible", _reason("PLAN_FORBIDDEN", shut_out)
    if all(_is_settled(agent, plan) for agent in request.agents):
        return "deploy", _reason("PLAN_DEPLOY", [agent.name for agent in request.agents])
    doubted = [name for name, found in verdicts.items() if not found & {"yes", "canary"}]
    if doubted:
        return "hold", _reason("PLAN_DOUBTED", doubted)
    squeezed = [
        agent.name
        for agent in request.agents
        if plan.replicas(agent.name) < (agent.replicas if "yes" in verdicts[agent.name] else 1)
    ]
    if squeezed:
        return "infeasible", _reason("PLAN_NO_ROOM", squeezed)
    waiting = [agent.name for agent in request.agents if not _is_settled(agent, plan)]
    return "canary", _reason("PLAN_CANARY", waiting)


def _verdicts(
    agent: WantedAgent, request: PlacementInput, judgement: Judgement
) -> set[CellVerdict]:
    names = [environment.name for environment in request.environments]
    return {judgement[agent.name, name].cell.verdict for name in names}


def _is_settled(agent: WantedAgent, plan: Plan) -> bool:
    canaries = plan.replicas(agent.name, mode="canary")
    return plan.replicas(agent.name) == agent.replicas and canaries <= exploration(agent)


def _reason(code: str, names: list[str]) -> Reason:
    agents: list[JsonValue] = list(names)
    facts: dict[str, JsonValue] = {"agents": agents} if names else {}
    return reason(code, facts=facts, templates=TEMPLATES)
