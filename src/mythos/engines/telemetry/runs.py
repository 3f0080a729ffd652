"""Runs from spans: one outermost agent run with its descendants, each judged once.

A trace without any agent run is one run, led by its earliest top. Law: equal sets of spans give
equal runs, whatever their order, batches and repeats; every tool call of a trace lies in exactly
one run, so none escapes judgement because the span around it was lost. Deciding *when* a trace is
complete is `open_runs`'s affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mythos.engines.telemetry import table
from mythos.engines.telemetry.dialect import agent_of, describe, session_of
from mythos.engines.telemetry.requested import name_argument, requests_of
from mythos.engines.telemetry.roles import Roles, cast
from mythos.engines.telemetry.spantree import SpanTree, is_entry, plant
from mythos.engines.telemetry.speech import first_said
from mythos.values.event import Event, Kind, Run, Span

_ACTIONS: Final = frozenset(
    {Kind.TOOL_CALL, Kind.MODEL_CALL, Kind.RETRIEVAL, Kind.MEMORY_OP, Kind.POLICY_DECISION}
)


@dataclass(frozen=True, slots=True)
class Assembled:
    """Runs by (start, trace id, root id), and how many spans lie around them and in none."""

    runs: tuple[Run, ...] = ()
    unassigned: int = 0


def assemble(spans: Iterable[Span]) -> list[Run]:
    """Runs of complete traces: an archive, or what `OpenRuns` closed.

    Args:
        spans: of any number of traces, in any order, repeats allowed.

    Returns:
        Runs by (start, trace id, root id). Agents are resolved, repeated tellings of one call or
        run are `Kind.OTHER`, and each user text stands where it was first said. A run is timed
        out if its root is a stand-in for one that was never seen; then it ends with its last span.
    """
    return list(assemble_counted(spans).runs)


def assemble_counted(spans: Iterable[Span]) -> Assembled:
    """Like `assemble`, with the count of spans that belong to no run."""
    traces: dict[str, list[Span]] = {}
    for span in spans:
        traces.setdefault(span.trace_id, []).append(span)
    parts = [_assemble_trace(plant(trace)) for trace in traces.values()]
    runs = [run for part in parts for run in part.runs]
    runs.sort(key=lambda run: (run.root.start_ns, run.trace_id, run.root.span_id))
    return Assembled(tuple(runs), sum(part.unassigned for part in parts))


def _assemble_trace(tree: SpanTree) -> Assembled:
    roles = cast(tree)
    groups: dict[str, list[str]] = {}
    for span_id in tree.spans:
        groups.setdefault(roles.outermost[span_id], []).append(span_id)
    outside = groups.pop("", [])
    strays = _strays(tree, roles, outside, tuple(groups))
    if strays:
        around = set(strays)
        groups[next(s for s in strays if tree.parents[s] not in around)] = strays
    runs = tuple([_run(tree, roles, root, members) for root, members in groups.items()])
    return Assembled(runs, len(outside) - len(strays))


def _strays(tree: SpanTree, roles: Roles, outside: list[str], roots: tuple[str, ...]) -> list[str]:
    """Spans that make a run without an agent: an agentless trace, or calls beside its agents."""
    if not roots:
        return outside
    above = tree.above(roots)
    calls = {span_id for span_id in outside if roles.kinds[span_id] is Kind.TOOL_CALL}
    return [s for s in outside if s in calls or s not in above] if calls else []


def _run(tree: SpanTree, roles: Roles, root: str, members: Sequence[str]) -> Run:
    said = first_said(tree, roles, members)
    session = session_of(tree.spans[root]) or next(
        (found for m in members if (found := session_of(tree.spans[m]))), ""
    )
    events = {
        m: describe(
            tree.spans[m],
            roles.kinds[m],
            agent=_agent(tree, roles, m),
            user_texts=said.get(m, ()),
            session=session,
        )
        for m in members
    }
    _complete_calls(tree, roles, events)
    _name_arguments(tree, events)
    lost = _is_stand_in(tree, roles, root)
    ended = [root] if not lost else members
    return Run(
        trace_id=tree.spans[root].trace_id,
        root=events[root],
        events=tuple(events.values()),
        ended_ns=max(max(events[m].start_ns, events[m].end_ns) for m in ended),
        timed_out=lost,
    )


def _agent(tree: SpanTree, roles: Roles, span_id: str) -> str:
    """Agent of a span: the enclosing run's; without one, an action's own word is all there is."""
    enclosing = roles.agents[span_id]
    if enclosing:
        return roles.names[enclosing]
    kind = roles.kinds[span_id]
    return agent_of(tree.spans[span_id], kind) if kind in _ACTIONS else ""


def _is_stand_in(tree: SpanTree, roles: Roles, root: str) -> bool:
    known = roles.kinds[root] is Kind.AGENT_RUN or tree.parents[root] or is_entry(tree.spans[root])
    return not known


def _complete_calls(tree: SpanTree, roles: Roles, events: dict[str, Event]) -> None:
    """Give a call what only its other telling captured."""
    for twin, call in roles.twins.items():
        if twin not in events or call not in events:
            continue
        events[call] = completed(events[call], tree.spans[twin])


def completed(call: Event, twin: Span) -> Event:
    """A call with what only its other telling captured."""
    told = describe(twin, Kind.TOOL_CALL, agent=call.agent)
    return replace(
        call,
        call_id=call.call_id or told.call_id,
        arguments=told.arguments if call.arguments is None else call.arguments,
        output=call.output if call.output_captured else told.output,
        output_captured=call.output_captured or told.output_captured,
        failed=call.failed or told.failed,
    )


def _name_arguments(tree: SpanTree, events: dict[str, Event]) -> None:
    """Give calls that kept a bare value the name their request gave it."""
    unnamed = [event for event in events.values() if is_unnamed(event)]
    if unnamed:
        models = (tree.spans[m] for m, e in events.items() if e.kind is Kind.MODEL_CALL)
        requests = requests_of(models)
        for event in unnamed:
            named = name_argument(tree.spans[event.span_id], event.tool, requests)
            events[event.span_id] = replace(event, arguments=named)


def is_unnamed(event: Event) -> bool:
    """Whether a call kept only a bare value, which a request may name."""
    return (
        event.kind is Kind.TOOL_CALL
        and event.arguments is None
        and table.BARE_INPUT_KEY in event.attributes
    )
