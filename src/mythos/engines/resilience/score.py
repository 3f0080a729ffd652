"""The score R: a weighted geometric mean of the parts, and what each part costs.

A geometric mean lets nothing be averaged away: any part at 0 makes R 0. And -ln R is the weighted
sum of the parts' -ln, so each part's share of the loss is exact, not an estimate. Parts that do
not apply are removed and the weights of the others brought to sum to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mythos.values.reading import Bounds, Component


@dataclass(frozen=True, slots=True)
class Score:
    """R with its bounds; `coverage` is the weight of the parts that apply.

    The components carry their final weights (0 where they do not apply) and shares of -ln R.
    """

    bounds: Bounds
    coverage: float
    components: tuple[Component, ...]

    @property
    def unknown(self) -> tuple[Component, ...]:
        """Parts that apply and have no mid."""
        return tuple(part for part in self.components if part.applies and part.mid is None)

    def costliest(self) -> Component | None:
        """Return the part with the largest share of the loss, None where nothing is lost."""
        losing = [part for part in self.components if part.share]
        return max(losing, key=lambda part: part.share or 0.0, default=None)


def score(components: Iterable[Component]) -> Score:
    """Combine the parts.

    Args:
        components: with their base weights; each at most once.

    Returns:
        R in [0, 1] for low, mid and high: prod c^w with weights summing to 1. Mid is None where a
        part that applies has none, or nothing applies (then low 0, high 1). Shares are set where
        mid is known and below 1; parts at 0 then share the whole loss by weight.
    """
    parts = tuple(components)
    applied = sum(part.weight for part in parts if part.applies)
    weighed = [
        part.model_copy(update={"weight": part.weight / applied if part.applies else 0.0})
        for part in parts
    ]
    live = [part for part in weighed if part.applies]
    bounds = _bounds(live)
    shares = _shares(live) if bounds.mid is not None else {}
    shared = tuple(part.model_copy(update={"share": shares.get(part.name)}) for part in weighed)
    return Score(bounds=bounds, coverage=min(round(applied, 12), 1.0), components=shared)


def _bounds(live: Sequence[Component]) -> Bounds:
    if not live:
        return Bounds()
    mids = [part.mid for part in live if part.mid is not None]
    weights = [part.weight for part in live]
    low = _mean([part.low for part in live], weights)
    high = _mean([part.high for part in live], weights)
    if len(mids) < len(live):
        return Bounds(low=low, high=high)
    mid = _mean(mids, weights)
    return Bounds(low=min(low, mid), mid=mid, high=max(high, mid))


def _mean(factors: Sequence[float], weights: Sequence[float]) -> float:
    if 0.0 in factors:
        return 0.0
    loss = sum(w * -math.log(c) for c, w in zip(factors, weights, strict=True))
    return min(math.exp(-loss), 1.0)


def _shares(live: Sequence[Component]) -> dict[str, float]:
    """Each part's share of -ln R; empty where nothing is lost."""
    zeros = [part for part in live if part.mid == 0.0]
    if zeros:
        weight = sum(part.weight for part in zeros)
        return {part.name: part.weight / weight if part in zeros else 0.0 for part in live}
    losses = {part.name: part.weight * abs(math.log(part.mid or 1.0)) for part in live}
    total = sum(losses.values())
    return {name: loss / total for name, loss in losses.items()} if total else {}
