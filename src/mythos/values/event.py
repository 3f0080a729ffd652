"""Spans, events and runs: what an agent was seen to do.

A `Span` is one OTLP span in neutral form; an `Event` is what a dialect says that span means; a
`Run` is one outermost agent invocation with its descendants (DESIGN: judged once, when closed).
These are inner values: frozen slotted dataclasses, made only by `engines.telemetry`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from pydantic import JsonValue

Json: TypeAlias = JsonValue


class Repeated(list[Json]):
    """Every value that one object gave for one key: readers disagree about which one counts.

    Nothing that is declared fits such a value, and its origin is the worst of all of them.
    """

    __slots__ = ()


def keyed(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    """An object of its pairs; a key that comes several times holds all its values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        given: dict[str, list[Json]] = {}
        for key, value in pairs:
            given.setdefault(key, []).append(value)
        found.update({k: Repeated(values) for k, values in given.items() if len(values) > 1})
    return found


class Kind(StrEnum):
    """What a span stands for; `OTHER` is kept and counted, never dropped."""

    AGENT_RUN = "agent_run"
    WORKFLOW_RUN = "workflow_run"
    TOOL_CALL = "tool_call"
    MODEL_CALL = "model_call"
    RETRIEVAL = "retrieval"
    MEMORY_OP = "memory_op"
    POLICY_DECISION = "policy_decision"
    EVALUATION = "evaluation"
    STEP = "step"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """A timed note inside a span, such as an exception. `at_ns`: Unix nanoseconds."""

    name: str
    at_ns: int
    attributes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """One OTLP span. Ids are lower-case hex; times are Unix nanoseconds; no parent is `""`."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Json] = field(default_factory=dict)
    resource: Mapping[str, Json] = field(default_factory=dict)
    scope: str = ""
    kind: int = 0
    failed: bool = False
    status_message: str = ""
    notes: tuple[SpanEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """What one span means, whatever dialect it was written in.

    `arguments` is None when the call's arguments were not captured, masked or truncated;
    `output` is None when the result was not captured. `user_texts` are the user-role message
    parts this span carries, in order; `runs.assemble` keeps each only where it is first seen.
    """

    trace_id: str
    span_id: str
    parent_id: str
    kind: Kind
    name: str
    start_ns: int
    end_ns: int
    agent: str = ""
    tool: str = ""
    call_id: str = ""
    arguments: Mapping[str, Json] | None = None
    output: Json = None
    output_captured: bool = False
    user_texts: tuple[str, ...] = ()
    session: str = ""
    workflow: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    failed: bool = False
    verdict: str = ""
    attributes: Mapping[str, Json] = field(default_factory=dict, repr=False)
    resource: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Run:
    """One closed run: its events sorted by (start, span id), root included.

    `timed_out` says that no root end was seen before `run_timeout_s`; then `ended_ns` is the end
    of its last span.
    """

    trace_id: str
    root: Event
    events: tuple[Event, ...]
    ended_ns: int
    timed_out: bool = False

    @property
    def agent(self) -> str:
        """Name of the outermost agent; `""` when nothing names one."""
        return self.root.agent

    @property
    def service(self) -> str:
        """The resource's `service.name`, by which a tool catalogue is chosen."""
        return str(self.root.resource.get("service.name", ""))
