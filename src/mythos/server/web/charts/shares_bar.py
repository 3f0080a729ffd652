"""A stacked bar of shares that add to 100 %, and the rounding that makes them do so."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element, number

SHADES = ("a1", "a2", "a3", "a4", "a5")


def rounded_shares(shares: Sequence[float], *, decimals: int = 1) -> tuple[float, ...]:
    """Shares in percent whose rounded values add to exactly 100.

    Largest remainder: round all down, then give the missing units to the largest remainders
    (ties: the first listed).

    Args:
        shares: non-negative; any sum, since they are normalised. All zero gives all zero.
        decimals: of the percentages.

    Source: Hamilton's method of apportionment.
    """
    total, unit = sum(shares), 10**decimals
    if not total:
        return tuple(0.0 for _ in shares)
    exact = [share / total * 100 * unit for share in shares]
    floors = [int(value) for value in exact]
    order = sorted(range(len(shares)), key=lambda at: floors[at] - exact[at])
    for at in order[: 100 * unit - sum(floors)]:
        floors[at] += 1
    return tuple(value / unit for value in floors)


def shares_bar(parts: Sequence[tuple[str, float]]) -> SafeString:
    """Draw named percentages as one bar, in the order given."""
    marks, at = [], 0.0
    for shade, (name, value) in zip(SHADES, parts, strict=False):
        title = element("title", f"{name}: {number(value)} % of the loss")
        width = max(value - 0.3, 0.3)
        marks.append(element("rect", title, class_=shade, x=at, width=width, height=20))
        at += value
    said = ", ".join(f"{name} {number(value)} %" for name, value in parts)
    return element(
        "svg", element("title", said), *marks, class_="stackbar", role="img", viewBox="0 0 100 20",
        preserveAspectRatio="none",
    )  # fmt: skip
