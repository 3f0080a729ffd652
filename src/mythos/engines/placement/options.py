"""Options: each (agent, node) where replicas may go, what one is worth and how many are allowed.

A certified replica is worth its mean belief, less twice the doubt. A canary is worth the same at
the 95 % quantile, because what it may teach counts. At most one canary of an agent runs in an
environment, and at most 5 % of its wanted replicas are canaries, or one if that is none. Where
5 % is none the canary is a last resort, worth a quarter, so it never takes a certified place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mythos.engines.placement.judgement import Judgement
from mythos.engines.placement.request import PlacementInput, WantedAgent
from mythos.values.agent import Resources
from mythos.values.environment import Capacity, FleetNode
from mythos.values.recommendation import Cell

Mode = Literal["certified", "canary"]

DOUBT_COST = 2.0
LEAST_UTILITY = 0.3
CANARY_SHARE = 0.05
LAST_RESORT = 0.25
DIMENSIONS = ("cpu_m", "memory_mb", "tokens_per_min")


@dataclass(frozen=True, slots=True)
class Option:
    """`most` replicas of an agent may go to a node; each is worth `utility` (weight included)."""

    agent: WantedAgent
    environment: str
    node: FleetNode
    mode: Mode
    most: int
    utility: float


def exploration(agent: WantedAgent) -> int:
    """Canaries that an agent can afford beside its certified replicas: 5 %, rounded down."""
    return int(CANARY_SHARE * agent.replicas)


def canary_budget(agent: WantedAgent) -> int:
    """Canaries of an agent at a time: 5 % of the wanted replicas, at least one."""
    return max(1, exploration(agent))


def options(request: PlacementInput, judgement: Judgement) -> tuple[Option, ...]:
    """List where replicas may go, by agent, environment and node name.

    Args:
        request: an ordered request.
        judgement: its judged cells.

    Returns:
        Options with `most` >= 1; none where the verdict is no or forbidden, or nothing fits.
    """
    found = []
    for agent in request.agents:
        for environment in request.environments:
            cell = judgement[agent.name, environment.name].cell
            if cell.verdict not in {"yes", "canary"}:
                continue
            mode: Mode = "certified" if cell.verdict == "yes" else "canary"
            utility = agent.weight * _utility(agent, cell)
            found += [
                Option(agent, environment.name, node, mode, most, utility)
                for node in environment.nodes
                if (most := _most(agent, node, mode)) > 0
            ]
    return tuple(found)


def fits(resources: Resources, capacity: Capacity) -> int | None:
    """Replicas that fit into an empty node; None when a replica takes nothing."""
    rooms = [
        getattr(capacity, name) // getattr(resources, name)
        for name in DIMENSIONS
        if getattr(resources, name)
    ]
    return min(rooms, default=None)


def _most(agent: WantedAgent, node: FleetNode, mode: Mode) -> int:
    most = 1 if mode == "canary" else agent.replicas
    room = fits(agent.resources, node.capacity)
    return most if room is None else min(most, room)


def _utility(agent: WantedAgent, cell: Cell) -> float:
    if cell.verdict == "yes":
        return _net(1.0 - sum(1.0 - each.mean for each in cell.posteriors))
    hoped = _net(1.0 - sum(1.0 - each.high for each in cell.posteriors))
    return hoped if exploration(agent) else LAST_RESORT * hoped


def _net(p_clean: float) -> float:
    """Worth of a replica whose runs are all clean with probability `p_clean`, never below 0.3."""
    return max(LEAST_UTILITY, p_clean - DOUBT_COST * (1.0 - p_clean))
