"""Belief cells add up to one value in any order, and refuse impossible counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.belief import BeliefCell, BeliefKey, HourCount, merge
from mythos.errors import EvidenceError

KEY = BeliefKey("cloud-eu", "refunds", "sha256:rules")
OTHER = BeliefKey("cloud-us", "refunds", "sha256:rules")

hour_counts = st.builds(
    HourCount,
    start_s=st.integers(0, 5).map(lambda hour: hour * 3_600),
    kept=st.integers(0, 9),
    broken=st.integers(0, 9),
    agent_digest=st.sampled_from(["v1", "v2"]),
)
cells = st.builds(BeliefCell, key=st.just(KEY), hours=st.lists(hour_counts, max_size=6).map(tuple))


@given(cells, cells, cells)
def test_merging_cells_in_any_order_or_grouping_gives_one_value(
    a: BeliefCell, b: BeliefCell, c: BeliefCell
) -> None:
    assert (a + b) + c == c + (b + a)
    assert merge([c, a, b]) == merge([*merge([a, b]), c]) == (a + b + c,)
    assert a + BeliefCell(KEY) == a


def test_hours_without_runs_leave_no_trace() -> None:
    assert BeliefCell(KEY, (HourCount(0, 0, 0, "v1"),)) == BeliefCell(KEY)


def test_versions_of_an_agent_stay_apart_within_an_hour() -> None:
    cell = BeliefCell(KEY, (HourCount(0, 1, 0, "v2"), HourCount(0, 2, 1, "v1")))
    assert cell.hours == (HourCount(0, 2, 1, "v1"), HourCount(0, 1, 0, "v2"))


def test_cells_of_two_keys_are_not_added() -> None:
    with pytest.raises(EvidenceError, match="two keys cannot be added"):
        BeliefCell(KEY) + BeliefCell(OTHER)


@pytest.mark.parametrize("kept", [-1, 2**53 + 1, 1.0, float("nan"), True])
def test_counts_that_are_no_whole_runs_are_refused(kept: int) -> None:
    with pytest.raises(EvidenceError, match="kept="):
        HourCount(0, kept, 0, "v1")
