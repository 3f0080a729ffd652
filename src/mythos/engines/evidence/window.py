"""Cells and windows: how time is cut, and which bits of an hour a stretch of time touches.

A cell begins at a multiple of its width (Unix seconds, UTC). A stretch touches a cell when any
part of it lies in the cell, so cutting time never loses what happened in it; a row counts in a
window when its cell overlaps the window, so rolling rows up never drops evidence either.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUR_S = 3_600
DAY_S = 86_400


def cell_of(at_s: float, cell_s: int) -> int:
    """Start of the cell of `cell_s` seconds that holds `at_s` (Unix seconds)."""
    return int(at_s // cell_s) * cell_s


def bit_range(first: int, stop: int) -> int:
    """Bitset with the bits `first` to `stop - 1` set; empty when `stop <= first`."""
    return ((1 << (stop - first)) - 1) << first if stop > first else 0


def bit_at(at_s: float, cell_s: int) -> int:
    """The one bit of the cell that holds `at_s`, in the bitset of its UTC hour."""
    return 1 << int((at_s - cell_of(at_s, HOUR_S)) // cell_s)


def cells_touched(start_s: float, end_s: float, *, origin_s: int, cell_s: int) -> int:
    """Cells that the half-open stretch [start_s, end_s) touches, as bits counted from `origin_s`.

    Args:
        start_s, end_s: Unix seconds; an empty or reversed stretch touches nothing.
        origin_s: start of the cell of bit 0; what lies before it is left out.
        cell_s: width of a cell in seconds, > 0.

    Returns:
        A bitset, 0 when nothing is touched.
    """
    if end_s <= start_s:
        return 0
    first = int((start_s - origin_s) // cell_s)
    stop = -int((origin_s - end_s) // cell_s)
    return bit_range(max(first, 0), max(stop, 0))


def hours_touched(start_s: float, end_s: float, *, cell_s: int) -> dict[int, int]:
    """Cells that [start_s, end_s) touches, as one bitset for each UTC hour it meets.

    A node marks with this what a beat covers, back to the beat before it.
    """
    hours = range(cell_of(start_s, HOUR_S), -int(-end_s // HOUR_S) * HOUR_S, HOUR_S)
    bits = {
        hour: cells_touched(start_s, min(end_s, hour + HOUR_S), origin_s=hour, cell_s=cell_s)
        for hour in hours
    }
    return {hour: touched for hour, touched in bits.items() if touched}


@dataclass(frozen=True, slots=True)
class Window:
    """The closed stretch from `start_s` to `end_s` (Unix seconds) that a reading looks at."""

    start_s: float
    end_s: float

    def overlaps(self, cell: int, width_s: int) -> bool:
        """Whether a row of this cell counts: it begins by the end and ends after the start."""
        return cell <= self.end_s and cell + width_s > self.start_s
