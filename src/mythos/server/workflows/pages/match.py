"""How well runs follow a workflow: sums, their ratio, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mythos.engines.conformance.consistency import MIN_RUNS
from mythos.engines.resilience.beta import quantile
from mythos.server.workflows.pages.facts import Followed

LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True, slots=True)
class Match:
    """Runs added up.

    `finished` enter the shares: neither open nor inexact. `consistency` is 1 − cost / worst cost,
    with the 5 % and 95 % bounds of Beta(n C + ½, n (1 − C) + ½); None below five finished runs.
    `fitting_share` is None without any.
    """

    runs: int
    finished: int
    fitting: int
    open: int
    inexact: int
    consistency: float | None
    low: float
    high: float
    fitting_share: float | None

    @property
    def needed(self) -> int:
        """Finished runs still needed to say how consistent they are."""
        return max(MIN_RUNS - self.finished, 0)


def match_of(parts: Iterable[Followed]) -> Match:
    """Add up runs."""
    listed = list(parts)
    runs = sum(each.runs for each in listed)
    opened = sum(each.open for each in listed)
    inexact = sum(each.inexact for each in listed)
    fitting = sum(each.fitting for each in listed)
    worst = sum(each.worst_cost for each in listed)
    cost = sum(each.cost for each in listed)
    n = runs - opened - inexact
    value = (1 - cost / worst if worst else 1.0) if n >= MIN_RUNS else None
    kept, lost = (n * value, n * (1 - value)) if value is not None else (0.0, 0.0)
    return Match(
        runs=runs,
        finished=n,
        fitting=fitting,
        open=opened,
        inexact=inexact,
        consistency=value,
        low=quantile(LOW, hits=kept, misses=lost) if value is not None else 0.0,
        high=quantile(HIGH, hits=kept, misses=lost) if value is not None else 1.0,
        fitting_share=fitting / n if n else None,
    )
