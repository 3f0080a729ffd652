"""Posterior curves: the density of Beta beliefs, now and after more clean runs, with tau.

The area right of tau is what the verdict is about, so it is shaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element, number, percent

START, N_POINTS = 0.5, 80
TOP, BOTTOM = 20, 128


@dataclass(frozen=True, slots=True)
class Curve:
    """Beta(a, b) with the class it is drawn in: `mid` now, `was-l` before, `next-l` after."""

    name: str
    a: float
    b: float
    css: str


def beta_density(x: float, a: float, b: float) -> float:
    """Density of Beta(a, b) at x in (0, 1), by log-gamma so that large counts do not overflow."""
    log_norm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    return math.exp(log_norm + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x))


def beta_curves(curves: Sequence[Curve], *, tau: float, title: str) -> SafeString:
    """Draw densities over [0.5, 1] on one scale; the first curve's area beyond tau is shaded.

    The scale is the highest finite point of the curves at 0.99 and below: a belief that rises
    without bound towards 1 leaves the frame there instead of flattening all others.
    """
    points = {curve: _points(curve) for curve in curves}
    top = max((y for each in points.values() for x, y in each if x <= 0.99), default=1.0) * 1.05
    shapes = [_area(points[curve], tau=tau, top=top) for curve in curves[:1]]
    shapes += [
        element("path", element("title", curve.name), class_=curve.css, d=_line(points[curve], top))
        for curve in reversed(curves)
    ]
    frame = element(
        "svg", *shapes, x=0, y=TOP, width="100%", height=BOTTOM - TOP, viewBox="0 0 100 100",
        preserveAspectRatio="none",
    )  # fmt: skip
    axis = element("line", class_="axis", x1=0, x2="100%", y1=BOTTOM, y2=BOTTOM)
    parts = (element("title", title), *_grid(tau), frame, axis)
    return element("svg", *parts, height=BOTTOM + 28, role="img")


def _points(curve: Curve) -> list[tuple[float, float]]:
    xs = [START + (1 - START) * (index + 0.5) / N_POINTS for index in range(N_POINTS)]
    return [(x, beta_density(x, curve.a, curve.b)) for x in xs]


def _grid(tau: float) -> list[SafeString]:
    marks = []
    for index in range(6):
        x = index / 5
        anchor = "s" if index == 0 else "e" if index == 5 else "c"
        marks.append(
            element("line", class_="grid", x1=percent(x), x2=percent(x), y1=TOP, y2=BOTTOM)
        )
        text = f"{START + (1 - START) * x:.2f}"
        marks.append(element("text", text, class_=anchor, x=percent(x), y=BOTTOM + 18))
    at = percent((tau - START) / (1 - START))
    marks.append(element("line", class_="target", x1=at, x2=at, y1=12, y2=BOTTOM))
    marks.append(element("text", f"tau {tau:g}", class_="e", x=at, dx=-6, y=16))
    return marks


def _xy(x: float, y: float, top: float) -> str:
    return f"{number(100 * (x - START) / (1 - START))} {number(max(100 - 100 * y / top, -5))}"


def _line(points: Sequence[tuple[float, float]], top: float) -> str:
    return "M" + "L".join(_xy(x, y, top) for x, y in points)


def _area(points: Sequence[tuple[float, float]], *, tau: float, top: float) -> SafeString:
    beyond = [(x, y) for x, y in points if x >= tau]
    if not beyond:
        return SafeString("")
    first, last = beyond[0][0], beyond[-1][0]
    edge = [_xy(first, 0, top), *(_xy(x, y, top) for x, y in beyond), _xy(last, 0, top)]
    return element("path", class_="band", d=f"M{'L'.join(edge)}z")
