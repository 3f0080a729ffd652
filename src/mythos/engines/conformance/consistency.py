"""Consistency: how well many finished runs follow one workflow, as a ratio of sums.

A `Followed` is a commutative monoid, so runs can be counted in any order and in parts. Runs whose
cost is known only as an interval stand apart and enter no share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from mythos.engines.conformance.alignment import Alignment, Measured

MIN_RUNS: Final = 5  # fewer say nothing; DESIGN §7


@dataclass(frozen=True, slots=True)
class Followed:
    """Counts of finished runs.

    runs: all; inexact: of them, apart from the rest; fitting: of cost 0. cost: the sum of deviation
    costs; worst: the sum of what they would cost if nothing matched. Weights, no units.
    """

    runs: int = 0
    inexact: int = 0
    fitting: int = 0
    cost: int = 0
    worst: int = 0

    @classmethod
    def of(cls, measured: Measured | Alignment, *, count: int = 1) -> Self:
        """`count` equal runs."""
        if not measured.exact:
            return cls(runs=count, inexact=count)
        return cls(
            runs=count,
            fitting=count * (measured.cost == 0),
            cost=count * measured.cost,
            worst=count * measured.denominator,
        )

    def __add__(self, other: Self) -> Self:
        """Counts of both."""
        return type(self)(
            self.runs + other.runs,
            self.inexact + other.inexact,
            self.fitting + other.fitting,
            self.cost + other.cost,
            self.worst + other.worst,
        )

    @property
    def counted(self) -> int:
        """Runs that enter the shares."""
        return self.runs - self.inexact

    @property
    def consistency(self) -> float | None:
        """1 - cost / worst in [0, 1]; None below five runs, which are too few to say."""
        if self.counted < MIN_RUNS:
            return None
        return 1.0 - self.cost / self.worst if self.worst else 1.0

    @property
    def fitting_share(self) -> float | None:
        """Share of runs of cost 0; None without any run."""
        return self.fitting / self.counted if self.counted else None
