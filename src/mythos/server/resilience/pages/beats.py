"""Heartbeat strips from `time` rows: 90 buckets of the chosen range, for each host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import HOUR_S, bit_range, cell_of, cells_touched
from mythos.engines.resilience.moment import moment_of
from mythos.server.resilience.pages.facts import NodeFact, TimeBlock
from mythos.server.web.charts.beat_strip import N_BUCKETS, Beat, BeatKind

Stretch = tuple[float, float]
"""From and to, Unix seconds."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """Bitsets of cells of `cell_s` seconds, counted from `origin_s`."""

    origin_s: int
    cell_s: int
    active: int = 0
    bad: int = 0
    unknown: int = 0
    covered: int = 0
    stale: int = 0

    def touched(self, start_s: float, end_s: float) -> int:
        return cells_touched(start_s, end_s, origin_s=self.origin_s, cell_s=self.cell_s)


def beats_of(
    node: NodeFact,
    blocks: Iterable[TimeBlock],
    *,
    at: datetime,
    span_s: int,
    critical: Sequence[Stretch] = (),
) -> tuple[Beat, ...]:
    """Cut the range that ends at `at` into 90 buckets.

    Args:
        node: the host; its newest beat covers the time until the next is overdue.
        blocks: its `time` rows of the range.
        at: the end of the range.
        span_s: its length in seconds.
        critical: when critical flags fired; bad buckets within are shown as critical.

    Returns:
        90 buckets, oldest first; those before the host was enrolled are `before`.
    """
    end_s = at.timestamp()
    start_s = end_s - span_s
    axis = _axis(blocks, node, start_s=start_s)
    width = span_s / N_BUCKETS
    return tuple(
        _beat(axis, node, start_s + index * width, start_s + (index + 1) * width, critical)
        for index in range(N_BUCKETS)
    )


def _axis(blocks: Iterable[TimeBlock], node: NodeFact, *, start_s: float) -> _Axis:
    bodies = [(block.cell, TimeBody.from_json(block.body)) for block in blocks]  # type: ignore[arg-type]
    cell_s = max((body.cell_s for _, body in bodies), default=0) or 1
    origin_s = cell_of(start_s, HOUR_S)
    bits = dict.fromkeys(("active", "bad", "unknown", "covered", "stale"), 0)
    for cell, narrow in bodies:
        body, places = narrow.coarsened(cell_s), (cell - origin_s) // cell_s
        for name in bits:
            found: int = getattr(body, name)
            bits[name] |= found << places if places >= 0 else found >> -places
    axis = _Axis(origin_s, cell_s, **bits)
    if node.last_beat_at is None:
        return axis
    beat_s = node.last_beat_at.timestamp()
    bits["covered"] |= axis.touched(beat_s, beat_s + node.presence.patience_s)
    return _Axis(origin_s, cell_s, **bits)


def _beat(
    axis: _Axis, node: NodeFact, start_s: float, end_s: float, critical: Sequence[Stretch]
) -> Beat:
    inside = axis.touched(start_s, end_s) or bit_range(0, 1)
    active = axis.active & inside
    stale = active & axis.stale
    broken = (active & axis.bad) or stale
    unknown = active & axis.unknown & ~broken
    kind: BeatKind
    if active & axis.bad:
        fired = any(first < end_s and last >= start_s for first, last in critical)
        kind = "crit" if fired else "degraded"
    elif active:
        kind = "risk" if stale else "blind" if unknown else "ok"
    elif axis.covered & inside or node.presence.observed_only:
        kind = "idle"
    else:
        kind = "before" if end_s <= node.enrolled_at.timestamp() else "silent"
    return Beat(
        kind=kind,
        begins=_clock(start_s),
        ends=_clock(end_s),
        active=active.bit_count(),
        broken=broken.bit_count(),
        undecidable=unknown.bit_count(),
    )


def _clock(at_s: float) -> str:
    return f"{moment_of(at_s):%d %b %H:%M:%S}"
