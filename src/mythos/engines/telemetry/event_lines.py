"""Events as JSON lines that people and other programs write, and the runs they tell of.

A line is one of

    {"user": "cancel W1, please"}
    {"tool": "cancel_order", "arguments": {"order_id": "W1"}, "output": {"ok": true}, "ok": true}
    an event as the `event` schema says, any of its keys

with `agent`, `at` (ISO 8601 with its zone) and `run` on any of them. A line tells what happened: a
call with `"verdict": "deny"` was only asked for, every other was made. What a line leaves out is
filled in: an id from the line's number, the time one second after the line before it, the kind
from what is there. A call of the short form that says no `arguments` had none, one that says no
`output` gave nothing; an event that leaves those out did not capture them. Law: equal lines give
equal runs. Lines are pure input: opening files is the caller's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    StrictBool,
    ValidationError,
    model_validator,
)

from mythos.engines.telemetry import table
from mythos.errors import DocumentError
from mythos.values.base import Value
from mythos.values.event import Event, Kind, Run
from mythos.values.json_text import parse_json
from mythos.values.objection import objection

FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
STEP_NS: Final = 10**9
ONE_RUN: Final = "1"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(2262, 1, 1, tzinfo=UTC)  # nanoseconds in 63 bits end in that year
_LAST_NS: Final = 2**63 - 1
_REMEDY: Final = (
    'write {"user": "…"}, {"tool": "…", "arguments": {…}}, or an event as its JSON schema says'
)
MAX_ARGUMENTS: Final = 2**20  # characters of a line; a decision reads every word of them
_VERDICTS: Final = frozenset({"", "allow", "deny"})
_SHORT: Final = frozenset({"tool", "arguments", "output", "ok", "agent", "at", "run", "verdict"})


def _written(value: object) -> object:
    """A time as people write it: a number could mean seconds, milliseconds or nanoseconds."""
    if isinstance(value, str) and not value.strip().lstrip("-+").replace(".", "").isdigit():
        return value
    raise ValueError(
        f'{value!r} is no time with its zone, such as "2026-01-01T09:30:00Z"; nanoseconds since '
        "1970 are called start_ns"
    )


def _in_range(at: datetime) -> datetime:
    if _EPOCH <= at < _END:
        return at
    raise ValueError(f"{at.isoformat()} does not lie between 1970 and {_END.year}")


_At = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_range)]
_Text = Annotated[str, Field(max_length=2**20)]
_Nanos = Annotated[int, Field(ge=0, le=_LAST_NS)]
_Tokens = Annotated[int, Field(ge=0, le=2**53)]


class _Line(Value):
    """One line: the keys of an event, all optional, and those of the short forms."""

    user: _Text | None = None
    ok: StrictBool | None = None
    at: _At | None = None
    run: _Text = ""
    trace_id: _Text = ""
    span_id: _Text = ""
    parent_id: _Text = ""
    kind: Kind | None = None
    name: _Text = ""
    start_ns: _Nanos | None = None
    end_ns: _Nanos | None = None
    agent: _Text = ""
    tool: _Text = ""
    call_id: _Text = ""
    arguments: dict[str, JsonValue] | None = None
    output: JsonValue = None
    output_captured: StrictBool | None = None
    user_texts: tuple[_Text, ...] = ()
    session: _Text = ""
    workflow: _Text = ""
    model: _Text = ""
    tokens_in: _Tokens = 0
    tokens_out: _Tokens = 0
    failed: StrictBool = False
    verdict: _Text = ""
    attributes: dict[str, JsonValue] = Field(default_factory=dict)
    resource: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_meaning(self) -> _Line:
        given = self.model_fields_set
        for one, other in (("user", "tool"), ("ok", "failed"), ("at", "start_ns")):
            if {one, other} <= given:
                raise ValueError(f"{one!r} and {other!r} exclude each other")
        if self.kind is None and not self.tool and self.user is None and not self.user_texts:
            raise ValueError("neither what the user said nor a tool's call")
        if self.kind is Kind.TOOL_CALL and not self.tool:
            raise ValueError("a tool_call without its `tool`")
        if self._is_call and self.verdict.lower() not in _VERDICTS:
            raise ValueError(
                f"verdict: {self.verdict!r} is none of allow and deny; the call would count as made"
            )
        return self

    @property
    def short(self) -> bool:
        """Whether it is a call of the short form."""
        return self.model_fields_set <= _SHORT

    @property
    def denied(self) -> bool:
        """Whether it is a call that was asked for and not made."""
        return self._is_call and self.verdict.lower() == "deny"

    @property
    def _is_call(self) -> bool:
        return self.kind in {None, Kind.TOOL_CALL} and bool(self.tool)


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line that was read: its number in the file, which run it tells of, and the event."""

    number: int
    run: str
    event: Event


