"""What deviations cost, by label number, and the finer scale on which ties are decided.

Among alignments of equal cost the one with the fewest deviations is meant, which matters where a
weight is 0. A search on *fine* costs finds it: a fine cost is weight × 2^32 + 1, so sums compare by
weight first and by number of deviations next, and every deviation costs something.
"""

from __future__ import annotations

from dataclasses import dataclass

_SCALE = 1 << 32


def fine(weight: int) -> int:
    """The fine cost of one deviation."""
    return weight * _SCALE + 1


def coarse(cost: int) -> int:
    """The weight in a sum of fine costs, or in a lower bound of one."""
    return cost // _SCALE


@dataclass(frozen=True, slots=True)
class Costs:
    """Weights of skipping and of adding each label, both at least 0."""

    skips: tuple[int, ...]
    extras: tuple[int, ...]

    @property
    def are_unit(self) -> bool:
        """Whether every deviation costs 1."""
        return {*self.skips, *self.extras} <= {1}

    def refined(self) -> Costs:
        """The same on the fine scale."""
        return Costs(tuple(map(fine, self.skips)), tuple(map(fine, self.extras)))
