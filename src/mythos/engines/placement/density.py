"""Ritual density projection: the load that the placed agents will see, with its spread.

Arrivals of an agent's workflow are Poisson with a rate ~ Gamma(½ + runs, 1 h + hours), so runs
within a horizon are negative binomial. Runs go to nodes by the share of replicas, and thinning a
Poisson stream gives Poisson streams. Runs at work at once follow Little's law: rate times mean
duration. Whether a node's token budget saturates is a Gamma tail with the mean and variance of
its token demand. Nothing is projected for an agent without a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from scipy.special import betainc, gammaincc

from mythos.engines.placement.plan import Plan
from mythos.engines.placement.request import Arrivals, PlacementInput
from mythos.engines.placement.rounding import rounded
from mythos.values.environment import FleetEnvironment, FleetNode
from mythos.values.recommendation import Cell

SCHEMA = "mythos.density/1"
PRIOR_RUNS, PRIOR_HOURS = 0.5, 1.0


@dataclass(frozen=True, slots=True)
class Count:
    """Negative binomial: a Poisson count whose rate is Gamma(shape), with the given mean >= 0."""

    shape: float
    mean: float

    def quantile(self, level: float) -> int:
        """Least k with P(count <= k) >= level, for a level in (0, 1); 0 when the mean is 0."""
        if self.mean <= 0:
            return 0
        p = self.shape / (self.shape + self.mean)
        low, high = -1, 1
        while betainc(self.shape, high + 1, p) < level:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            if betainc(self.shape, middle + 1, p) >= level:
                high = middle
            else:
                low = middle
        return high


@dataclass(frozen=True, slots=True)
class Flow:
    """Runs of one agent and workflow that come to one node: `share` of their arrivals."""

    arrivals: Arrivals
    node: FleetNode
    share: float

    @property
    def shape(self) -> float:
        """Shape of the rate's posterior."""
        return PRIOR_RUNS + self.arrivals.runs

    @property
    def per_hour(self) -> float:
        """Expected runs an hour on this node."""
        return self.share * self.shape / (PRIOR_HOURS + self.arrivals.hours)

    def within(self, seconds: float) -> Count:
        """Runs that arrive within a time."""
        return Count(self.shape, self.per_hour * seconds / 3_600)


def density_projection(
    environment: FleetEnvironment,
    request: PlacementInput,
    *,
    cells: Sequence[Cell],
    plan: Plan,
) -> dict[str, JsonValue]:
    """Project the load of one environment over the request's horizon.

    Args:
        environment: the environment with its nodes, by name.
        request: the ordered request (arrivals, horizon, agents).
        cells: the cell of each agent here; its workflow posteriors give `drift_risk`.
        plan: the whole plan.

    Returns:
        One cell a (node, agent, workflow) with expected arrivals, and totals. Over all
        environments the means of a workflow sum to its rate times the horizon when any of its
        replicas is placed. `p_saturated` is the node's and never falls when arrivals rise.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6; Little (1961).
    """
    resources = {agent.name: agent.resources for agent in request.agents}
    drift = {
        (cell.agent, each.name): 1.0 - each.mean
        for cell in cells
        for each in cell.posteriors
        if each.kind == "workflow"
    }
    flows = {node.name: _flows(node, request, plan) for node in environment.nodes}
    listed: list[JsonValue] = []
    for node in environment.nodes:
        used = _utilisation(node, flows[node.name], plan.used(node.name, resources))
        for flow in flows[node.name]:
            risk = drift.get((flow.arrivals.agent, flow.arrivals.workflow))
            listed.append(
                _cell(flow, horizon_s=request.horizon_s)
                | used
                | {"drift_risk": None if risk is None else rounded(risk)}
            )
    everything = [flow for here in flows.values() for flow in here]
    return {
        "schema": SCHEMA,
        "horizon": f"PT{request.horizon_s}S",
        "cells": listed,
        "totals": _totals(everything, horizon_s=request.horizon_s),
    }


def p_saturated(flows: Iterable[Flow], *, tokens_per_min: float) -> float:
    """Probability that token demand exceeds a node's budget in a minute, in [0, 1].

    Demand is a sum of runs times tokens; a Gamma of equal mean and variance stands for it.
    """
    mean = variance = 0.0
    for flow in flows:
        runs, tokens = flow.within(60), flow.arrivals.tokens
        mean += runs.mean * tokens
        variance += (runs.mean + runs.mean**2 / runs.shape) * tokens**2
    if mean <= 0:
        return 0.0
    return float(gammaincc(mean**2 / variance, tokens_per_min * mean / variance))


def _flows(node: FleetNode, request: PlacementInput, plan: Plan) -> list[Flow]:
    here = {each.agent: each.replicas for each in plan.placed if each.node == node.name}
    return [
        Flow(each, node, share=here[each.agent] / plan.replicas(each.agent))
        for each in request.arrivals
        if each.agent in here
    ]


def _cell(flow: Flow, *, horizon_s: int) -> dict[str, JsonValue]:
    runs = flow.within(horizon_s)
    at_once = flow.within(flow.arrivals.duration_s)
    p95, tokens = runs.quantile(0.95), flow.arrivals.tokens
    return {
        "node": flow.node.name,
        "agent": flow.arrivals.agent,
        "ritual": flow.arrivals.workflow,
        "runs": {"mean": rounded(runs.mean), "p05": runs.quantile(0.05), "p95": p95},
        "concurrent": {"mean": rounded(at_once.mean), "p95": at_once.quantile(0.95)},
        "tokens_per_min": {
            "mean": rounded(flow.within(60).mean * tokens),
            "p95": rounded(p95 * tokens * 60 / horizon_s),
        },
    }


def _utilisation(
    node: FleetNode, flows: Sequence[Flow], used: Mapping[str, int]
) -> dict[str, JsonValue]:
    capacity = node.capacity
    tokens = sum(flow.within(60).mean * flow.arrivals.tokens for flow in flows)
    shares: dict[str, JsonValue] = {
        "cpu": _share(used["cpu_m"], capacity.cpu_m),
        "memory": _share(used["memory_mb"], capacity.memory_mb),
        "tokens": _share(tokens, capacity.tokens_per_min),
    }
    saturated = p_saturated(flows, tokens_per_min=capacity.tokens_per_min)
    return {"utilisation": shares, "p_saturated": rounded(saturated)}


def _share(used: float, capacity: int) -> float | None:
    """Used of capacity; None where there is no capacity to share."""
    return rounded(used / capacity) if capacity else None


def _totals(flows: Sequence[Flow], *, horizon_s: int) -> JsonValue:
    return {
        "runs": rounded(sum(flow.within(horizon_s).mean for flow in flows)),
        "concurrent": rounded(sum(flow.within(flow.arrivals.duration_s).mean for flow in flows)),
        "tokens_per_min": rounded(
            sum(flow.within(60).mean * flow.arrivals.tokens for flow in flows)
        ),
    }
