"""Drift enters the score where a baseline was accepted, and is flagged when runs change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import Sample, Samples, Step
from mythos.engines.evidence.window import bit_range
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary, variant_digest
from mythos.engines.resilience.baseline import NEWEST_RUNS, Baseline, newest, pooled
from mythos.engines.resilience.facts import NodeFacts
from mythos.values.outcome import Outcome
from mythos.values.reading import Flag, Reading
from tests.engines.resilience.scenes import FLOW, NOON_S, OBSERVED, calls, codes, hour, part, read
from tests.engines.resilience.scenes import row as cell_row

CLEAN = (hour(active=bit_range(0, 60)), calls(600, 0))
DAY_S = 86_400
GOOD, HASTY = ("plan", "approve", "pay"), ("plan", "pay")


def worked(good: int, hasty: int, *, hours_ago: int = 0, agent: str = "payments") -> EvidenceRow:
    """Runs of the workflow in one cell: as it says, and without the approval."""
    runs = good + hasty
    summary = WorkflowSummary(
        runs=runs,
        fitting=good,
        cost_sum=hasty,
        denom_sum=6 * runs,
        variants={variant_digest(GOOD): good, variant_digest(HASTY): hasty},
        dev_runs={"skip:approve": hasty},
        df_runs={"plan>approve": good, "approve>pay": good, "plan>pay": hasty},
    )
    steps = tuple(Step("", name, "match" if name in HASTY else "skip", 0) for name in GOOD)
    kept = Sample(
        f"s{hours_ago}", f"t{hours_ago}", "", agent, NOON_S, Outcome.VIOLATED, "", steps=steps
    )
    body = WorkflowBody(summary, Samples.of([kept] if hasty else []))
    cell = NOON_S - hours_ago * 3_600
    return cell_row("workflow", body, subject=FLOW, agent=f"name:{agent}", cell=cell)


def accepted(good: int, hasty: int, *, days_ago: float = 10, **more: object) -> NodeFacts:
    """The facts of a node whose baseline ended some days ago."""
    summary = pooled([worked(good, hasty)])
    until_s = NOON_S - days_ago * DAY_S
    baseline = Baseline("1", FLOW, summary, until_s, "sha256:" + "b" * 64)
    return replace(OBSERVED, applies_workflow=True, baselines=(baseline,), **more)  # type: ignore[arg-type]


def drift_flag(reading: Reading) -> Flag | None:
    return next((flag for flag in reading.flags if flag.code == "WORKFLOW_DRIFT"), None)


def test_without_a_baseline_drift_does_not_apply_whatever_the_runs_do() -> None:
    facts = replace(OBSERVED, applies_workflow=True)
    reading = read(*CLEAN, worked(2, 48), facts=facts)
    assert not part(reading, "drift").applies
    assert reading.drift == ()
    assert reading.coverage == pytest.approx(0.65)


def test_the_same_behaviour_costs_nothing_and_raises_no_flag() -> None:
    reading = read(*CLEAN, worked(95, 5), facts=accepted(190, 10))
    drift = part(reading, "drift")
    assert (drift.applies, drift.value, drift.low, drift.mid, drift.high) == (True, 0, 1, 1, 1)
    assert reading.coverage == pytest.approx(0.75)
    assert drift_flag(reading) is None


def test_a_changed_behaviour_costs_score_and_is_flagged_with_what_changed() -> None:
    reading = read(*CLEAN, worked(50, 50), facts=accepted(190, 10))
    drift = part(reading, "drift")
    assert drift.value is not None
    assert 0 < drift.value < 1
    assert drift.low == drift.mid == drift.high == 1 - drift.value
    flag = drift_flag(reading)
    assert flag is not None
    assert (flag.severity, flag.component, flag.threshold) == ("warning", "drift", 0.02)
    assert flag.subject == "eu-pay-07/pay-invoice"
    assert "skip:approve in 5% of runs, now 50%" in flag.suggested_action
    assert [(ref.kind, ref.ref) for ref in flag.evidence] == [("baseline", "1"), ("trace", "t0")]


def test_tables_say_what_each_variant_did() -> None:
    (found,) = read(*CLEAN, worked(50, 50), facts=accepted(190, 10)).drift
    variants = next(table for table in found.tables if table.name == "variants")
    pairs = next(table for table in found.tables if table.name == "pairs")
    assert {change.label for change in variants.changes} == {
        "plan, pay",
        f"variant {variant_digest(GOOD)}",  # no kept run shows it
    }
    assert "plan → pay" in [change.label for change in pairs.changes]
    assert (variants.before, variants.now, variants.moved) == (200, 100, True)


def test_runs_that_the_baseline_holds_are_not_compared_with_it() -> None:
    """Right after an operator accepted the runs of this week, there is nothing to alarm about."""
    reading = read(*CLEAN, worked(190, 10), facts=accepted(190, 10, days_ago=-1))
    (found,) = reading.drift
    assert (found.n_since, found.tables, found.fit.e) == (0, (), 1.0)
    assert part(reading, "drift").mid == 1.0


def test_a_baseline_older_than_everything_in_the_window_and_four_runs_is_no_evidence() -> None:
    reading = read(*CLEAN, worked(4, 0), facts=accepted(190, 10))
    drift = part(reading, "drift")
    assert (drift.applies, drift.low, drift.mid, drift.high) == (True, 0, None, 1)
    assert drift.detail["more_runs_needed"] == 1
    assert reading.resilience.mid is None
    assert "drift" in reading.unknown_components


def test_the_alarm_looks_at_the_newest_runs_and_the_score_at_the_window() -> None:
    old = [worked(40, 0, hours_ago=hours) for hours in range(30, 200, 2)]
    reading = read(*CLEAN, *old, worked(150, 60), facts=accepted(1_000, 0, days_ago=12))
    (found,) = reading.drift
    assert found.n_since == 210
    assert found.runs == 210 + 40 * len(old)
    assert drift_flag(reading) is not None
    today = read(*CLEAN, worked(150, 60), facts=accepted(1_000, 0, days_ago=12))
    assert 0 < found.value < today.drift[0].value / 4


def test_few_runs_a_day_are_gathered_from_earlier_days() -> None:
    rows = [worked(10, 0, hours_ago=hours) for hours in range(0, 24 * 20, 12)]
    found = newest(rows, since_s=0, end_s=NOON_S)
    assert found.summary.runs == NEWEST_RUNS
    found = newest(rows, since_s=NOON_S - 5 * DAY_S, end_s=NOON_S)
    assert found.summary.runs == 110


def test_tests_made_at_other_nodes_ask_for_more() -> None:
    alone = drift_flag(read(*CLEAN, worked(17, 4), facts=accepted(190, 10)))
    assert alone is not None
    crowded = accepted(190, 10, drift_elsewhere=tuple([0.9] * 3_000))
    assert drift_flag(read(*CLEAN, worked(17, 4), facts=crowded)) is None


def test_runs_that_stop_fitting_slowly_are_told_by_the_bet() -> None:
    rows = [worked(1, 1, hours_ago=hours) for hours in range(30)]
    reading = read(*CLEAN, *rows, facts=accepted(190, 10))
    (found,) = reading.drift
    assert found.fit.e >= found.fit.alarm
    assert (found.fit.fitting, found.fit.runs) == (30, 60)
    flag = drift_flag(reading)
    assert flag is not None
    assert "30 of 60 runs fit" in flag.suggested_action
    assert max(point.e for point in found.fit.line) == pytest.approx(found.fit.peak)


def test_agents_of_one_node_are_compared_together() -> None:
    rows = (worked(50, 0), worked(0, 50, agent="other"))
    (found,) = read(*CLEAN, *rows, facts=accepted(190, 10)).drift
    assert found.runs == 100


@given(st.permutations([worked(3, 1, hours_ago=hours) for hours in range(6)]))
def test_the_order_of_rows_means_nothing(rows: list[EvidenceRow]) -> None:
    facts = accepted(190, 10)
    in_order = [worked(3, 1, hours_ago=hours) for hours in range(6)]
    assert read(*CLEAN, *rows, facts=facts).drift == read(*CLEAN, *in_order, facts=facts).drift


def test_a_flag_lasts_a_day_after_the_behaviour_is_back() -> None:
    facts = accepted(190, 10)
    before = read(*CLEAN, worked(50, 50), facts=facts)
    after = read(*CLEAN, worked(95, 5), facts=facts, previous_flags=before.flags)
    assert "WORKFLOW_DRIFT" in codes(after)
