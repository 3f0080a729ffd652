"""Workflow summaries keep exact counts of a bounded choice of variants."""

from __future__ import annotations

from functools import reduce
from operator import add

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.engines.evidence.workflow import MAX_VARIANTS, WorkflowSummary, variant_digest
from mythos.errors import EvidenceError
from tests.engines.evidence.strategies import SUMMARY


def run(variant: int) -> WorkflowSummary:
    return WorkflowSummary(runs=1, variants={variant_digest([str(variant)]): 1})


@settings(max_examples=10)
@given(st.permutations(range(8)))
def test_beyond_the_cap_the_order_of_merging_still_changes_nothing(order: list[int]) -> None:
    parts = [reduce(add, (run(8 * n + part) for n in range(90))) for part in range(8)]
    whole = reduce(add, (parts[part] for part in order))
    assert whole == reduce(add, parts)
    assert len(whole.variants) == MAX_VARIANTS
    assert (whole.runs, whole.other) == (720, 720 - MAX_VARIANTS)


@given(st.lists(SUMMARY, max_size=5))
def test_a_total_is_what_adding_gives(parts: list[WorkflowSummary]) -> None:
    assert WorkflowSummary.total(parts) == reduce(add, parts, WorkflowSummary())


@given(st.permutations(range(MAX_VARIANTS + 40)))
def test_a_total_beyond_the_cap_is_what_adding_gives(order: list[int]) -> None:
    first, rest = order[:MAX_VARIANTS], order[MAX_VARIANTS - 9 :]
    many = WorkflowSummary(runs=MAX_VARIANTS, variants={f"{n:016x}": 1 for n in first})
    parts = [WorkflowSummary(runs=1, variants={f"{n:016x}": 1}) for n in rest]
    parts.insert(order[0] % len(parts), many)
    assert WorkflowSummary.total(parts) == reduce(add, parts, WorkflowSummary())


def test_more_fitting_runs_than_runs_are_refused() -> None:
    with pytest.raises(EvidenceError, match="at most the 2 runs"):
        WorkflowSummary(runs=2, fitting=3)


def test_a_cost_above_its_denominator_is_refused() -> None:
    with pytest.raises(EvidenceError, match="workflow cost_sum"):
        WorkflowSummary(runs=1, cost_sum=3, denom_sum=2)


def test_histograms_are_written_without_trailing_zeros() -> None:
    hist = (3, 0, 1) + (0,) * 14
    written = WorkflowSummary(runs=4, cost_hist=hist).to_json()
    assert written["cost_hist"] == [3, 0, 1]
    assert WorkflowSummary.from_json(written).cost_hist == hist
