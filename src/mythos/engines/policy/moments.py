"""Moments: the order in which a run is told.

At one instant, what the user said and calls that end come first, then the calls that begin, by
span id; a call that ends where it begins counts only after itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple, TypeAlias

from mythos.engines.policy.sweep import Sweep
from mythos.engines.telemetry.user_events import UserEvent, user_events_in
from mythos.values.event import Event, Kind
from mythos.values.tools import ToolCatalogue

DENY = "deny"

Key: TypeAlias = tuple[int, int, str, int]


class Moment(NamedTuple):
    """When something happens, and what a sweep is then told."""

    key: Key
    step: Callable[[], None]


class Said(NamedTuple):
    """What the user said, the event it was seen in, and its number among all that they said."""

    what: UserEvent
    event: Event
    number: int


def said_in(events: Iterable[Event], catalogue: ToolCatalogue, *, first: int = 0) -> list[Said]:
    """What the user said, in time order.

    Args:
        events: sorted by (start, span id).
        catalogue: names the tools that ask the user.
        first: how much they said before.
    """
    by_id = {event.span_id: event for event in events}
    heard = user_events_in(by_id.values(), catalogue)
    return [Said(one, by_id[one.span_id], number) for number, one in enumerate(heard, first)]


def moments_of(events: Iterable[Event], said: Iterable[Said], sweep: Sweep) -> Iterator[Moment]:
    """Every moment of some events, in no order, and what to tell the sweep at each."""
    for one in said:
        key = (one.what.at_ns, 0, one.what.span_id, one.number)
        yield Moment(key, partial(sweep.hear, one.what, one.number, agent=one.event.agent))
    for event in events:
        if event.kind is Kind.TOOL_CALL:
            yield Moment(beginning(event), partial(sweep.begin, event))
            yield Moment(_end(event), partial(sweep.finish, event))
        elif event.tool and event.verdict.lower() == DENY:
            yield Moment(beginning(event), partial(sweep.deny, event))
        if event.kind is Kind.MODEL_CALL:
            yield Moment(_end(event), partial(sweep.answered, event))


def beginning(event: Event) -> Key:
    """When an action begins."""
    return event.start_ns, 2, event.span_id, 0


def _end(event: Event) -> Key:
    if event.end_ns > event.start_ns:
        return event.end_ns, 1, event.span_id, 0
    return event.start_ns, 2, event.span_id, 1
