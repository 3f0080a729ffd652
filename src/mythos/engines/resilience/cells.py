"""Cells of a window: how many were active, and how each active one ended.

An active cell is *bad* if an action in it was violated or a set in force was not the assigned one,
else *unknown* if one was undecidable, else *good*. Time that no beat vouches for is uncovered; it
counts as unknown cells at the node's own rate of activity, and at least one in sixty, so a silent
node's lower bound falls and never its index.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import HOUR_S, Window, bit_range, cell_of, cells_touched
from mythos.engines.resilience.presence import Presence

LEAST_ACTIVITY = 1 / 60


@dataclass(frozen=True, slots=True)
class Cells:
    """Counts of cells of `cell_s` seconds; `uncovered` are the unknown cells of unseen time."""

    cell_s: int = 0
    good: int = 0
    bad: int = 0
    unknown: int = 0
    covered: int = 0
    uncovered_s: float = 0.0

    @property
    def active(self) -> int:
        """Cells in which a governed action started."""
        return self.good + self.bad + self.unknown

    @property
    def uncovered(self) -> float:
        """Cells that may have been active while nobody vouched for the node."""
        if not self.cell_s:
            return 0.0
        share = self.active / self.covered if self.covered else 0.0
        return self.uncovered_s / self.cell_s * max(share, LEAST_ACTIVITY)

    def decided(self) -> Cells:
        """Return the same cells, had every undecidable one been good."""
        return replace(self, good=self.good + self.unknown, unknown=0)


def count_cells(rows: Iterable[EvidenceRow], *, window: Window, presence: Presence) -> Cells:
    """Count the cells of a window.

    Args:
        rows: `time` rows of one node; cells of different widths are read in a common wider one.
        window: already begun no earlier than the node's first evidence.
        presence: decides what is covered since the newest beat; a node that is only observed has
            no uncovered time.

    Returns:
        The counts; all zero without rows.
    """
    blocks = [(row.key.cell, row.body) for row in rows if isinstance(row.body, TimeBody)]
    cell_s = math.lcm(*(body.cell_s for _, body in blocks if body.cell_s))
    if not any(body.cell_s for _, body in blocks):
        return Cells()
    origin = cell_of(window.start_s, HOUR_S)
    whole = _laid_out(blocks, origin=origin, cell_s=cell_s)
    first = int((window.start_s - origin) // cell_s)
    last = int((window.end_s - origin) // cell_s)
    inside = bit_range(first, last + 1)
    active = whole.active & inside
    bad = active & (whole.bad | whole.stale)
    unknown = active & whole.unknown & ~bad
    heard = _since_newest_beat(presence, origin=origin, cell_s=cell_s)
    covered = (whole.covered | heard | active) & inside
    return Cells(
        cell_s=cell_s,
        good=(active & ~bad & ~unknown).bit_count(),
        bad=bad.bit_count(),
        unknown=unknown.bit_count(),
        covered=covered.bit_count(),
        uncovered_s=0.0
        if presence.observed_only
        else _seconds(inside & ~covered, window=window, origin=origin, cell_s=cell_s),
    )


@dataclass(slots=True)
class _Bits:
    active: int = 0
    bad: int = 0
    unknown: int = 0
    covered: int = 0
    stale: int = 0


def _laid_out(blocks: Sequence[tuple[int, TimeBody]], *, origin: int, cell_s: int) -> _Bits:
    """Lay the bitsets of all blocks on one axis that begins at `origin`."""
    whole = _Bits()
    for cell, narrow in blocks:
        body = narrow.coarsened(cell_s)
        places = (cell - origin) // cell_s
        whole.active |= _moved(body.active, places)
        whole.bad |= _moved(body.bad, places)
        whole.unknown |= _moved(body.unknown, places)
        whole.covered |= _moved(body.covered, places)
        whole.stale |= _moved(body.stale, places)
    return whole


def _moved(bits: int, places: int) -> int:
    return bits << places if places >= 0 else bits >> -places


def _since_newest_beat(presence: Presence, *, origin: int, cell_s: int) -> int:
    beat = presence.newest_beat
    if beat is None:
        return 0
    start = _unix(beat)
    return cells_touched(start, start + presence.patience_s, origin_s=origin, cell_s=cell_s)


def _seconds(bits: int, *, window: Window, origin: int, cell_s: int) -> float:
    """Seconds of the window that lie in these cells; its first and last cell may be cut."""
    if not bits:
        return 0.0
    first = int((window.start_s - origin) // cell_s)
    last = int((window.end_s - origin) // cell_s)
    early = window.start_s - (origin + first * cell_s) if bits >> first & 1 else 0.0
    late = origin + (last + 1) * cell_s - window.end_s if bits >> last & 1 else 0.0
    return bits.bit_count() * cell_s - early - late


def _unix(at: datetime) -> float:
    return at.timestamp()
