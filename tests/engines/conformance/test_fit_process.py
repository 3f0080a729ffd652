"""The bet on fitting runs: it may be looked at every hour, and still seldom cries wolf."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.conformance.fit_process import (
    ALARM,
    ALPHA,
    CEILING,
    FitProcess,
    follow,
    null_share,
)

HOURS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda two: (min(two), max(two))),
    max_size=12,
)


def hours_of(share: float, *, hours: int, runs: int, dice: random.Random) -> list[tuple[int, int]]:
    return [(sum(dice.random() < share for _ in range(runs)), runs) for _ in range(hours)]


@given(st.floats(0.05, 0.99), HOURS)
def test_the_bet_is_never_lost_beyond_nothing_nor_won_beyond_its_ceiling(
    null: float, hours: list[tuple[int, int]]
) -> None:
    for process in follow(FitProcess(null), hours):
        assert 0 < process.value <= CEILING * (1 + 1e-9)


@given(st.floats(0.05, 0.95), st.integers(1, 12), HOURS)
def test_a_fair_hour_leaves_the_expected_bet_no_larger(
    null: float, runs: int, hours: list[tuple[int, int]]
) -> None:
    process = ([FitProcess(null), *follow(FitProcess(null), hours)])[-1]
    for share in (null, (1 + null) / 2, 1.0):
        expected = math.fsum(
            math.comb(runs, fitting)
            * share**fitting
            * (1 - share) ** (runs - fitting)
            * process.after(fitting=fitting, runs=runs).value
            for fitting in range(runs + 1)
        )
        assert expected <= process.value * (1 + 1e-9)


@given(HOURS, HOURS)
def test_following_in_parts_gives_the_same_bet(
    early: list[tuple[int, int]], late: list[tuple[int, int]]
) -> None:
    start = FitProcess(0.9)
    whole = follow(start, early + late)
    middle = ([start, *follow(start, early)])[-1]
    assert follow(middle, late) == whole[len(early) :]


def test_looked_at_every_hour_for_a_month_it_seldom_alarms_without_a_change() -> None:
    null = null_share(fitting=190, runs=200)
    alarms = 0
    for month in range(100):
        hours = hours_of(0.95, hours=24 * 28, runs=2, dice=random.Random(month))
        alarms += any(each.value >= ALARM for each in follow(FitProcess(null), hours))
    assert alarms <= 100 * ALPHA + 2


def test_a_sudden_change_after_a_long_good_time_is_found_within_hours() -> None:
    null = null_share(fitting=190, runs=200)
    dice = random.Random(3)
    good, bad = (hours_of(share, hours=200, runs=5, dice=dice) for share in (0.95, 0.5))
    values = [each.value for each in follow(FitProcess(null), good + bad)]
    first = next(hour for hour, value in enumerate(values) if value >= ALARM)
    assert 200 <= first <= 212


def test_it_recovers_when_runs_fit_again() -> None:
    null = null_share(fitting=190, runs=200)
    after = follow(FitProcess(null), [(0, 20)] * 500 + [(20, 20)] * 40)
    assert after[499].value == pytest.approx(CEILING)
    assert after[-1].value < ALARM


def test_the_baselines_share_is_believed_only_as_far_as_its_runs_go() -> None:
    assert null_share(fitting=0, runs=50) == 0.0
    assert null_share(fitting=50, runs=50) == pytest.approx(0.01 ** (1 / 50))
    assert null_share(fitting=10, runs=10) < null_share(fitting=1_000, runs=1_000) < 1


def test_a_baseline_of_which_nothing_fits_can_get_no_worse() -> None:
    assert follow(FitProcess(0.0), [(0, 50)])[-1].value == 1.0
