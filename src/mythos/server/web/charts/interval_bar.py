"""A small bar from the 5 % to the 95 % bound with a mark at the middle and a tick at the target."""

from __future__ import annotations

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element, number


def interval_bar(
    low: float, mid: float | None, high: float, *, start: float, target: float | None = None
) -> SafeString:
    """Draw bounds on an axis from `start` to 1; what lies below `start` is cut at its edge.

    The numbers stand beside the bar in the page, so it is hidden from screen readers.
    """
    marks = [element("path", class_="ivt", d="M0 3h100v2H0z")]
    if target is not None:
        marks.append(element("path", class_="ivt", d=f"M{number(_x(target, start))} 0h1v8h-1z"))
    left, right = _x(low, start), _x(high, start)
    width = max(right - left, 0.8)
    marks.append(
        element(
            "path",
            class_="r",
            d=f"M{number(min(left, 99.2))} 2h{number(width)}v4h-{number(width)}z",
        )
    )
    if mid is not None:
        at = min(_x(mid, start), 98.8)
        marks.append(element("path", d=f"M{number(at)} 0h1.2v8h-1.2z"))
    return element(
        "svg", *marks, class_="iv", viewBox="0 0 100 8", preserveAspectRatio="none",
        aria_hidden="true",
    )  # fmt: skip


def _x(share: float, start: float) -> float:
    return 100 * min(max((share - start) / (1 - start), 0.0), 1.0)
