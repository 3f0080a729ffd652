"""Runs that do not follow their workflow lower the score and raise a flag that names them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import Sample, Samples
from mythos.engines.evidence.window import bit_range
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary
from mythos.values.outcome import Outcome
from mythos.values.reading import Flag, Reading
from tests.engines.resilience.scenes import (
    FLOW,
    NOON_S,
    OBSERVED,
    aligned,
    calls,
    codes,
    hour,
    part,
    read,
    row,
)

CLEAN = (hour(active=bit_range(0, 60)), calls(600, 0))
WORKING = replace(OBSERVED, applies_workflow=True, skip_weights={FLOW: {"confirm": 5, "notify": 4}})


def misfit(reading: Reading) -> Flag | None:
    return next((flag for flag in reading.flags if flag.code == "WORKFLOW_NONCONFORMANT"), None)


def test_workflow_match_is_pooled_over_the_window() -> None:
    reading = read(aligned(5, 5), aligned(5, 3, cost=20, hours_ago=48), *CLEAN, facts=WORKING)
    match = part(reading, "ritual_execution_consistency")
    assert (match.value, match.n) == (0.9, 10)
    assert reading.runs == 10
    assert reading.coverage == 0.65


def test_runs_that_fit_too_seldom_are_flagged_with_the_probability() -> None:
    # P(share < 0.8) under Beta(5.5, 5.5), by numerical integration: 0.9849
    flag = misfit(read(*CLEAN, aligned(10, 5, cost=5), facts=WORKING))
    assert flag is not None
    assert flag.subject == "eu-pay-07/payments/pay-invoice"
    assert (flag.value, flag.threshold, flag.window_s) == (0.5, 0.8, 86_400)
    assert flag.probability == pytest.approx(0.9849, abs=1e-4)
    assert [(ref.kind, ref.ref) for ref in flag.evidence] == [("trace", "t9")]


def test_runs_that_may_still_fit_often_enough_are_not_flagged() -> None:
    assert misfit(read(*CLEAN, aligned(10, 7, cost=5), facts=WORKING)) is None


def test_four_runs_are_too_few_for_a_probability() -> None:
    assert misfit(read(*CLEAN, aligned(4, 0, cost=50), facts=WORKING)) is None


def test_runs_of_the_day_before_are_left_out() -> None:
    assert misfit(read(*CLEAN, aligned(10, 0, cost=50, hours_ago=26), facts=WORKING)) is None


def test_one_skipped_step_of_weight_five_is_enough() -> None:
    flag = misfit(read(*CLEAN, aligned(3, 2, cost=5, confirm=1), facts=WORKING))
    assert flag is not None
    assert "confirm in 1 of 3 runs" in flag.suggested_action
    assert flag.probability is None


def test_a_skipped_step_of_weight_four_is_not() -> None:
    assert misfit(read(*CLEAN, aligned(3, 2, cost=4, notify=1), facts=WORKING)) is None


def test_open_and_inexact_runs_stand_apart() -> None:
    summary = WorkflowSummary(runs=9, fitting=6, open=2, inexact=1, cost_sum=0, denom_sum=60)
    reading = read(
        row("workflow", WorkflowBody(summary), subject=FLOW, agent="name:payments"),
        facts=replace(OBSERVED, applies_workflow=True),
    )
    match = part(reading, "ritual_execution_consistency")
    assert (match.n, match.detail["open"], match.detail["inexact"]) == (6, 2, 1)
    assert reading.runs == 9


def strayed(*names: str, hours_ago: int = 0) -> EvidenceRow:
    seen = [
        Sample(f"s{n}", f"t{n}", "", "payments", NOON_S, Outcome.UNDECIDABLE, name)
        for n, name in enumerate(names)
    ]
    body = WorkflowBody(WorkflowSummary(runs=len(names), inexact=len(names)), Samples.of(seen))
    return row("workflow", body, agent="name:payments", cell=NOON_S - hours_ago * 3_600)


def test_a_run_that_names_an_unknown_workflow_is_flagged_as_information() -> None:
    reading = read(aligned(5, 5), strayed("pay-invoise"), *CLEAN, facts=WORKING)
    [flag] = [one for one in reading.flags if one.code == "WORKFLOW_UNKNOWN"]
    assert (flag.severity, flag.subject, flag.value) == ("info", "eu-pay-07/payments", 1)
    assert "(pay-invoise)" in flag.suggested_action
    assert [ref.ref for ref in flag.evidence] == ["t0"]
    match = part(reading, "ritual_execution_consistency")
    assert (match.n, match.value, match.detail["inexact"]) == (5, 1.0, 0)


def test_an_unknown_workflow_of_the_day_before_is_no_news() -> None:
    reading = read(aligned(5, 5), strayed("old", hours_ago=48), *CLEAN, facts=WORKING)
    assert "WORKFLOW_UNKNOWN" not in codes(reading)
