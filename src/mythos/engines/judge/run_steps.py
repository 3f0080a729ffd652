"""The steps of a run, as a workflow sees them: the one place where a run becomes labels.

A step is a span that may stand for something the run did. The outermost agent's own span is none,
unless the run is a bare tool call; a span that tells a call or an agent's run a second time is
none. A call that is tried again is one step with a number of attempts: attempts share the call id,
the tool, the agent and, where both were captured, the arguments. The id alone proves nothing,
since senders give one id to different calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mythos.engines.conformance.steps import Step, StepKind
from mythos.engines.judge.naming import MAX_LABEL, short
from mythos.engines.telemetry.dialect import kind_of
from mythos.values.event import Event, Kind, Run

_STEP_KINDS: dict[Kind, StepKind] = {
    Kind.TOOL_CALL: "tool",
    Kind.AGENT_RUN: "agent",
    Kind.MODEL_CALL: "model",
}


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step: its first attempt, how many there were, and when the last of them ended."""

    step: Step
    event: Event
    attempts: int = 1
    ended_ns: int = 0
    failed: bool = False


def steps_of(run: Run) -> tuple[RunStep, ...]:
    """The steps of a run, by the start of their first attempts.

    Args:
        run: closed, its events sorted by (start, span id).
    """
    found: list[RunStep] = []
    tried: dict[tuple[str, str, str], list[int]] = {}
    for event in _events(run):
        known = tried.setdefault((event.call_id, event.tool, event.agent), [])
        place = next((i for i in known if _is_retry(found[i].event, event)), None)
        if place is None:
            known.append(len(found))
            found.append(_step(event))
        else:
            found[place] = _tried_again(found[place], event)
    return tuple(found)


def step_of(event: Event) -> Step:
    """An event as the workflow sees it."""
    kind = _STEP_KINDS.get(event.kind, "other")
    name = event.tool if kind == "tool" else event.agent if kind == "agent" else event.name
    return Step(name=short(name, MAX_LABEL), kind=kind, attributes=event.attributes)


def _events(run: Run) -> Iterator[Event]:
    for event in run.events:
        told_again = event.kind is Kind.OTHER and (event.tool or kind_of(event) is Kind.AGENT_RUN)
        if not told_again and (event.span_id != run.root.span_id or event.kind is Kind.TOOL_CALL):
            yield event


def _step(event: Event) -> RunStep:
    ended_ns = max(event.start_ns, event.end_ns)
    return RunStep(step_of(event), event, ended_ns=ended_ns, failed=event.failed)


def _tried_again(step: RunStep, event: Event) -> RunStep:
    return replace(
        step,
        attempts=step.attempts + 1,
        ended_ns=max(step.ended_ns, event.start_ns, event.end_ns),
        failed=event.failed,
    )


def _is_retry(first: Event, event: Event) -> bool:
    if event.kind is not Kind.TOOL_CALL or not event.call_id:
        return False
    unknown = first.arguments is None or event.arguments is None
    return unknown or first.arguments == event.arguments
