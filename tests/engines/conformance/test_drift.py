"""Drift: the same behaviour is never drift, a changed one is named, and order means nothing."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.conformance.drift import (
    NO_DEVIATION,
    OTHER,
    Table,
    compare,
    divergence,
    has_moved,
    verdicts,
)
from mythos.engines.conformance.drift_index import drift_index
from mythos.engines.evidence.workflow import MAX_VARIANTS, WorkflowSummary
from tests.engines.conformance.behaviour import moved, observed, ways, zipf

KNOWN = ways(8)
COUNTS = st.lists(st.integers(0, 20), min_size=8, max_size=8)
TABLES = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 30))


def summary(counts: list[int]) -> WorkflowSummary:
    """Runs that went each way so many times."""
    parts = [
        observed(n, [way], [1], dice=random.Random(0)) for n, way in zip(counts, KNOWN, strict=True)
    ]
    total = sum(parts, start=WorkflowSummary())
    return replace(total, fitting=counts[0])


SUMMARIES = COUNTS.map(summary)


@given(SUMMARIES)
def test_the_same_runs_are_no_drift(runs: WorkflowSummary) -> None:
    tables = compare(runs, runs)
    assert [table.jsd for table in tables] == [0.0, 0.0, 0.0]
    assert [table.p for table in tables] == pytest.approx([1.0, 1.0, 1.0])
    assert drift_index(runs, runs).value == 0.0


@given(SUMMARIES, SUMMARIES)
def test_swapping_baseline_and_now_swaps_the_counts_alone(
    one: WorkflowSummary, other: WorkflowSummary
) -> None:
    for table, swapped in zip(compare(one, other), compare(other, one), strict=True):
        assert (table.p, table.jsd) == pytest.approx((swapped.p, swapped.jsd))
        assert (table.before, table.now) == (swapped.now, swapped.before)
    assert drift_index(one, other) == pytest.approx(drift_index(other, one))


@given(st.lists(COUNTS, min_size=1, max_size=5), SUMMARIES, st.randoms(use_true_random=False))
def test_merging_the_runs_in_any_order_gives_one_result(
    parts: list[list[int]], baseline: WorkflowSummary, dice: random.Random
) -> None:
    merged = sum(map(summary, parts), start=WorkflowSummary())
    dice.shuffle(parts)
    again = sum(map(summary, parts), start=WorkflowSummary())
    assert compare(baseline, merged) == compare(baseline, again)


@given(TABLES, TABLES)
def test_the_divergence_lies_between_nothing_and_one_bit(
    one: dict[str, int], other: dict[str, int]
) -> None:
    assert 0 <= divergence(one, other) <= 1
    assert divergence(one, other) == pytest.approx(divergence(other, one))


def test_the_divergence_of_two_coins() -> None:
    """The entropy of their mixture, less the mean of their own: 0.8113 - 0.5 bits."""
    assert divergence({"a": 5, "b": 5}, {"a": 10}) == pytest.approx(0.31127812)
    assert divergence({"a": 3}, {"b": 9}) == 1.0
    assert divergence({}, {"b": 9}) == 1.0


def test_the_categories_that_changed_are_named_with_their_counts() -> None:
    before = WorkflowSummary(
        runs=100, fitting=98, dev_runs={"skip:approve": 2}, df_runs={"a>b": 100, "b>c": 98}
    )
    now = WorkflowSummary(
        runs=50, fitting=30, dev_runs={"skip:approve": 20}, df_runs={"a>b": 50, "b>c": 30}
    )
    _, deviations, pairs = compare(before, now)
    worst = deviations.changes[0]
    assert (worst.key, worst.before, worst.now) == ("skip:approve", 2, 20)
    assert worst.p is not None
    assert worst.p < 1e-6
    assert {change.key for change in deviations.changes} == {"skip:approve", NO_DEVIATION}
    assert pairs.changes[0].key == "b>c"


def test_variants_beyond_the_commonest_are_one_category() -> None:
    many = {f"{n:016x}": 1 for n in range(200)}
    common = {"f" * 16: 300}
    table = compare(
        WorkflowSummary(runs=500, variants=many | common), WorkflowSummary(runs=300, variants=many)
    )[0]
    counts = {change.key: (change.before, change.now) for change in table.changes}
    assert counts["f" * 16] == (300, 0)
    assert counts[OTHER] == (200 - 63, 300 - 63)


def test_a_variant_that_overflow_forgot_on_one_side_is_no_difference() -> None:
    """512 variants are kept; what a busier window pushed out is among the others on both sides."""
    late = f"{'f' * 16}"
    before = WorkflowSummary(runs=100, variants={late: 100})
    many = {f"{n:016x}": 1 for n in range(MAX_VARIANTS)}
    crowded = WorkflowSummary(runs=200, variants={late: 100}) + WorkflowSummary(
        runs=MAX_VARIANTS, variants=many
    )
    assert late not in crowded.variants
    assert late not in [change.key for change in compare(before, crowded)[0].changes]


def test_a_real_but_small_difference_is_no_drift_and_nor_is_a_large_chance() -> None:
    table = Table("pairs", before=1_000, now=50, p=0.001, jsd=0.5, changes=())
    assert has_moved(table, q=0.049)
    assert not has_moved(table, q=0.05)
    assert not has_moved(replace(table, jsd=0.019), q=0.001)


def test_many_tests_in_a_window_ask_for_more() -> None:
    table = Table("variants", before=100, now=50, p=0.01, jsd=0.5, changes=())
    assert verdicts([table]) == (0.01,)
    assert verdicts([table], elsewhere=[0.9] * 9) == (0.1,)
    assert verdicts([]) == ()


@pytest.mark.parametrize("kinds", [2, 8, 40])
@pytest.mark.parametrize("runs", [20, 200])
def test_without_drift_the_index_is_nearly_always_nothing(runs: int, kinds: int) -> None:
    known, weights = ways(kinds), zipf(kinds)
    above = 0
    for window in range(100):
        dice = random.Random(f"{kinds}/{runs}/{window}")
        baseline = observed(500, known, weights, dice=dice)
        above += drift_index(baseline, observed(runs, known, weights, dice=dice)).value > 0
    assert above <= 8


def test_the_index_grows_with_what_changed_and_ends_at_one() -> None:
    dice = random.Random(1)
    known, weights = ways(8), zipf(8)
    baseline = observed(2_000, known, weights, dice=dice)
    values = [
        drift_index(baseline, observed(2_000, known, moved(weights, share), dice=dice)).value
        for share in (0.0, 0.5, 1.0)
    ]
    assert values[0] == 0 < values[1] < values[2] < 1
    strange = WorkflowSummary(runs=2_000, df_runs={"x>y": 2_000})
    assert drift_index(baseline, strange).value == pytest.approx(1.0)


def test_without_runs_there_is_no_drift() -> None:
    some = WorkflowSummary(runs=9, df_runs={"a>b": 9})
    assert drift_index(some, WorkflowSummary()).value == 0.0
    assert [table.p for table in compare(some, WorkflowSummary())] == [1.0, 1.0, 1.0]
