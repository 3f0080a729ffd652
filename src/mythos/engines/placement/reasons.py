"""Reasons and counterfactuals of one environment: computed from the plan, not narrated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from mythos.engines.belief import admitting_tau, reason
from mythos.engines.placement.alignment import Alignment
from mythos.engines.placement.judgement import Judged, Judgement, verdict_over
from mythos.engines.placement.options import DIMENSIONS, canary_budget, fits
from mythos.engines.placement.plan import Plan
from mythos.engines.placement.request import PlacementInput, WantedAgent
from mythos.engines.placement.wording import TEMPLATES
from mythos.values.environment import FleetEnvironment
from mythos.values.recommendation import Cell, Reason


@dataclass(frozen=True, slots=True)
class Slice:
    """One environment of a decided plan."""

    request: PlacementInput
    judgement: Judgement
    plan: Plan
    environment: FleetEnvironment
    alignment: Alignment

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.environment.name

    def judged(self, agent: WantedAgent) -> Judged:
        """The judged cell of an agent here."""
        return self.judgement[agent.name, self.name]

    def cells(self) -> tuple[Cell, ...]:
        """The cells of every wanted agent here, by agent name."""
        return tuple(self.judged(agent).cell for agent in self.request.agents)


def reasons_of(part: Slice, *, plan_reason: Reason) -> tuple[Reason, ...]:
    """Why the environment got what it got.

    Args:
        part: the environment with the plan.
        plan_reason: why the whole plan got its verdict; it closes the list.

    Returns:
        A summary, then for each agent the belief and the placement, then what the nodes say.
    """
    told = [_summary(part)]
    for agent in part.request.agents:
        told.append(part.judged(agent).reason)
        told += _placement(part, agent)
    return (*told, *_about_nodes(part), plan_reason)


def counterfactuals_of(part: Slice) -> tuple[Reason, ...]:
    """What would change the answer for the environment: runs, tau, labels, room, policies.

    Each is exact for the evidence at hand: that many clean runs, or that tau, certify the agent.
    """
    told: list[Reason] = []
    for agent in part.request.agents:
        cell = part.judged(agent).cell
        told += _about_belief(part, agent, cell)
        told += _about_labels(part, agent, cell)
        told += _about_room(part, agent, cell)
    return tuple(told)


def _told(code: str, part: Slice, agent: str = "", **facts: JsonValue) -> Reason:
    return reason(code, environment=part.name, agent=agent, facts=facts, templates=TEMPLATES)


def _summary(part: Slice) -> Reason:
    verdict = verdict_over(cell.verdict for cell in part.cells())
    return _told(
        f"ENVIRONMENT_{verdict.upper()}",
        part,
        placed=sum(each.replicas for each in part.plan.placed if each.environment == part.name),
        wanted=sum(agent.replicas for agent in part.request.agents),
        score=part.alignment.score,
        lower=part.alignment.lower,
    )


def _placement(part: Slice, agent: WantedAgent) -> Iterator[Reason]:
    cell = part.judged(agent).cell
    here = [
        each
        for each in part.plan.placed
        if (each.agent, each.environment) == (agent.name, part.name)
    ]
    if here:
        nodes: list[JsonValue] = [f"{each.node}: {each.replicas}" for each in here]
        code = "PLACED" if cell.verdict == "yes" else "PLACED_CANARY"
        replicas = sum(each.replicas for each in here)
        yield _told(code, part, agent.name, replicas=replicas, nodes=nodes)
    elif cell.verdict in {"yes", "canary"}:
        yield from _not_placed(part, agent, cell)
    if cell.verdict == "yes" and _unplaced(part, agent):
        yield _told("NO_ROOM", part, agent.name, **_room_facts(part, agent))


def _not_placed(part: Slice, agent: WantedAgent, cell: Cell) -> Iterator[Reason]:
    if not _unplaced(part, agent):
        others: list[JsonValue] = [
            *sorted({each.environment for each in part.plan.placed if each.agent == agent.name})
        ]
        yield _told("ELSEWHERE", part, agent.name, wanted=agent.replicas, others=others)
    elif cell.verdict == "canary" and part.plan.replicas(agent.name, mode="canary"):
        yield _told("CANARY_BUDGET", part, agent.name, budget=canary_budget(agent))
    elif cell.verdict == "canary":
        yield _told("NO_ROOM", part, agent.name, **_room_facts(part, agent))


def _about_nodes(part: Slice) -> Iterator[Reason]:
    if not part.environment.nodes:
        yield _told("NO_NODES", part)
    useless: list[JsonValue] = [
        node.name
        for node in part.environment.nodes
        if all(fits(agent.resources, node.capacity) == 0 for agent in part.request.agents)
    ]
    if useless:
        yield _told("ZERO_CAPACITY", part, nodes=useless)
    if part.environment.air_gapped:
        yield _told("AIR_GAPPED", part, report_every_s=part.environment.report_every_s)


def _about_belief(part: Slice, agent: WantedAgent, cell: Cell) -> Iterator[Reason]:
    if cell.verdict not in {"canary", "no"}:
        return
    if cell.needed_runs:
        yield _told("CLEAN_RUNS", part, agent.name, needed=cell.needed_runs)
    tau = part.request.tau
    lower = admitting_tau(cell.posteriors, tau=tau)
    if lower is not None:
        yield _told("LOWER_TAU", part, agent.name, tau=tau, to=lower)


def _about_labels(part: Slice, agent: WantedAgent, cell: Cell) -> Iterator[Reason]:
    if cell.missing_labels:
        wanted: list[JsonValue] = [
            f"{key}={part.request.labels[key]}" for key in cell.missing_labels
        ]
        yield _told("LABEL", part, agent.name, labels=wanted)
    for each in part.request.exclusions:
        if each.agent == agent.name:
            for change in each.suggested_changes:
                yield _told("CHANGE_POLICY", part, agent.name, change=change.rstrip("."))


def _about_room(part: Slice, agent: WantedAgent, cell: Cell) -> Iterator[Reason]:
    if cell.verdict == "yes" and _unplaced(part, agent):
        yield _told("MORE_ROOM", part, agent.name, **_room_facts(part, agent))


def _unplaced(part: Slice, agent: WantedAgent) -> int:
    return agent.replicas - part.plan.replicas(agent.name)


def _room_facts(part: Slice, agent: WantedAgent) -> Mapping[str, JsonValue]:
    needs: dict[str, JsonValue] = {name: int(getattr(agent.resources, name)) for name in DIMENSIONS}
    return {**needs, "unplaced": _unplaced(part, agent), "wanted": agent.replicas}
