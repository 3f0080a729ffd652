"""Time bodies: one bit a cell, kept through every roll-up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import (
    HOUR_S,
    Window,
    bit_at,
    bit_range,
    cell_of,
    cells_touched,
    hours_touched,
)
from mythos.errors import EvidenceError


def test_cells_of_different_widths_are_not_merged() -> None:
    with pytest.raises(EvidenceError, match="60 s and of 1 s") as caught:
        TimeBody(60, active=1) + TimeBody(1, active=1)
    assert "coarsen" in caught.value.remedy


@pytest.mark.parametrize("cell_s", [7, 3_601, -60])
def test_a_width_that_does_not_divide_an_hour_is_refused(cell_s: int) -> None:
    with pytest.raises(EvidenceError, match="divisor of 3600"):
        TimeBody(cell_s)


def test_bits_are_lower_case_hexadecimal() -> None:
    assert TimeBody(60, active=0xAB).to_json()["active"] == "ab"


@pytest.mark.parametrize("written", ["", "AB", "0b", "0x1", "-1", "\uff11", 1])
def test_bits_in_any_other_notation_are_refused(written: str | int) -> None:
    with pytest.raises(EvidenceError, match="time active"):
        TimeBody.from_json(TimeBody(60).to_json() | {"active": written})


def test_bits_beyond_a_day_are_refused() -> None:
    with pytest.raises(EvidenceError, match="1441 bits"):
        TimeBody(60, active=1 << 1440)


def test_wider_cells_keep_what_happened_and_are_covered_only_as_a_whole() -> None:
    narrow = TimeBody(20, active=0b000_010, covered=0b011_111)
    assert narrow.coarsened(60) == TimeBody(60, active=0b01, covered=0b01)
    with pytest.raises(EvidenceError, match="multiple of 20"):
        narrow.coarsened(30)


def test_the_bit_of_a_moment_lies_in_its_hour() -> None:
    assert cell_of(7_265.9, 60) == 7_260
    assert bit_at(7_265.9, 60) == 0b10


def test_a_stretch_touches_the_cells_it_has_a_part_in() -> None:
    assert cells_touched(59.0, 120.0, origin_s=0, cell_s=60) == 0b11
    assert cells_touched(60.0, 120.5, origin_s=0, cell_s=60) == 0b110
    assert cells_touched(120.0, 120.0, origin_s=0, cell_s=60) == 0


def test_a_stretch_over_midnight_has_its_bits_in_both_hours() -> None:
    midnight = 10 * 86_400
    assert hours_touched(midnight - 61, midnight + 30, cell_s=60) == {
        midnight - HOUR_S: bit_range(58, 60),
        midnight: 0b1,
    }


@given(st.integers(0, 10**6), st.integers(0, 20_000), st.sampled_from([1, 10, 60, 3600]))
def test_bits_by_hour_are_the_bits_of_the_whole_stretch(
    start: int, length: int, cell_s: int
) -> None:
    by_hour = hours_touched(start, start + length, cell_s=cell_s)
    whole = cells_touched(start, start + length, origin_s=0, cell_s=cell_s)
    assert sum(bits << (hour // cell_s) for hour, bits in by_hour.items()) == whole


def test_a_row_counts_in_every_window_its_cell_overlaps() -> None:
    window = Window(1_000, 2_000)
    assert window.overlaps(940, 61)
    assert not window.overlaps(940, 60)
    assert window.overlaps(2_000, 60)
    assert not window.overlaps(2_001, 60)
