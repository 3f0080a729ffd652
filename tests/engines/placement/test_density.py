"""Projected load: sums, quantiles and monotonicity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom

from mythos.engines.placement import Arrivals, recommend
from mythos.engines.placement.density import Count, Flow, p_saturated
from mythos.values.environment import FleetNode
from tests.engines.placement.fleets import FLOW, RULES, agent, environment, question, seen

ARRIVALS = Arrivals("refunds", "refund-flow", runs=100, hours=10, duration_s=60, tokens=2_000)


def projected(arrivals: Arrivals, *, replicas: int = 5) -> list[dict[str, Any]]:
    asked = question(
        (agent(replicas=replicas, constructs=(RULES, FLOW)),),
        (environment("a", 4_000, 4_000), environment("b")),
        seen("a", 60, 0),
        seen("a", 60, 0, construct=FLOW),
        seen("b", 60, 0),
        seen("b", 60, 0, construct=FLOW),
        arrivals=(arrivals,),
    )
    slices: list[Any] = [
        each.ritual_density_projection["cells"] for each in recommend(asked).environments
    ]
    return [cell for cells in slices for cell in cells]


def test_the_cells_sum_to_the_rate_times_the_horizon() -> None:
    means = [cell["runs"]["mean"] for cell in projected(ARRIVALS)]
    assert sum(means) == pytest.approx(100.5 / 11, abs=1e-5)


def test_runs_at_once_follow_littles_law() -> None:
    at_once = [cell["concurrent"]["mean"] for cell in projected(ARRIVALS)]
    assert sum(at_once) == pytest.approx(100.5 / 11 * 60 / 3_600, abs=1e-5)


def test_drift_risk_is_the_expected_share_of_runs_that_stray() -> None:
    assert all(0 < cell["drift_risk"] < 0.1 for cell in projected(ARRIVALS))
    (other,) = {cell["drift_risk"] for cell in projected(replace(ARRIVALS, workflow="other"))}
    assert other is None


def test_an_agent_without_a_place_projects_no_load() -> None:
    asked = question((agent(),), (environment("a"),), seen("a", 0, 99), arrivals=(ARRIVALS,))
    (advice,) = recommend(asked).environments
    assert advice.ritual_density_projection["cells"] == []
    assert advice.ritual_density_projection["totals"] == {
        "runs": 0.0,
        "concurrent": 0.0,
        "tokens_per_min": 0.0,
    }


@given(st.floats(0.5, 500), st.floats(0.01, 500), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantiles_agree_with_the_reference_distribution(
    shape: float, mean: float, level: float
) -> None:
    found = Count(shape, mean).quantile(level)
    reference = nbinom(shape, shape / (shape + mean))
    assert reference.cdf(found) >= level - 1e-9
    assert found == 0 or reference.cdf(found - 1) <= level + 1e-9


@settings(max_examples=50)
@given(st.integers(0, 5_000), st.integers(0, 500), st.integers(1, 100_000))
def test_saturation_never_falls_when_arrivals_rise(runs: int, more: int, budget: int) -> None:
    def saturated(count: int) -> float:
        flow = Flow(replace(ARRIVALS, runs=count), FleetNode(name="n"), share=0.5)
        return p_saturated([flow], tokens_per_min=budget)

    assert saturated(runs) <= saturated(runs + more) + 1e-12


def test_a_node_without_tokens_is_saturated_by_any_demand() -> None:
    flow = Flow(ARRIVALS, FleetNode(name="n"), share=1.0)
    assert p_saturated([flow], tokens_per_min=0) == 1.0
    assert p_saturated([], tokens_per_min=0) == 0.0
