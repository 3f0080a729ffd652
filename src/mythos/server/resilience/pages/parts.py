"""The parts of a score: bounds, counts in words, and what each costs.

−ln R splits exactly into the parts' shares; they are rounded so that they add to 100 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from mythos.server.web.charts.shares_bar import rounded_shares
from mythos.values.reading import Component, ComponentName, Reading

NAMES: dict[ComponentName, str] = {
    "codex_uptime_index": "Policy compliance",
    "ritual_execution_consistency": "Workflow match",
    "memory_integrity_score": "Memory integrity",
    "outcome_entropy": "Outcome predictability",
    "drift": "Drift",
}
FIELDS: dict[ComponentName, str] = {
    "codex_uptime_index": "codex_uptime_index",
    "ritual_execution_consistency": "ritual_execution_consistency",
    "memory_integrity_score": "memory_integrity_score",
    "outcome_entropy": "1 − entropy",
    "drift": "1 − D",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the score as a row; `loss` is its share of −ln R in percent."""

    name: str
    field: str
    applies: bool
    unknown: bool
    low: float
    mid: float | None
    high: float
    weight: float
    loss: float
    counts: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What the score lost, −ln R, and to which parts, largest first, in percent."""

    total: float | None
    parts: tuple[tuple[str, float], ...]


def parts_of(reading: Reading) -> tuple[Part, ...]:
    """Every part, those that apply first, in the order of the reading."""
    losses = _losses(reading)
    weights = sum(each.weight for each in reading.components if each.applies) or 1.0
    listed = [
        Part(
            name=NAMES[each.name],
            field=FIELDS[each.name],
            applies=each.applies,
            unknown=each.applies and each.mid is None,
            low=each.low,
            mid=each.mid,
            high=each.high,
            weight=each.weight / weights if each.applies else 0.0,
            loss=losses.get(each.name, 0.0),
            counts=_counts(each),
        )
        for each in reading.components
    ]
    return tuple(sorted(listed, key=lambda part: not part.applies))


def cost_of(reading: Reading) -> Cost:
    """What the score lost, and to which parts."""
    losses = _losses(reading)
    parts = sorted(
        ((NAMES[name], loss) for name, loss in losses.items()), key=lambda part: -part[1]
    )
    return Cost(_total(reading), tuple(parts))


def _total(reading: Reading) -> float | None:
    mid = reading.resilience.mid
    return -log(mid) if mid else None


def _losses(reading: Reading) -> dict[ComponentName, float]:
    """Percent of −ln R by part; empty when nothing was lost or nothing is known."""
    known = [(each.name, each.share) for each in reading.components if each.share]
    rounded = rounded_shares([share for _, share in known])
    return {name: value for (name, _), value in zip(known, rounded, strict=True)}


def _counts(part: Component) -> str:
    """The counts behind a part, as a sentence; what a reading does not hold is left out."""
    detail = {name: value for name, value in part.detail.items() if value not in {None, 0}}
    said = [f"{_figure(part.n)} {part.unit}"]
    for name, words in _WORDS.get(part.name, ()):
        if name in detail:
            said.append(f"{_figure(detail[name])} {words}")
    return ", ".join(said) if part.applies else ""


def _figure(value: float | str | None) -> str:
    if isinstance(value, str) or value is None:
        return value or "–"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 1 else f"{value:.3f}"


_WORDS: dict[ComponentName, tuple[tuple[str, str], ...]] = {
    "codex_uptime_index": (
        ("good", "good"), ("bad", "bad"), ("unknown", "unknown"), ("uncovered", "unseen"),
    ),
    "ritual_execution_consistency": (
        ("cost", "misaligned steps by weight"), ("worst_cost", "at worst"), ("open", "open apart"),
        ("inexact", "inexact apart"), ("more_runs_needed", "more needed"),
    ),
    "memory_integrity_score": (
        ("ok", "ok"), ("altered", "altered"), ("missing", "missing"), ("unlogged", "unlogged"),
        ("written_since", "written since the audit"), ("failed_logs", "logs whose proof failed"),
    ),
    "outcome_entropy": (("tools", "tools"), ("denied", "denied")),
    "drift": (
        ("distance", "from the baseline"), ("chance", "explained by chance"),
        ("more_runs_needed", "more needed"),
    ),
}  # fmt: skip
