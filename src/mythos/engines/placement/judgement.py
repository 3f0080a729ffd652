"""Judgement: one cell for every wanted agent in every environment, before any capacity counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mythos.engines.belief import (
    BeliefCell,
    Subject,
    alpha_of,
    certify,
    forbid,
    posteriors,
    why,
    why_forbidden,
)
from mythos.engines.placement.request import PlacementInput, WantedAgent
from mythos.values.environment import FleetEnvironment, eligible
from mythos.values.recommendation import Cell, CellVerdict, Posterior, Reason

CellKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """A cell with its reason in coded form."""

    cell: Cell
    reason: Reason


Judgement = Mapping[CellKey, Judged]


def judge(request: PlacementInput) -> Judgement:
    """Decide yes, canary, no or forbidden for every (agent, environment).

    Labels and contradicting policy sets forbid; belief decides the rest. Capacity does not enter.

    Args:
        request: an ordered request.

    Returns:
        A judged cell by (agent name, environment name).

    Raises:
        EvidenceError: evidence from the future.
    """
    judged = {}
    cells: dict[str, list[BeliefCell]] = {}
    for cell in request.beliefs:
        cells.setdefault(cell.key.agent, []).append(cell)
    for agent in request.agents:
        believed = posteriors(
            Subject(agent.name, agent.digest, agent.constructs),
            cells=cells.get(agent.name, ()),
            labels={each.name: each.labels for each in request.environments},
            as_of_s=request.as_of_s,
            tau=request.tau,
            half_life_s=request.half_life_s,
        )
        for environment in request.environments:
            judged[agent.name, environment.name] = _judge(
                agent, environment, believed[environment.name], request=request
            )
    return judged


def verdict_over(verdicts: Iterable[CellVerdict]) -> CellVerdict:
    """The verdict of an environment over the cells of its wanted agents.

    All yes: yes. All forbidden: forbidden. None yes or canary: no. Otherwise canary.
    """
    found = set(verdicts)
    if len(found) == 1:
        return found.pop()
    return "canary" if found & {"yes", "canary"} else "no"


def _judge(
    agent: WantedAgent,
    environment: FleetEnvironment,
    believed: Sequence[Posterior],
    *,
    request: PlacementInput,
) -> Judged:
    missing = {key: request.labels[key] for key in eligible(environment.labels, request.labels)}
    if missing or any(each.agent == agent.name for each in request.exclusions):
        return Judged(
            forbid(agent.name, environment.name, believed, missing_labels=missing),
            why_forbidden(agent.name, environment.name, missing_labels=missing),
        )
    cell = certify(
        agent.name,
        environment.name,
        believed,
        tau=request.tau,
        no_explore=environment.no_explore,
    )
    reason = why(
        agent.name,
        environment.name,
        believed,
        verdict=cell.verdict,
        tau=request.tau,
        alpha=alpha_of(believed),
        no_explore=environment.no_explore,
    )
    return Judged(cell, reason)
