"""Depth: how many agents enclose the one that acts; 0 for the outermost of a run."""

from __future__ import annotations

from mythos.values.event import Event, Kind, Run


def depths_of(run: Run) -> dict[str, int]:
    """The depth of every event's agent, by span id.

    Args:
        run: its events form a forest by parent id; a parent that is not there ends the chain.
    """
    events = {event.span_id: event for event in run.events}
    known: dict[str, int] = {}
    for event in run.events:
        chain: list[Event] = []
        at: Event | None = event
        while at is not None and at.span_id not in known and at not in chain[-1:]:
            chain.append(at)
            known[at.span_id] = 0  # ends a circle of parents, should there be one
            at = events.get(at.parent_id)
        agents = known[at.span_id] if at is not None else 0
        for each in reversed(chain):
            agents += each.kind is Kind.AGENT_RUN
            known[each.span_id] = agents
    return {name: max(agents - 1, 0) for name, agents in known.items()}
