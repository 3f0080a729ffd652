"""What a declared fact says, read off the document: its form, its events, its window.

Events are tools by name, what the user did, or every tool of one effect (`data.egress`).
"""

from __future__ import annotations

from typing import Literal

from mythos.values.policy import Counted, Events, Fact, Last, Once, Summed
from mythos.values.tools import ToolCatalogue

Form = Literal["once", "count", "sum", "last"]

USER_EVENTS = frozenset({"user.message", "user.confirm"})
GROUPS = {
    "data.read": "read",
    "data.write": "write",
    "data.delete": "delete",
    "data.egress": "egress",
}
PRINCIPAL = "principal"

_UNIT_NS = {"s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9}


def form_of(fact: Fact) -> Form:
    """Which of the four forms a fact has."""
    if isinstance(fact, Once):
        return "once"
    if isinstance(fact, Summed):
        return "sum"
    return "count" if isinstance(fact, Counted) else "last"


def source_events(fact: Fact) -> frozenset[str]:
    """The events a fact collects, as written."""
    if isinstance(fact, Once):
        return _names(fact.once)
    if isinstance(fact, Summed | Last):
        return _names(fact.of)
    return _names(fact.count)


def reset_events(fact: Fact) -> frozenset[str]:
    """The events that undo a fact, as written; none but for `once … since`."""
    return _names(fact.since) if isinstance(fact, Once) else frozenset()


def event_names(fact: Fact) -> frozenset[str]:
    """Every event a fact speaks of, as written."""
    return source_events(fact) | reset_events(fact)


def resolved(events: frozenset[str], catalogue: ToolCatalogue) -> frozenset[str]:
    """Events with every group replaced by the tools of that effect."""
    effects = {GROUPS[name] for name in events & GROUPS.keys()}
    tools = {tool.name for tool in catalogue.tools if tool.effect in effects}
    return frozenset((events - GROUPS.keys()) | tools)


def keys_of(fact: Fact) -> tuple[str, ...]:
    """What `by` correlates: arguments by name, and `principal`."""
    if fact.by is None:
        return ()
    return (fact.by,) if isinstance(fact.by, str) else fact.by


def path_of(fact: Fact) -> tuple[str, ...]:
    """The field that `sum` or `last` reads, `input` or `output` first; else empty."""
    if isinstance(fact, Summed):
        return tuple(fact.sum.split("."))
    return tuple(fact.last.split(".")) if isinstance(fact, Last) else ()


def counts_attempts(fact: Fact) -> bool:
    """Whether a call counts whatever becomes of it."""
    return fact.outcome == "any" or (isinstance(fact, Summed) and fact.count == "attempts")


def window_ns(fact: Fact) -> int | None:
    """The window in nanoseconds; None for all of history."""
    return None if fact.within is None else duration_ns(fact.within)


def duration_ns(text: str) -> int:
    """A window such as `10m` in nanoseconds."""
    return int(text[:-1]) * _UNIT_NS[text[-1]]


def _names(events: Events | None) -> frozenset[str]:
    if events is None:
        return frozenset()
    return frozenset({events} if isinstance(events, str) else events)
