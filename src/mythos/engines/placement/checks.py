"""Checks: a request with an impossible number or a name used twice is refused, with its path.

An empty fleet is no error (the verdict is `hold`), and neither is a fleet without evidence.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from mythos.engines.placement.request import Arrivals, PlacementInput, WantedAgent
from mythos.errors import PlacementError

MAX_REPLICAS = 1_000_000
MAX_SEED = 2**31 - 1
MAX_HORIZON_S = 366 * 86_400
MAX_AMOUNT = 1e12
_TWICE = "give each its own name, or list it once"
_NUMBER = "correct that number and ask again"


def check(request: PlacementInput) -> None:
    """Refuse a request that no plan can be made for.

    Raises:
        PlacementError: a number that is negative, infinite or no number, a name used twice, an
            arrival or exclusion of an agent that is not wanted, no agent at all, or more than a
            million replicas; `where` is the path of the field.
    """
    if not request.agents:
        raise PlacementError(
            "no agent is wanted", remedy="name at least one agent of the bundle", where="agents"
        )
    if request.as_of.tzinfo is None:
        raise PlacementError(
            f"{request.as_of.isoformat()} has no time zone",
            remedy="give the moment in UTC",
            where="as_of",
        )
    _share(request.tau, where="tau")
    _within(request.half_life_s, least=1, most=MAX_AMOUNT, where="half_life_s")
    _within(request.horizon_s, least=60, most=MAX_HORIZON_S, where="horizon_s")
    _whole(request.seed, least=0, most=MAX_SEED, where="seed")
    for at, agent in enumerate(request.agents):
        _check_agent(agent, where=f"agents[{at}]")
    for at, arrivals in enumerate(request.arrivals):
        _check_arrivals(arrivals, where=f"arrivals[{at}]")
    _check_names(request)
    _check_total(request)


def _check_agent(agent: WantedAgent, *, where: str) -> None:
    _whole(agent.replicas, least=1, most=MAX_REPLICAS, where=f"{where}.replicas")
    _within(agent.weight, least=0, most=MAX_AMOUNT, where=f"{where}.weight")
    if agent.weight == 0:
        raise PlacementError(
            "a weight of 0 says that the agent is not wanted",
            remedy="leave the agent out, or give it a weight above 0",
            where=f"{where}.weight",
        )
    _unique((each.digest for each in agent.constructs), where=f"{where}.constructs", what="digest")


def _check_arrivals(arrivals: Arrivals, *, where: str) -> None:
    for name in ("runs", "hours", "duration_s", "tokens"):
        _within(getattr(arrivals, name), least=0, most=MAX_AMOUNT, where=f"{where}.{name}")


def _check_names(request: PlacementInput) -> None:
    _unique((each.name for each in request.agents), where="agents", what="name")
    _unique((each.name for each in request.environments), where="environments", what="name")
    nodes = (node.name for each in request.environments for node in each.nodes)
    _unique(nodes, where="environments.nodes", what="name")
    _unique((each.agent for each in request.exclusions), where="exclusions", what="agent")
    pairs = (f"{each.agent}/{each.workflow}" for each in request.arrivals)
    _unique(pairs, where="arrivals", what="agent/workflow")
    _known((each.agent for each in request.exclusions), request=request, where="exclusions")
    _known((each.agent for each in request.arrivals), request=request, where="arrivals")


def _known(names: Iterable[str], *, request: PlacementInput, where: str) -> None:
    wanted = {each.name for each in request.agents}
    for at, name in enumerate(names):
        if name not in wanted:
            raise PlacementError(
                f"{name!r} is not among the wanted agents",
                remedy="name an agent of the bundle",
                where=f"{where}[{at}].agent",
            )


def _check_total(request: PlacementInput) -> None:
    total = sum(each.replicas for each in request.agents)
    if total > MAX_REPLICAS:
        raise PlacementError(
            f"{total} replicas are wanted, more than {MAX_REPLICAS}",
            remedy="split the fleet and ask for each part",
            where="agents",
        )


def _unique(names: Iterable[str], *, where: str, what: str) -> None:
    seen: set[str] = set()
    for at, name in enumerate(names):
        if name in seen:
            raise PlacementError(
                f"{what} {name!r} appears twice", remedy=_TWICE, where=f"{where}[{at}]"
            )
        seen.add(name)


def _share(value: float, *, where: str) -> None:
    if not 0.0 < value < 1.0:
        raise PlacementError(
            f"{value} is not strictly between 0 and 1",
            remedy="ask for a share such as 0.90",
            where=where,
        )


def _whole(value: object, *, least: int, most: int, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlacementError(f"{value!r} is not a whole number", remedy=_NUMBER, where=where)
    _within(value, least=least, most=most, where=where)


def _within(value: float, *, least: float, most: float, where: str) -> None:
    if not math.isfinite(value) or not least <= value <= most:
        raise PlacementError(
            f"{value} is not between {least:g} and {most:g}", remedy=_NUMBER, where=where
        )
