"""The parts of the score, against numbers computed another way."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import Window, bit_range
from mythos.engines.resilience.beta import HIGH, LOW, probability_below, quantile
from mythos.engines.resilience.cells import Cells, count_cells
from mythos.engines.resilience.components import (
    Alignment,
    compliance,
    consistency,
    integrity,
    predictability,
)
from mythos.engines.resilience.presence import Presence
from mythos.values.reading import Component
from tests.engines.resilience.scenes import NOON, NOON_S, hour, row

HOUR = Window(NOON_S, NOON_S + 3_600)
OBSERVED = Presence(kind="telemetry")
COUNT = st.integers(0, 200)


def bounds(part: Component) -> tuple[float, float | None, float]:
    return part.low, part.mid, part.high


# Beta quantiles with a closed form.


def test_with_no_counts_the_quantile_is_that_of_the_arcsine_law() -> None:
    assert quantile(0.05, hits=0, misses=0) == pytest.approx(math.sin(math.pi * 0.05 / 2) ** 2)


def test_half_a_hit_and_half_a_miss_is_the_uniform_law() -> None:
    assert quantile(0.95, hits=0.5, misses=0.5) == pytest.approx(0.95)
    assert probability_below(0.8, hits=0.5, misses=0.5) == pytest.approx(0.8)


@pytest.mark.parametrize(("bound", "needed"), [(0.90, 18), (0.95, 38), (0.99, 191), (0.999, 1920)])
def test_clean_counts_needed_for_a_lower_bound(bound: float, needed: int) -> None:
    assert quantile(LOW, hits=needed, misses=0) >= bound
    assert quantile(LOW, hits=needed - 1, misses=0) < bound


# Policy compliance.


def test_a_stale_or_violated_active_cell_is_bad_before_it_is_unknown() -> None:
    rows = [hour(active=0b11111, bad=0b00001, stale=0b00110, unknown=0b01011)]
    cells = count_cells(rows, window=HOUR, presence=OBSERVED)
    assert (cells.good, cells.bad, cells.unknown) == (1, 3, 1)


def test_a_stale_cell_without_an_action_counts_nothing() -> None:
    cells = count_cells([hour(stale=0b1)], window=HOUR, presence=OBSERVED)
    assert (cells.active, cells.bad) == (0, 0)


def test_cells_outside_the_window_count_nothing() -> None:
    window = Window(NOON_S + 600, NOON_S + 1_199)
    cells = count_cells([hour(active=bit_range(0, 60))], window=window, presence=OBSERVED)
    assert cells.active == 10


def test_the_same_hour_under_two_bundles_is_counted_once() -> None:
    rows = [hour(active=0b011), hour(active=0b110, bad=0b010)]
    cells = count_cells(rows, window=HOUR, presence=OBSERVED)
    assert (cells.good, cells.bad) == (2, 1)


def test_cells_of_two_widths_are_read_in_a_common_one() -> None:
    fine = row("time", TimeBody(20, active=0b111_000), cell=NOON_S, width_s=3_600)
    cells = count_cells([fine, hour(active=0b1)], window=HOUR, presence=OBSERVED)
    assert (cells.cell_s, cells.active) == (60, 2)


def test_time_after_the_beat_is_overdue_adds_unknown_cells_at_the_usual_rate() -> None:
    # Beats cover 12:00 to 12:30, the newest is good until 12:33; 6 of these 33 cells were active.
    rows = [hour(active=bit_range(0, 6), bad=0b1, covered=bit_range(0, 30))]
    presence = Presence(newest_beat=NOON + timedelta(minutes=30))
    cells = count_cells(rows, window=HOUR, presence=presence)
    assert cells.covered == 33
    assert cells.uncovered_s == 27 * 60
    assert cells.uncovered == pytest.approx(27 * 6 / 33)


def test_an_idle_silent_node_still_adds_one_cell_in_sixty() -> None:
    presence = Presence(newest_beat=NOON + timedelta(minutes=30))
    cells = count_cells([hour(covered=bit_range(0, 30))], window=HOUR, presence=presence)
    assert cells.uncovered == pytest.approx(27 / 60)


def test_a_node_that_reports_by_file_is_covered_until_its_report_is_due() -> None:
    presence = Presence(newest_beat=NOON, report_every_s=1_800)
    cells = count_cells([hour(active=0b1)], window=HOUR, presence=presence)
    assert cells.uncovered_s == 1_800


def test_a_cut_last_cell_counts_only_its_part() -> None:
    presence = Presence(newest_beat=NOON)
    window = Window(NOON_S, NOON_S + 210)
    cells = count_cells([hour(active=0b1)], window=window, presence=presence)
    assert cells.uncovered_s == 30


def test_an_observed_node_has_no_uncovered_time() -> None:
    assert count_cells([hour(active=0b1)], window=HOUR, presence=OBSERVED).uncovered == 0


def test_compliance_is_the_plain_ratio_with_unknown_bad_in_low_and_good_in_high() -> None:
    part = compliance(Cells(60, good=9, bad=1, unknown=4, covered=60), applies=True)
    assert part.value == part.mid == 0.9
    assert part.low == pytest.approx(quantile(LOW, hits=9, misses=5))
    assert part.high == pytest.approx(quantile(HIGH, hits=13, misses=1))


def test_only_undecidable_cells_are_no_evidence() -> None:
    part = compliance(Cells(60, unknown=7, covered=60), applies=True)
    assert bounds(part) == (0.0, None, 1.0)
    assert part.value is None


def test_a_node_without_a_miss_may_be_perfect() -> None:
    part = compliance(Cells(60, good=18, covered=60), applies=True)
    assert (part.mid, part.high) == (1.0, 1.0)
    assert part.low == pytest.approx(0.9, abs=0.005)


# Workflow match.


def test_four_runs_are_insufficient_and_say_how_many_more() -> None:
    part = consistency(Alignment(runs=4, cost=0, worst=40), applies=True)
    assert bounds(part) == (0.0, None, 1.0)
    assert part.detail["more_runs_needed"] == 1


def test_match_is_one_minus_cost_over_worst_cost() -> None:
    part = consistency(Alignment(runs=10, cost=20, worst=100, open=3), applies=True)
    assert part.value == 0.8
    assert part.low == pytest.approx(quantile(LOW, hits=8, misses=2))
    assert part.detail["open"] == 3


def test_runs_of_nothing_against_nothing_match() -> None:
    assert consistency(Alignment(runs=5), applies=True).value == 1.0


# Memory integrity.


def audited(**found: int | bool) -> MemoryBody:
    return MemoryBody(**({"size": 9, "audited_at": 100} | found))  # type: ignore[arg-type]


def test_integrity_pools_the_logs_and_is_exact_without_writes() -> None:
    logs = {"a": [audited(ok=8, altered=1)], "b": [audited(ok=10, unlogged=1)]}
    assert bounds(integrity(logs, applies=True)) == (0.9, 0.9, 0.9)


def test_keys_written_since_the_audit_are_bad_in_low_and_good_in_high() -> None:
    part = integrity({"a": [audited(ok=9, missing=1, written_since=10)]}, applies=True)
    assert bounds(part) == (0.45, 0.9, 0.95)


def test_keys_of_a_log_that_grew_without_a_proof_are_bad_in_low() -> None:
    logs = {"a": [audited(ok=6)], "b": [audited(ok=3, missing=1)]}
    assert bounds(integrity(logs, applies=True, unproved={"b"})) == (0.6, 0.9, 0.9)


def test_one_failed_proof_makes_integrity_zero() -> None:
    logs = {"a": [audited(ok=10)], "b": [audited(ok=10, proof_failed=True)]}
    assert bounds(integrity(logs, applies=True)) == (0.0, 0.0, 0.0)


def test_a_log_cut_short_cannot_hide_behind_its_longer_past() -> None:
    logs = {"a": [audited(ok=10), audited(size=5, audited_at=200, proof_failed=True)]}
    assert integrity(logs, applies=True).mid == 0.0


def test_a_later_audit_that_holds_ends_the_failure() -> None:
    logs = {"a": [audited(proof_failed=True), audited(size=10, audited_at=200, ok=3)]}
    assert integrity(logs, applies=True).mid == 1.0


def test_an_empty_memory_with_a_valid_log_is_whole_and_no_log_is_unknown() -> None:
    assert integrity({"a": [audited()]}, applies=True).mid == 1.0
    assert bounds(integrity({}, applies=True)) == (0.0, None, 1.0)


# Outcome entropy.


def test_entropy_of_two_tools_by_hand() -> None:
    # p0 = 1/18; send (1 + 1/18)/10 = 0.105556, read (1/18)/10 = 0.005556
    # h2(0.105556) = 0.4862, h2(0.005556) = 0.0496; mean 0.2679
    part = predictability({"send": ActionBody(9, 1), "read": ActionBody(9, 0)}, applies=True)
    assert part.value == pytest.approx(0.2679, abs=1e-4)
    assert part.mid == pytest.approx(0.7321, abs=1e-4)
    assert part.low < 0.7321 < part.high


def test_no_governed_call_is_no_evidence_of_entropy() -> None:
    assert bounds(predictability({}, applies=True)) == (0.0, None, 1.0)


TOOLS = st.dictionaries(
    st.sampled_from("abc"),
    st.tuples(COUNT, COUNT).map(lambda pair: ActionBody(max(pair), min(pair))),
    min_size=1,
)


@given(TOOLS, st.sampled_from("abcd"))
def test_one_more_denied_call_never_lowers_entropy(tools: dict[str, ActionBody], tool: str) -> None:
    more = tools | {tool: tools.get(tool, ActionBody()) + ActionBody(1, 1)}
    before, after = predictability(tools, applies=True), predictability(more, applies=True)
    assert (after.value or 0) >= (before.value or 0) - 1e-12


@given(TOOLS)
def test_a_call_denied_instead_of_allowed_never_lowers_entropy(
    tools: dict[str, ActionBody],
) -> None:
    worse = {name: ActionBody(body.n, min(body.x + 1, body.n)) for name, body in tools.items()}
    before, after = predictability(tools, applies=True), predictability(worse, applies=True)
    assert (after.value or 0) >= (before.value or 0) - 1e-12


CELLS = st.builds(
    Cells, st.just(60), COUNT, COUNT, COUNT, st.integers(600, 2_000), st.floats(0, 10**6)
)


@given(CELLS)
def test_bounds_hold_the_index(cells: Cells) -> None:
    part = compliance(cells, applies=True)
    assert 0 <= part.low <= part.high <= 1
    assert part.mid is None or part.low <= part.mid <= part.high


@given(CELLS)
def test_a_good_cell_turned_bad_never_raises_any_bound(cells: Cells) -> None:
    worse = Cells(
        60,
        max(cells.good - 1, 0),
        cells.bad + bool(cells.good),
        cells.unknown,
        cells.covered,
        cells.uncovered_s,
    )
    before, after = compliance(cells, applies=True), compliance(worse, applies=True)
    assert after.low <= before.low + 1e-9
    assert after.high <= before.high + 1e-9
    assert (after.mid or 0) <= (1 if before.mid is None else before.mid)


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), min_size=2, max_size=12).map(
        lambda pairs: [ActionBody(n, min(n, x)) for n, x in pairs]
    ),
    st.randoms(use_true_random=False),
)
def test_entropy_is_the_same_to_the_last_bit_in_any_order_of_tools(
    bodies: list[ActionBody], order: object
) -> None:
    tools = {f"tool {number}": body for number, body in enumerate(bodies)}
    shuffled = list(tools.items())
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    one = predictability(tools, applies=True)
    other = predictability(dict(shuffled), applies=True)
    assert (one.value, one.low, one.mid, one.high) == (
        other.value, other.low, other.mid, other.high,
    )  # fmt: skip