class EventLines:
    """Reads the lines of one file in order. Keeps the time of the last one, nothing else."""

    def __init__(self, *, agent: str) -> None:
        """Begin.

        Args:
            agent: who acts where a line does not say.
        """
        self._agent = agent
        self._next_ns = _unix_ns(FIRST)

    def read(self, text: str, *, number: int) -> EventLine:
        """The event of one line.

        Args:
            text: the line; not blank.
            number: of the line, from 1.

        Raises:
            DocumentError: the line is no event, or its arguments are longer than
                `MAX_ARGUMENTS`; `where` is the bare line number.
        """
        where = str(number)
        try:
            line = _Line.model_validate(parse_json(text).value)
        except DocumentError as error:
            raise DocumentError(error.message, remedy=_REMEDY, where=where) from error
        except ValidationError as error:
            raise DocumentError(_said(error), remedy=_REMEDY, where=where) from error
        if len(text) > MAX_ARGUMENTS:
            _check_arguments(line, where)
        start_ns = self._start_ns(line)
        self._next_ns = min(start_ns + STEP_NS, _LAST_NS)
        run = line.run or line.trace_id or ONE_RUN
        return EventLine(number, run, self._event(line, run=run, number=number, start_ns=start_ns))

    def _start_ns(self, line: _Line) -> int:
        if line.at is not None:
            return _unix_ns(line.at)
        return self._next_ns if line.start_ns is None else line.start_ns

    def _event(self, line: _Line, *, run: str, number: int, start_ns: int) -> Event:
        called = bool(line.tool)
        kind = line.kind or (Kind.TOOL_CALL if called else Kind.MODEL_CALL)
        attributes = line.attributes
        if line.denied:
            kind, attributes = Kind.POLICY_DECISION, _asked(line)
        said = line.user_texts if line.user is None else (line.user, *line.user_texts)
        captured = line.output_captured
        if captured is None:
            captured = line.short or "output" in line.model_fields_set
        return Event(
            trace_id=run,
            span_id=line.span_id or f"{number:016x}",
            parent_id=line.parent_id,
            kind=kind,
            name=line.name or line.tool or kind.value,
            start_ns=start_ns,
            end_ns=max(start_ns, line.end_ns or 0),
            agent=line.agent or self._agent,
            tool=line.tool,
            call_id=line.call_id,
            arguments={}
            if line.short and "arguments" not in line.model_fields_set
            else line.arguments,
            output=line.output,
            output_captured=captured,
            user_texts=said,
            session=line.session,
            workflow=line.workflow,
            model=line.model,
            tokens_in=line.tokens_in,
            tokens_out=line.tokens_out,
            failed=line.failed if line.ok is None else not line.ok,
            verdict=line.verdict,
            attributes=attributes,
            resource=line.resource,
        )


def runs_of_lines(lines: Iterable[EventLine]) -> list[Run]:
    """The runs that lines tell of, in the order in which each is first named.

    Args:
        lines: of any number of runs, in any order.

    Returns:
        One run for each name. It is led by its first event of kind `agent_run` without a parent,
        else by a stand-in that begins with its first event; what names no parent is its child.

    Raises:
        DocumentError: two lines of one run have one span id; `where` is the later line's number.
    """
    runs: dict[str, list[EventLine]] = {}
    for line in lines:
        runs.setdefault(line.run, []).append(line)
    return [_run(name, members) for name, members in runs.items()]


def _run(name: str, lines: list[EventLine]) -> Run:
    _refuse_repeats(lines)
    events = sorted((line.event for line in lines), key=lambda one: (one.start_ns, one.span_id))
    root = next((e for e in events if e.kind is Kind.AGENT_RUN and not e.parent_id), None)
    ended_ns = max(event.end_ns for event in events)
    if root is None:
        first = events[0]
        root = Event(
            trace_id=name,
            span_id="root",
            parent_id="",
            kind=Kind.AGENT_RUN,
            name="invoke_agent",
            start_ns=first.start_ns,
            end_ns=ended_ns,
            agent=first.agent,
            resource=next((event.resource for event in events if event.resource), {}),
        )
        events.insert(0, root)
    return Run(name, root, tuple(_under(event, root) for event in events), ended_ns)


def _under(event: Event, root: Event) -> Event:
    if event.parent_id or event is root:
        return event
    return replace(event, parent_id=root.span_id)


def _refuse_repeats(lines: list[EventLine]) -> None:
    first: dict[str, int] = {}
    for line in lines:
        there = first.setdefault(line.event.span_id, line.number)
        if there != line.number:
            raise DocumentError(
                f"line {there} has the same span_id {line.event.span_id!r}",
                remedy="give each event its own, or leave `span_id` out",
                where=str(line.number),
            )


def _check_arguments(line: _Line, where: str) -> None:
    size = len(json.dumps(line.arguments, ensure_ascii=False))
    if size > MAX_ARGUMENTS:
        raise DocumentError(
            f"arguments: {size:,} characters, and a call may have {MAX_ARGUMENTS:,}",
            remedy="cut the longest argument, or leave the line out",
            where=where,
        )


def _asked(line: _Line) -> dict[str, JsonValue]:
    """The attributes of a span that tells of a denied attempt, arguments and all."""
    if line.arguments is None and "arguments" in line.model_fields_set:
        return line.attributes
    return {table.ARGUMENT_KEYS[0]: line.arguments or {}, **line.attributes}


def _unix_ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1_000


def _said(error: ValidationError) -> str:
    """The first objection to a line, with the key it is about."""
    first = error.errors(include_url=False)[0]
    path = ".".join(map(str, first["loc"]))
    said, _ = objection(first)
    return f"{path}: {said}" if path else said
