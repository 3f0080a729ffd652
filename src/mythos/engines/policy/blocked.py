"""Blocked attempts: denials that no executed span answers.

A decision point says "no" before the call; whether the agent obeyed is told by the spans. Law:
one executed call answers at most one denial, so two denials and one call leave one blocked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mythos.values.event import Event, Json, Kind, Run
from mythos.values.outcome import Ruling


@dataclass(frozen=True, slots=True)
class DeniedAttempt:
    """A denial given at `at_ns`, with the rulings to count if the call was not made."""

    agent: str
    tool: str
    call_id: str
    arguments: Mapping[str, Json] | None
    at_ns: int
    rulings: tuple[Ruling, ...] = ()


def blocked_rulings(run: Run, decisions: Sequence[DeniedAttempt]) -> list[Ruling]:
    """The rulings of those denials that were obeyed.

    Args:
        run: the run in which the attempts were made.
        decisions: its denials, in any order.

    Returns:
        Their rulings in order of time; none for a denial whose call was made all the same.
    """
    return [ruling for attempt in obeyed(run, decisions) for ruling in attempt.rulings]


def obeyed(run: Run, decisions: Sequence[DeniedAttempt]) -> list[DeniedAttempt]:
    """Denials without an executed call, in order of time.

    A call answers a denial if it carries the same call id; where either has none, if it is of
    the same tool with equal arguments and began no earlier than the denial.
    """
    calls = sorted(
        (event for event in run.events if event.kind is Kind.TOOL_CALL),
        key=lambda event: (event.start_ns, event.span_id),
    )
    kept = []
    for attempt in sorted(decisions, key=lambda each: (each.at_ns, each.call_id, each.tool)):
        answer = next((call for call in calls if _answers(call, attempt)), None)
        if answer is None:
            kept.append(attempt)
        else:
            calls.remove(answer)
    return kept


def _answers(call: Event, attempt: DeniedAttempt) -> bool:
    if call.tool != attempt.tool:
        return False
    if call.call_id and attempt.call_id:
        return call.call_id == attempt.call_id
    followed = call.start_ns >= attempt.at_ns or call.end_ns > attempt.at_ns
    return call.arguments == attempt.arguments and followed
