"""The score: bounded, monotone, zero with any part, and split exactly."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mythos.engines.resilience.components import UNITS, WEIGHTS
from mythos.engines.resilience.score import score
from mythos.values.reading import Component, ComponentName

NAMES: list[ComponentName] = list(WEIGHTS)


def part(
    name: ComponentName, mid: float | None, low: float | None = None, high: float | None = None
) -> Component:
    return Component(
        name=name,
        applies=True,
        value=mid,
        low=low if low is not None else mid or 0.0,
        mid=mid,
        high=high if high is not None else (1.0 if mid is None else mid),
        weight=WEIGHTS[name],
        unit=UNITS[name],
    )


def absent(name: ComponentName) -> Component:
    return part(name, None).model_copy(update={"applies": False})


@st.composite
def parts(draw: st.DrawFn) -> list[Component]:
    made = []
    for name in NAMES:
        low, mid, high = sorted(draw(st.tuples(*[st.floats(0, 1)] * 3)))
        known = draw(st.booleans()) or draw(st.booleans())
        one = part(name, mid, low, high) if known else part(name, None)
        made.append(one if draw(st.booleans()) or draw(st.booleans()) else absent(name))
    return made


def test_a_score_by_hand() -> None:
    # (0.3 ln 0.9 + 0.25 ln 0.8 + 0.25 ln 1 + 0.1 ln 0.5) / 0.9 = -0.174121; e^ that = 0.840195
    result = score(
        [
            part("codex_uptime_index", 0.9),
            part("ritual_execution_consistency", 0.8),
            part("memory_integrity_score", 1.0),
            part("outcome_entropy", 0.5),
            absent("drift"),
        ]
    )
    assert result.bounds.mid == pytest.approx(0.840195, abs=1e-6)
    assert result.coverage == 0.9
    shares = [one.share for one in result.components]
    assert shares[:4] == pytest.approx([0.20170, 0.35598, 0.0, 0.44232], abs=1e-5)
    assert shares[4] is None
    assert [one.weight for one in result.components] == pytest.approx(
        [1 / 3, 5 / 18, 5 / 18, 1 / 9, 0.0]
    )


@given(parts())
def test_the_score_is_bounded_and_ordered(made: list[Component]) -> None:
    bounds = score(made).bounds
    assert 0 <= bounds.low <= bounds.high <= 1
    assert bounds.mid is None or bounds.low <= bounds.mid <= bounds.high


@given(parts())
def test_shares_of_the_loss_sum_to_one_or_there_are_none(made: list[Component]) -> None:
    result = score(made)
    shares = [one.share for one in result.components if one.share is not None]
    lost = result.bounds.mid is not None and any(p.applies and p.mid != 1 for p in made)
    assert bool(shares) == lost
    assert not shares or math.fsum(shares) == pytest.approx(1.0)


@given(parts(), st.integers(0, 4), st.floats(0, 1))
def test_raising_a_part_never_lowers_the_score(
    made: list[Component], which: int, by: float
) -> None:
    chosen = made[which]
    assume(chosen.mid is not None)
    raised = {name: getattr(chosen, name) + by * (1 - getattr(chosen, name)) for name in BOUNDS}
    better = [*made[:which], chosen.model_copy(update=raised), *made[which + 1 :]]
    before, after = score(made).bounds, score(better).bounds
    assert after.low >= before.low - 1e-12
    assert (after.mid is None) == (before.mid is None)
    assert (after.mid or 0) >= (before.mid or 0) - 1e-12
    assert after.high >= before.high - 1e-12


BOUNDS = ("low", "mid", "high")


@given(parts(), st.integers(0, 4))
def test_any_part_at_zero_makes_the_score_zero(made: list[Component], which: int) -> None:
    zero = [*made[:which], part(NAMES[which], 0.0), *made[which + 1 :]]
    bounds = score(zero).bounds
    assert (bounds.low, bounds.high) == (0.0, 0.0)
    assert not bounds.mid


def test_parts_at_zero_share_the_whole_loss_by_weight() -> None:
    made = [
        part("codex_uptime_index", 0.0),
        part("memory_integrity_score", 0.0),
        part("outcome_entropy", 0.5),
    ]
    shares = [one.share for one in score(made).components]
    assert shares == pytest.approx([0.30 / 0.55, 0.25 / 0.55, 0.0])


def test_a_perfect_score_has_no_shares() -> None:
    result = score([part("codex_uptime_index", 1.0), part("outcome_entropy", 1.0)])
    assert result.bounds.mid == 1.0
    assert [one.share for one in result.components] == [None, None]
    assert result.costliest() is None


def test_a_part_that_applies_without_evidence_leaves_no_mid_and_low_zero() -> None:
    result = score([part("codex_uptime_index", 1.0), part("memory_integrity_score", None)])
    assert (result.bounds.low, result.bounds.mid, result.bounds.high) == (0.0, None, 1.0)
    assert [one.name for one in result.unknown] == ["memory_integrity_score"]


def test_where_nothing_applies_nothing_is_known() -> None:
    result = score([absent("drift")])
    assert (result.bounds.low, result.bounds.mid, result.bounds.high) == (0.0, None, 1.0)
    assert result.coverage == 0.0


@given(parts())
def test_a_part_that_costs_nothing_has_a_share_of_plain_zero(some: list[Component]) -> None:
    shares = [one.share for one in score(some).components if one.share is not None]
    assert all(math.copysign(1, share) == 1 for share in shares)
