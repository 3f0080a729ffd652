"""Belief cells: hourly counts of clean and broken runs, kept whole.

A cell is (environment, agent, construct), where a construct is a policy set or a workflow. Cells
form a commutative monoid: integer counts of equal hour and agent version add up, so evidence
merged in any order or grouping is the same value. Nothing decays here; that is for the reader.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from mythos.errors import EvidenceError

MAX_COUNT = 2**53
_REMEDY = "send counts of whole runs from one hour, or resend the spans and let MythOS count"


@dataclass(frozen=True, slots=True, order=True)
class BeliefKey:
    """Where, who (agent name) and what (digest of a policy set or workflow)."""

    environment: str
    agent: str
    construct: str


@dataclass(frozen=True, slots=True, order=True)
class HourCount:
    """Runs of one hour by one version of the agent: `kept` were clean, `broken` were not."""

    start_s: int
    kept: int
    broken: int
    agent_digest: str

    def __post_init__(self) -> None:
        for name in ("start_s", "kept", "broken"):
            _check_count(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class BeliefCell:
    """The hours of one key in time order, one entry for each hour and agent version."""

    key: BeliefKey
    hours: tuple[HourCount, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "hours", _added_up(self.hours))

    def __add__(self, other: Self) -> Self:
        """Merge disjoint windows. Associative and commutative; no hours is the identity."""
        if other.key != self.key:
            raise EvidenceError(
                f"cells of two keys cannot be added: {self.key} and {other.key}",
                remedy="group the cells by environment, agent and construct, then add each group",
            )
        return type(self)(self.key, self.hours + other.hours)


def merge(cells: Iterable[BeliefCell]) -> tuple[BeliefCell, ...]:
    """Add up the cells of equal keys.

    Args:
        cells: cells in any order, a key any number of times.

    Returns:
        One cell a key, sorted by key; empty for no cells.
    """
    hours: dict[BeliefKey, list[HourCount]] = {}
    for cell in cells:
        hours.setdefault(cell.key, []).extend(cell.hours)
    return tuple(BeliefCell(key, tuple(hours[key])) for key in sorted(hours))


def _added_up(hours: Iterable[HourCount]) -> tuple[HourCount, ...]:
    counts: dict[tuple[int, str], tuple[int, int]] = {}
    for hour in hours:
        kept, broken = counts.get((hour.start_s, hour.agent_digest), (0, 0))
        counts[hour.start_s, hour.agent_digest] = (kept + hour.kept, broken + hour.broken)
    return tuple(
        HourCount(start_s, kept, broken, agent_digest)
        for (start_s, agent_digest), (kept, broken) in sorted(counts.items())
        if kept or broken
    )


def _check_count(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise EvidenceError(f"{name}={value!r} is not a whole number", remedy=_REMEDY)
    if not 0 <= value <= MAX_COUNT:
        raise EvidenceError(f"{name}={value} is not between 0 and 2^53", remedy=_REMEDY)
