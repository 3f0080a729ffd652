"""Tests of significance keep the level they promise, and are the same for everybody."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from mythos.engines.conformance.drift import compare
from mythos.engines.conformance.significance import adjusted, fisher_p, permutation_p
from tests.engines.conformance.behaviour import moved, observed, ways, zipf

COUNTS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)
WINDOWS = 400


def split(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [one for one, _ in pairs], [other for _, other in pairs]


@given(COUNTS)
def test_p_is_a_probability_and_does_not_depend_on_which_sample_is_called_first(
    pairs: list[tuple[int, int]],
) -> None:
    one, other = split(pairs)
    p = permutation_p(one, other)
    assert 0 < p <= 1
    assert permutation_p(other, one) == p == permutation_p(one, other)


@given(COUNTS, st.integers(1, 5))
def test_equal_shares_are_no_evidence_at_all(pairs: list[tuple[int, int]], times: int) -> None:
    one, _ = split(pairs)
    assert permutation_p(one, [count * times for count in one]) == pytest.approx(1.0)


def test_a_behaviour_that_was_replaced_has_the_least_p_that_shuffles_can_give() -> None:
    assert permutation_p([50, 0], [0, 50]) == 1 / 1000


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_fishers_test_agrees_with_scipys(hits: int, misses: int, more: int, others: int) -> None:
    expected = float(fisher_exact([[hits, misses], [more, others]]).pvalue)
    assert fisher_p(hits, hits + misses, more, more + others) == pytest.approx(expected, rel=1e-6)


@given(st.lists(st.floats(1e-9, 1), max_size=20))
def test_q_is_at_least_p_and_keeps_the_order(p_values: list[float]) -> None:
    q_values = adjusted(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, q_values, strict=True))
    ranked = [q for _, q in sorted(zip(p_values, q_values, strict=True))]
    assert ranked == sorted(ranked)


def test_q_values_of_the_textbook() -> None:
    # sorted p times 8 over rank, then the least of those to the right
    p_values = (0.01, 0.04, 0.03, 0.005, 0.55, 0.2, 0.045, 0.9)
    q_values = (0.04, 0.072, 0.072, 0.04, 0.55 * 8 / 7, 0.2 * 8 / 6, 0.072, 0.9)
    assert adjusted(p_values) == pytest.approx(q_values)


def alarms(runs: int, *, kinds: int, before: int = 1_000, windows: int = WINDOWS) -> float:
    """Share of windows without any drift in which the test of variants has p <= 0.05."""
    known, weights = ways(kinds), zipf(kinds)
    found = 0
    for window in range(windows):
        dice = random.Random(f"{kinds}/{runs}/{window}")
        one = observed(before, known, weights, dice=dice)
        found += compare(one, observed(runs, known, weights, dice=dice))[0].p <= 0.05
    return found / windows


@pytest.mark.parametrize("kinds", [8, 40])
@pytest.mark.parametrize("runs", [20, 50])
def test_one_window_in_twenty_without_drift_looks_like_drift(runs: int, kinds: int) -> None:
    assert 0.02 <= alarms(runs, kinds=kinds) <= 0.08


def test_a_workflow_whose_runs_are_nearly_all_different_does_not_drift_for_it() -> None:
    assert alarms(100, kinds=800, before=400, windows=200) <= 0.08


def test_three_runs_in_ten_that_changed_are_found_among_two_hundred() -> None:
    known, weights = ways(8), zipf(8)
    found = 0
    for window in range(50):
        dice = random.Random(f"power/{window}")
        one = observed(1_000, known, weights, dice=dice)
        found += compare(one, observed(200, known, moved(weights, 0.3), dice=dice))[0].p <= 0.05
    assert found >= 45
