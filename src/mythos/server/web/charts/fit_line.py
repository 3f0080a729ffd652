"""The bet on fitting runs over time: the e-value on a log scale, and where it becomes an alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element, number

LOW, HIGH = -2.0, 4.0  # powers of ten
HEIGHT = 40


def fit_line(values: Sequence[float], *, alarm: float) -> SafeString:
    """Draw e-values, oldest first, from 0.01 to 10,000; what lies beyond is cut at its edge.

    One value is a flat line. None is no chart.
    """
    if not values:
        return SafeString("")
    heights = [number(_y(value)) for value in values]
    last = max(len(heights) - 1, 1)
    points = [f"{number(100 * at / last)} {y}" for at, y in enumerate(heights)]
    if len(points) == 1:
        points.append(f"100 {heights[0]}")
    label = (
        f"e-value over {len(values)} stretches of time: now {values[-1]:,.2f}, at most"
        f" {max(values):,.2f}; an alarm from {alarm:,.0f}"
    )
    limit = number(_y(alarm))
    return element(
        "svg",
        element("path", class_="fl-one", d=f"M0 {number(_y(1.0))}H100"),
        element("path", class_="fl-alarm", d=f"M0 {limit}H100"),
        element("path", class_="fl-e", d=f"M{'L'.join(points)}"),
        class_="fitline", viewBox=f"0 0 100 {HEIGHT}", preserveAspectRatio="none", role="img",
        aria_label=label,
    )  # fmt: skip


def _y(value: float) -> float:
    power = math.log10(max(value, 10**LOW))
    return 1 + (HEIGHT - 2) * (1 - (min(power, HIGH) - LOW) / (HIGH - LOW))
