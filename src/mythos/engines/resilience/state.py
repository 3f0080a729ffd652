"""States: one word for a node, and one line that says why.

The first that holds: CRITICAL, SILENT, BLIND, IDLE, UNKNOWN, DEGRADED, AT_RISK, HEALTHY. Only the
last is green, and no data never leads to it: without evidence there is no mid. A critical flag that
was marked benign makes no state, but every reason names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mythos.engines.resilience.cells import Cells
from mythos.engines.resilience.score import Score
from mythos.values.reading import Component, ComponentName, Flag, State

Verdict: TypeAlias = tuple[State, str]

TITLES: dict[ComponentName, str] = {
    "codex_uptime_index": "policy compliance",
    "ritual_execution_consistency": "workflow match",
    "memory_integrity_score": "memory integrity",
    "outcome_entropy": "outcome predictability",
    "drift": "behavioural drift",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What a state is read from.

    decided: the score had every undecidable cell been good. active: whether the node did anything
    that could be judged. missing: facts that undecidable calls lacked. silent_s: seconds since the
    last beat, None if never; used only where `silent`.
    """

    score: Score
    decided: Score
    target: float
    cells: Cells
    active: bool = False
    silent: bool = False
    silent_s: float | None = None
    missing: tuple[str, ...] = ()

    @property
    def blind(self) -> bool:
        """Whether undecidable evidence alone keeps the node from being known or being healthy."""
        if not self.cells.unknown:
            return False
        mid = self.score.bounds.mid
        if mid is None:
            return self.decided.bounds.mid is not None
        return mid >= self.target > self.score.bounds.low and self.decided.bounds.low >= self.target


def state_of(standing: Standing, flags: Sequence[Flag]) -> Verdict:
    """Return the state and its reason; `flags` are those carried to this moment.

    Returns:
        The first of the eight that holds, with one line for a person.
    """
    critical = [flag for flag in flags if _open_and_critical(flag)]
    if critical:
        return "CRITICAL", _named(critical)
    state, reason = _without_critical(standing)
    return state, f"{reason}{_set_aside(flags)}"


def _without_critical(standing: Standing) -> Verdict:
    if standing.silent:
        return "SILENT", _silence(standing.silent_s)
    if standing.blind:
        return "BLIND", _blindness(standing)
    if not standing.active:
        return "IDLE", "no governed action in the window"
    return _by_score(standing)


def _by_score(standing: Standing) -> Verdict:
    bounds, target = standing.score.bounds, standing.target
    if bounds.mid is None:
        return "UNKNOWN", _ignorance(standing.score)
    if bounds.mid < target:
        return "DEGRADED", f"{bounds.mid:.3f} is below {target:.2f}{_cause(standing.score)}"
    if bounds.low < target:
        return "AT_RISK", (
            f"{bounds.mid:.3f} meets {target:.2f}, but its lower bound is {bounds.low:.3f}:"
            " more evidence would settle it"
        )
    return "HEALTHY", f"{bounds.mid:.3f} ({bounds.low:.3f} to {bounds.high:.3f})"


def _open_and_critical(flag: Flag) -> bool:
    return flag.severity == "critical" and flag.state not in {"resolved", "benign"}


def _set_aside(flags: Sequence[Flag]) -> str:
    """What is critical and was marked benign, never left unsaid."""
    aside = [f for f in flags if f.severity == "critical" and f.state == "benign"]
    if not aside:
        return ""
    until = min(note.until for flag in aside for note in flag.benign)
    one = len(aside) == 1
    return f"; {len(aside)} critical flag{'' if one else 's'} marked benign until {until}"


def _named(flags: Sequence[Flag]) -> str:
    first = flags[0]
    more = f" and {len(flags) - 1} more" if len(flags) > 1 else ""
    return f"{first.code}: {first.subject}{more}"


def _silence(silent_s: float | None) -> str:
    return "no beat has arrived yet" if silent_s is None else f"last heard {silent_s:.0f} s ago"


def _blindness(standing: Standing) -> str:
    cells = standing.cells
    lacking = f" (missing: {', '.join(standing.missing)})" if standing.missing else ""
    return (
        f"{cells.unknown} of {cells.active} active cells undecidable: switch on the capture of tool"
        f" arguments and results{lacking}"
    )


def _ignorance(score: Score) -> str:
    if not score.unknown:
        return "nothing to judge by: no policy set, workflow or memory applies"
    return "; ".join(map(_lack, score.unknown))


def _lack(part: Component) -> str:
    needed = part.detail.get("more_runs_needed")
    if needed:
        return f"{TITLES[part.name]} needs {needed} more finished run{'s' if needed != 1 else ''}"
    if part.detail.get("unknown"):
        return f"{TITLES[part.name]}: {part.detail['unknown']} active cells, none decided"
    return f"no evidence of {TITLES[part.name]}"


def _cause(score: Score) -> str:
    part = score.costliest()
    return f": {part.share:.0%} of the loss is {TITLES[part.name]}" if part else ""
