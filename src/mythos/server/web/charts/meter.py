"""A meter: parts of one whole, side by side; the counts stand beside it as text."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element


def meter(parts: Sequence[tuple[str, float]], *, whole: float, label: str) -> SafeString:
    """Draw `(css class, amount)` parts of `whole` from left to right; nothing overflows."""
    marks, at = [], 0.0
    for css, amount in parts:
        width = min(100 * amount / whole, 100 - at) if whole > 0 else 0.0
        if width > 0:
            marks.append(element("rect", class_=f"f {css}", x=at, width=width, height=12))
        at += width
    return element(
        "svg", element("rect", class_="t", y=4, width=100, height=4), *marks, class_="meter",
        viewBox="0 0 100 12", preserveAspectRatio="none", role="img", aria_label=label,
    )  # fmt: skip
