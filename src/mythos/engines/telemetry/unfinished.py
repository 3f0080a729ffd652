"""A trace that goes on, as one of its agents sees it: its root has not been sent yet.

A stand-in takes the root's place, and encloses everything whose own parent has not come. A run of
an agent that has ended stays a run of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from mythos.engines.telemetry.dialect import agent_of, kind_of
from mythos.engines.telemetry.runs import assemble
from mythos.values.event import Kind, Run, Span


def so_far(trace_id: str, agent: str, spans: Sequence[Span]) -> tuple[list[Run], Run | None]:
    """The runs of a trace: those that ended, and what has not under a stand-in for its root.

    Args:
        trace_id: of the spans, 32 hex digits.
        agent: who asks.
        spans: all that came, in the order in which they came.

    Returns:
        All runs, and the one that goes on; None if everything has ended.
    """
    held = {span.span_id for span in spans}
    tops = [span for span in spans if span.parent_id not in held]
    ended = {span.span_id for span in tops if has_ended(span, agent)}
    adopted = {span.span_id for span in tops} - ended
    if not adopted:
        return assemble(spans), None
    root = stand_in(trace_id, agent, spans)
    family = [
        replace(span, parent_id=root.span_id) if span.span_id in adopted else span for span in spans
    ]
    runs = assemble([root, *family])
    return runs, next((run for run in runs if run.root.span_id == root.span_id), None)


def stand_in(trace_id: str, agent: str, spans: Sequence[Span]) -> Span:
    """What takes the place of a root that has not been sent; of at least one span."""
    return Span(
        trace_id=trace_id,
        span_id=hashlib.sha256(trace_id.encode()).hexdigest()[:16],
        parent_id="",
        name="invoke_agent",
        start_ns=min(span.start_ns for span in spans),
        end_ns=max(span.end_ns for span in spans),
        attributes={"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent},
        resource=spans[0].resource,
    )


def has_ended(top: Span, agent: str) -> bool:
    """Whether a span without a parent here is a run of its own that is over."""
    if kind_of(top) is not Kind.AGENT_RUN:
        return False
    return not top.parent_id or agent_of(top, Kind.AGENT_RUN) == agent
