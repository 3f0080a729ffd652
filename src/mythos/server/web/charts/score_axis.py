"""The time axis: low, mid and high of a score, the target, gaps, and a lane a kind of change.

A guide line leads from each change up to the score, so that cause and effect stand on one axis.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element, number, percent

TOP, PLOT, LANE = 8, 160, 24


@dataclass(frozen=True, slots=True)
class Moment:
    """The score at `x` (0 to 1 of the width); `mid` None means unknown: a hatched gap."""

    x: float
    when: str
    low: float
    mid: float | None
    high: float


@dataclass(frozen=True, slots=True)
class Change:
    """Something that changed at `x`, drawn in its lane; `critical` marks a broken rule."""

    x: float
    when: str
    lane: str
    label: str
    critical: bool = False


@dataclass(frozen=True, slots=True)
class ScoreAxis:
    """Everything the chart shows; `ticks` are (x, text)."""

    title: str
    said: str
    moments: tuple[Moment, ...]
    changes: tuple[Change, ...]
    lanes: tuple[str, ...]
    ticks: tuple[tuple[float, str], ...]
    target: float


def score_axis(axis: ScoreAxis) -> SafeString:
    """Draw the axis."""
    base = floor_of(axis)
    height = TOP + PLOT + LANE * len(axis.lanes) + 24
    return element(
        "svg",
        element("title", axis.title),
        element("desc", axis.said),
        *_levels(axis, base),
        *_ticks(axis, bottom=height - 24),
        *_lanes(axis),
        *_gaps(axis),
        _lines(axis, base),
        *(_change(change, axis, base) for change in axis.changes),
        height=height,
        role="img",
    )


def floor_of(axis: ScoreAxis) -> float:
    """Lowest value of the axis: 0.8 unless something lies lower, then 0.5, then 0."""
    lows = [moment.low for moment in axis.moments if moment.mid is not None]
    lowest = min([*lows, axis.target])
    return next(base for base in (0.8, 0.5, 0.0) if lowest >= base or base == 0.0)


def _y(value: float, base: float) -> float:
    return TOP + PLOT * (1 - (value - base) / (1 - base))


def _levels(axis: ScoreAxis, base: float) -> Iterator[SafeString]:
    step = 0.05 if base == 0.8 else 0.1 if base == 0.5 else 0.25
    for index in range(round((1 - base) / step) + 1):
        y = _y(base + index * step, base)
        yield element("line", class_="grid", x1=0, x2="100%", y1=y, y2=y)
        yield element("text", f"{base + index * step:.2f}", class_="e", x=-8, y=y + 4)
    y = _y(axis.target, base)
    yield element("line", class_="target", x1=0, x2="100%", y1=y, y2=y)
    yield element("text", f"target {axis.target:.2f}", x=4, y=y - 4)


def _ticks(axis: ScoreAxis, *, bottom: float) -> Iterator[SafeString]:
    for x, text in axis.ticks:
        anchor = "s" if x <= 0 else "e" if x >= 1 else "c"
        yield element("line", class_="grid", x1=percent(x), x2=percent(x), y1=TOP, y2=bottom)
        yield element("text", text, class_=anchor, x=percent(x), y=bottom + 18)


def _lane_y(axis: ScoreAxis, lane: str) -> float:
    return TOP + PLOT + LANE * (axis.lanes.index(lane) + 1)


def _lanes(axis: ScoreAxis) -> Iterator[SafeString]:
    for lane in axis.lanes:
        y = _lane_y(axis, lane)
        yield element("line", class_="grid", x1=0, x2="100%", y1=y, y2=y)
        yield element("text", lane, class_="e", x=-8, y=y + 4)


def _gaps(axis: ScoreAxis) -> Iterator[SafeString]:
    """Hatch the stretches without a score."""
    for known, run in _stretches(axis.moments):
        if not known:
            x, width = run[0].x, run[-1].x - run[0].x
            yield element(
                "rect",
                element("title", f"{run[0].when}–{run[-1].when} no score"),
                class_="gap", x=percent(x), y=TOP, width=percent(width), height=PLOT,
            )  # fmt: skip


def _stretches(moments: Sequence[Moment]) -> Iterator[tuple[bool, list[Moment]]]:
    """Runs of known and of unknown moments; an unknown one reaches to its known neighbours."""
    listed = [list(group) for _, group in groupby(moments, key=lambda each: each.mid is not None)]
    for index, run in enumerate(listed):
        known = run[0].mid is not None
        if known:
            yield True, run
            continue
        before = listed[index - 1][-1:] if index else []
        after = listed[index + 1][:1] if index + 1 < len(listed) else []
        yield False, [*before, *run, *after]


def _lines(axis: ScoreAxis, base: float) -> SafeString:
    shapes = []
    for known, run in _stretches(axis.moments):
        if known:
            shapes += [_band(run, base), _mid(run, base)]
    return element(
        "svg", *shapes, x=0, y=TOP, width="100%", height=PLOT, viewBox="0 0 1000 100",
        preserveAspectRatio="none",
    )  # fmt: skip


def _at(x: float, value: float, base: float) -> str:
    share = min(max((value - base) / (1 - base), 0.0), 1.0)
    return f"{number(1000 * x)} {number(100 - 100 * share)}"


def _band(run: Sequence[Moment], base: float) -> SafeString:
    upper = [_at(moment.x, moment.high, base) for moment in run]
    lower = [_at(moment.x, moment.low, base) for moment in reversed(run)]
    return element("path", class_="band", d=f"M{'L'.join([*upper, *lower])}z")


def _mid(run: Sequence[Moment], base: float) -> SafeString:
    points = [_at(moment.x, moment.mid or 0.0, base) for moment in run]
    if len(points) == 1:
        points.append(f"{number(1000 * run[0].x + 2)} {points[0].split()[1]}")
    return element("path", class_="mid", d=f"M{'L'.join(points)}")


def _change(change: Change, axis: ScoreAxis, base: float) -> SafeString:
    title = element("title", f"{change.when} {change.lane}: {change.label}")
    x = percent(change.x)
    if change.critical:
        return element(
            "g", title, element("use", href="#diac", x=x, y=_score_y(change, axis, base))
        )
    y = _lane_y(axis, change.lane)
    late = change.x > 0.7
    return element(
        "g",
        title,
        element("line", class_="guide", x1=x, x2=x, y1=TOP, y2=y),
        element("use", href="#dia", x=x, y=y),
        element(
            "text", change.label, class_="e" if late else "s", x=x, dx=-10 if late else 10, y=y - 5
        ),
    )


def _score_y(change: Change, axis: ScoreAxis, base: float) -> float:
    known = [moment for moment in axis.moments if moment.mid is not None]
    if not known:
        return TOP
    nearest = min(known, key=lambda moment: math.fabs(moment.x - change.x))
    return min(max(_y(nearest.mid or 0.0, base), TOP), TOP + PLOT)
