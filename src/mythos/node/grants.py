"""Grants: calls that the decision point allowed and of which no span has come yet.

A span tells of a call when it ends. Until then the call must count for the next question, or two
calls in flight would share one confirmation and race past one cap. So a grant stands in for its
call until a span of it comes, its trace closes, or a run's time-out has passed. Which span is its
own is told by what came after the grant, not by anybody's clock.

The same question asked again (the same call id, or neither has one and tool and arguments are
equal) is one call, not two. Grants are kept in memory: after a restart of the sidecar, calls that
were in flight count when their spans come.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mythos.values.event import Event, Json, Kind


@dataclass(frozen=True, slots=True)
class Grant:
    """A call that was allowed at `at_ns`, when the spans `known` had come already."""

    agent: str
    tool: str
    call_id: str
    arguments: Mapping[str, Json]
    at_ns: int
    known: frozenset[str] = frozenset()

    def is_for(self, call: Event) -> bool:
        """Whether a call that was seen is the one allowed here."""
        if call.kind is not Kind.TOOL_CALL or call.tool != self.tool:
            return False
        if call.span_id in self.known:
            return False
        if self.call_id and call.call_id:
            return self.call_id == call.call_id
        return call.arguments is None or dict(call.arguments) == dict(self.arguments)

    def is_again(self, other: Grant) -> bool:
        """Whether two questions are about one call."""
        if (self.agent, self.tool) != (other.agent, other.tool):
            return False
        if self.call_id or other.call_id:
            return self.call_id == other.call_id
        return dict(self.arguments) == dict(other.arguments)


class Grants:
    """Allowed calls by trace. Owned by the judge, under its lock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_trace: dict[str, list[Grant]] = {}

    def add(self, trace_id: str, granted: Grant) -> None:
        """Remember a call that was allowed; asked again, it is remembered once."""
        known = self._by_trace.setdefault(trace_id, [])
        known[:] = [*(one for one in known if not one.is_again(granted)), granted]

    def of(self, trace_id: str) -> list[Grant]:
        """What was allowed in a trace."""
        return list(self._by_trace.get(trace_id, ()))

    def forget(self, trace_ids: Iterable[str], *, before_ns: int) -> None:
        """Drop what was allowed in closed traces, and what was allowed before a time."""
        closed = set(trace_ids)
        kept = {
            trace_id: [one for one in known if one.at_ns > before_ns]
            for trace_id, known in self._by_trace.items()
            if trace_id not in closed
        }
        self._by_trace = {trace_id: known for trace_id, known in kept.items() if known}


def in_flight(granted: Iterable[Grant], calls: Iterable[Event], asked: Grant) -> list[Grant]:
    """The grants that no call answers yet, without the one that is asked for again.

    One call answers one grant, the oldest first.
    """
    left = list(calls)
    flying = []
    for grant in sorted(granted, key=lambda one: one.at_ns):
        answer = next((call for call in left if grant.is_for(call)), None)
        if answer is not None:
            left.remove(answer)
        elif not grant.is_again(asked):
            flying.append(grant)
    return flying
