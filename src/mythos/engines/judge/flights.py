"""Flights: which grants of a run no call answers yet, told call by call and grant by grant.

Law: the same grants as `grants.in_flight` finds in the whole run, or `ReorderedError` is raised,
since a call that was taken to answer one grant might answer another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from mythos.engines.judge.grants import Call, Grant, Granted, Name, matched
from mythos.engines.telemetry.reordered import ReorderedError
from mythos.values.event import Event


@dataclass(frozen=True, slots=True)
class _Landed:
    """A grant and its call; grants numbered from `until` on came after the call."""

    grant: Grant
    call: Call
    place: tuple[int, str]
    until: int


class Flights:
    """The grants of one trace and the calls of one run of it."""

    def __init__(self, granted: Granted, calls: Iterable[tuple[Event, Call]]) -> None:
        """Match all that is known so far; `calls` stand in the order of their events."""
        self._granted = granted
        self._n_changes = granted.n_changes
        self._numbers: dict[Name, int] = {}
        self._flying: dict[int, Grant] = {}
        self._landed: dict[int, _Landed] = {}
        self._last: dict[str, tuple[int, str]] = {}
        self._newest_ns = -1
        self._n = 0
        for grant, answer in matched(granted, calls):
            number = self._begin(grant)
            if answer is not None:
                self._land(number, *answer, until=len(granted))

    def go_on(self, granted: Granted, calls: Iterable[tuple[Event, Call]]) -> None:
        """Take in what was granted and what was called since.

        Raises:
            ReorderedError: it cannot be told from that alone; this object is of no more use.
        """
        for added, grant in self._changes(granted):
            if added:
                self._begin(grant)
            else:
                self._drop(grant)
        for event, call in calls:
            self._check(event, call)
            number = next((n for n, one in self._flying.items() if one.is_for(call)), None)
            if number is not None:
                self._land(number, event, call, until=self._n)

    def flying(self, asked: Grant) -> list[Grant]:
        """The grants that no call answers yet, without the one that is asked for again."""
        name = asked.name
        return [grant for grant in self._flying.values() if grant.name != name]

    def _changes(self, granted: Granted) -> list[tuple[bool, Grant]]:
        if granted is not self._granted:
            if self._numbers:
                raise ReorderedError("what was granted is forgotten")
            self._granted, self._n_changes = granted, 0
        n_new = granted.n_changes - self._n_changes
        n_kept = len(granted.changes)
        if n_new > n_kept:
            raise ReorderedError("too much was granted since")
        self._n_changes = granted.n_changes
        return list(islice(granted.changes, n_kept - n_new, None))

    def _begin(self, grant: Grant) -> int:
        if grant.at_ns < self._newest_ns:
            raise ReorderedError("a clock went back")
        number, self._n = self._n, self._n + 1
        self._newest_ns = grant.at_ns
        self._numbers[grant.name] = number
        self._flying[number] = grant
        return number

    def _land(self, number: int, event: Event, call: Call, *, until: int) -> None:
        place = event.start_ns, event.span_id
        self._landed[number] = _Landed(self._flying.pop(number), call, place, until)
        self._last[call.tool] = max(place, self._last.get(call.tool, place))

    def _check(self, event: Event, call: Call) -> None:
        """A call that began before one that answers a grant might answer that grant too."""
        place = event.start_ns, event.span_id
        if call.tool not in self._last or place > self._last[call.tool]:
            return
        for one in self._landed.values():
            if one.place > place and one.grant.is_for(call):
                raise ReorderedError(f"{event.span_id} may answer what another call answers")

    def _drop(self, grant: Grant) -> None:
        """Forget a grant; its call must be none that a grant given at the same time may have."""
        number = self._numbers.pop(grant.name)
        if self._flying.pop(number, None) is not None:
            return
        freed = self._landed.pop(number)
        for later in range(number + 1, freed.until):
            landed = self._landed.get(later)
            other = landed.grant if landed else self._flying.get(later)
            if other is not None and other.is_for(freed.call):
                raise ReorderedError("a call may answer another grant")
