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

from collections import defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mythos.values.event import Event, Json, Kind

MAX_CHANGES = 1_024

Name: TypeAlias = tuple[str, str, str, Hashable]


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was seen, as far as a grant can be known by it; `number` of its span, from 0."""

    tool: str
    call_id: str
    arguments: Mapping[str, Json] | None
    number: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A call that was allowed at `at_ns`, when `n_spans` of its trace had come already."""

    agent: str
    tool: str
    call_id: str
    arguments: Mapping[str, Json]
    at_ns: int
    n_spans: int = 0

    @property
    def name(self) -> Name:
        """What all questions about one call share, and no others."""
        own = None if self.call_id else _frozen(dict(self.arguments))
        return self.agent, self.tool, self.call_id, own

    def is_for(self, call: Call) -> bool:
        """Whether a call that was seen is the one allowed here."""
        if call.tool != self.tool or call.number < self.n_spans:
            return False
        if self.call_id and call.call_id:
            return self.call_id == call.call_id
        return call.arguments is None or dict(call.arguments) == dict(self.arguments)


class Granted:
    """Allowed calls of one trace. `changes` are the newest of all `n_changes`: (added, which)."""

    def __init__(self) -> None:
        """Begin with none."""
        self._live: dict[Name, Grant] = {}
        self.changes: deque[tuple[bool, Grant]] = deque(maxlen=MAX_CHANGES)
        self.n_changes = 0

    def __iter__(self) -> Iterator[Grant]:
        return iter(self._live.values())

    def __len__(self) -> int:
        return len(self._live)

    def add(self, grant: Grant) -> None:
        """Remember a call that was allowed; asked again, it is remembered once."""
        self._drop(grant.name)
        self._live[grant.name] = grant
        self._note(grant, added=True)

    def forget(self, *, before_ns: int) -> None:
        """Drop what was allowed before a time."""
        for name in [name for name, one in self._live.items() if one.at_ns <= before_ns]:
            self._drop(name)

    def _drop(self, name: Name) -> None:
        grant = self._live.pop(name, None)
        if grant is not None:
            self._note(grant, added=False)

    def _note(self, grant: Grant, *, added: bool) -> None:
        self.changes.append((added, grant))
        self.n_changes += 1


class Grants:
    """Allowed calls by trace. Owned by the judge, under its lock."""

    def __init__(self) -> None:
        """Begin with none."""
        self._by_trace: dict[str, Granted] = {}

    def add(self, trace_id: str, granted: Grant) -> None:
        """Remember a call that was allowed."""
        self._by_trace.setdefault(trace_id, Granted()).add(granted)

    def of(self, trace_id: str) -> Granted:
        """What was allowed in a trace; not to be changed."""
        return self._by_trace.get(trace_id) or Granted()

    def forget(self, trace_ids: Iterable[str], *, before_ns: int) -> None:
        """Drop what was allowed in closed traces, and what was allowed before a time."""
        for trace_id in trace_ids:
            self._by_trace.pop(trace_id, None)
        for granted in self._by_trace.values():
            granted.forget(before_ns=before_ns)
        self._by_trace = {trace_id: one for trace_id, one in self._by_trace.items() if len(one)}


def calls_in(events: Iterable[Event], numbers: Mapping[str, int]) -> list[tuple[Event, Call]]:
    """The tool calls among events; `numbers` says when each span came, from 0."""
    return [
        (one, Call(one.tool, one.call_id, one.arguments, numbers[one.span_id]))
        for one in events
        if one.kind is Kind.TOOL_CALL
    ]


def matched(
    granted: Iterable[Grant], calls: Iterable[tuple[Event, Call]]
) -> list[tuple[Grant, tuple[Event, Call] | None]]:
    """Each grant, the oldest first, with the call that answers it; a call answers one grant."""
    left: defaultdict[str, list[tuple[Event, Call]]] = defaultdict(list)
    for event, call in calls:
        left[call.tool].append((event, call))
    found: list[tuple[Grant, tuple[Event, Call] | None]] = []
    for grant in sorted(granted, key=lambda one: one.at_ns):
        own = left[grant.tool]
        at = next((at for at, (_, call) in enumerate(own) if grant.is_for(call)), None)
        found.append((grant, None if at is None else own.pop(at)))
    return found


def in_flight(
    granted: Iterable[Grant], calls: Iterable[tuple[Event, Call]], asked: Grant
) -> list[Grant]:
    """The grants that no call answers yet, without the one that is asked for again."""
    name = asked.name
    return [g for g, call in matched(granted, calls) if call is None and g.name != name]


def _frozen(value: Json) -> Hashable:
    """A value that is equal and hashes equal where the JSON values are equal."""
    if isinstance(value, dict):
        return frozenset((key, _frozen(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(_frozen(inner) for inner in value)
    return value
