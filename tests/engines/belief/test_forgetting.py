"""Old runs count less, other versions a quarter, and a surprise cuts a good name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom

from mythos.engines.belief import HALF_LIFE_S, BeliefCell, BeliefKey, HourCount, remember
from mythos.engines.belief.forgetting import beta_binomial_cdf
from mythos.errors import EvidenceError

KEY = BeliefKey("cloud-eu", "refunds", "sha256:rules")
HOUR = 3_600


def cell(*hours: HourCount) -> BeliefCell:
    return BeliefCell(KEY, hours)


def test_a_run_counts_half_after_one_half_life() -> None:
    memory = remember(cell(HourCount(0, 8, 2, "v1")), agent_digest="v1", as_of_s=HALF_LIFE_S)
    assert (memory.kept, memory.broken) == (4.0, 1.0)
    assert (memory.n_kept, memory.n_broken) == (8, 2)


def test_own_runs_do_not_age() -> None:
    memory = remember(cell(HourCount(0, 8, 2, "v1")), agent_digest="v1", as_of_s=HALF_LIFE_S)
    assert memory.own_runs == 10.0


def test_another_version_counts_a_quarter() -> None:
    memory = remember(cell(HourCount(0, 8, 4, "v1")), agent_digest="v2", as_of_s=0)
    assert (memory.kept, memory.broken, memory.own_runs) == (2.0, 1.0, 3.0)
    assert memory.n_other_version == 12


def test_given_an_hour_held_for_impossible_then_the_clean_runs_before_count_a_tenth() -> None:
    memory = remember(
        cell(HourCount(0, 100, 0, "v1"), HourCount(HOUR, 0, 10, "v1")),
        agent_digest="v1",
        as_of_s=HOUR,
    )
    assert memory.surprises == (HOUR,)
    assert memory.kept == pytest.approx(10, rel=0.01)
    assert memory.broken == 10


def test_one_broken_run_among_many_clean_is_no_surprise() -> None:
    memory = remember(
        cell(HourCount(0, 40, 0, "v1"), HourCount(HOUR, 9, 1, "v1")), agent_digest="v1", as_of_s=0
    )
    assert memory.surprises == ()


def test_evidence_from_the_future_is_refused_beyond_an_hour_of_clock_skew() -> None:
    ahead = cell(HourCount(2 * HOUR, 1, 0, "v1"))
    assert remember(ahead, agent_digest="v1", as_of_s=HOUR).kept == 1.0
    with pytest.raises(EvidenceError, match="after the moment it is read"):
        remember(ahead, agent_digest="v1", as_of_s=HOUR - 1)


@pytest.mark.parametrize("half_life_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_half_life_that_is_no_positive_number_is_refused(half_life_s: float) -> None:
    with pytest.raises(EvidenceError, match="half_life_s"):
        remember(cell(), agent_digest="v1", as_of_s=0, half_life_s=half_life_s)


@given(st.integers(1, 60), st.data(), st.floats(0.1, 80), st.floats(0.1, 80))
def test_the_predictive_check_agrees_with_the_reference_distribution(
    n: int, data: st.DataObject, a: float, b: float
) -> None:
    k = data.draw(st.integers(0, n))
    expected = float(betabinom.cdf(k, n, a, b))
    assert beta_binomial_cdf(k, n=n, a=a, b=b) == pytest.approx(expected, abs=1e-9)


def test_large_hours_are_judged_by_their_share() -> None:
    exact = beta_binomial_cdf(9_000, n=10_000, a=50, b=5)
    assert beta_binomial_cdf(9_001, n=10_001, a=50, b=5) == pytest.approx(exact, abs=1e-3)
