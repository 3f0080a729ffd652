"""Occasions: each action of a run with what was known when it began.

A sweep over the run in time order. At one instant, what the user said and calls that end come
first, then the calls that begin, by span id; a call that ends where it begins counts only after
itself. An occasion thus never sees its own result, nor anything later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from mythos.engines.policy.facts import USER_EVENTS, FactState, fact_values
from mythos.engines.policy.licence import stems, tool_stems
from mythos.engines.policy.origin import Sources
from mythos.engines.policy.request import ANY_ORIGIN, Origin, Request
from mythos.engines.telemetry.masking import is_masked
from mythos.engines.telemetry.payload import payload_of
from mythos.engines.telemetry.user_events import UserEvent, user_events
from mythos.values.event import Event, Json, Kind, Run
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

DENY = "deny"


@dataclass(frozen=True, slots=True)
class Occasion:
    """One attempt at a governed action and the state of the run at its start.

    `executed` is False for an attempt that a span says was denied.
    """

    event: Event
    executed: bool
    arguments: dict[str, Json] | None
    hidden: frozenset[str]
    call_id: str
    state: FactState
    licensed: bool | None
    origins: dict[str, frozenset[Origin]]

    def request(self, sets: dict[str, PolicySet]) -> Request:
        """The request to decide, with the facts of these policy sets (by digest)."""
        return Request(
            agent=self.event.agent,
            tool=self.event.tool,
            arguments=self.arguments,
            facts={
                name: fact_values(policy_set, self.state, self.event.start_ns)
                for name, policy_set in sets.items()
            },
            licensed=self.licensed,
            origins=self.origins,
            hidden=self.hidden,
        )


def occasions_of(run: Run, catalogue: ToolCatalogue) -> list[Occasion]:
    """Every tool call of a run, and every attempt it says was denied, in order of their start.

    Args:
        run: a closed run; its events need not be sorted.
        catalogue: the run's tools.

    Returns:
        Occasions by (start, span id).
    """
    sweep = _Sweep(run, catalogue)
    for _, step in sorted(_moments(run, catalogue, sweep), key=lambda moment: moment[0]):
        step()
    return sweep.found


_Key = tuple[int, int, str, int]
_Moment = tuple[_Key, Callable[[], None]]


def _moments(run: Run, catalogue: ToolCatalogue, sweep: _Sweep) -> Iterator[_Moment]:
    for said in user_events(run, catalogue):
        yield (said.at_ns, 0, said.span_id, 0), partial(sweep.hear, said)
    for event in run.events:
        start = (event.start_ns, 2, event.span_id, 0)
        if event.kind is Kind.TOOL_CALL:
            yield start, partial(sweep.begin, event)
            yield _end(event), partial(sweep.finish, event)
        elif event.tool and event.verdict.lower() == DENY:
            yield start, partial(sweep.deny, event)


def _end(event: Event) -> _Key:
    if event.end_ns > event.start_ns:
        return event.end_ns, 1, event.span_id, 0
    return event.start_ns, 2, event.span_id, 1


class _Sweep:
    """What is known at the present moment of the sweep."""

    def __init__(self, run: Run, catalogue: ToolCatalogue) -> None:
        self.found: list[Occasion] = []
        self._catalogue = {tool.name: tool for tool in catalogue.tools}
        self._wanted = {tool.name: tool_stems(tool) for tool in catalogue.tools}
        self._state = FactState()
        self._heard: frozenset[str] = frozenset()
        self._sources = Sources()
        if not any(event.user_texts for event in run.events):
            self._doubt_the_user(max(event.start_ns for event in (run.root, *run.events)))

    def _doubt_the_user(self, until_ns: int) -> None:
        for name in USER_EVENTS:
            self._state = self._state.doubt(name, until_ns)
        self._sources.hide(Origin.USER)

    def hear(self, said: UserEvent) -> None:
        """The user said something, or something that was not captured."""
        self._state = self._state.said(said.kind, said.at_ns)
        if not said.captured:
            self._state = self._state.doubt("user.confirm", said.at_ns)
            self._sources.hide(Origin.USER)
        self._sources.hear(said.text)
        self._heard |= stems(said.text)

    def begin(self, event: Event) -> None:
        """A call begins: judge it by what is known, then let its attempt count."""
        self._note(event, event.arguments, event.call_id, executed=True)
        self._state = self._state.began(event.tool, event.start_ns)

    def finish(self, event: Event) -> None:
        """A call ends: its result and its output count from here."""
        tool = self._catalogue.get(event.tool)
        self._state = self._state.observe(event.tool, event.end_ns, ok=not event.failed)
        self._sources.take_output(tool, event)
        if tool and tool.user:
            self._answer(event)

    def _answer(self, event: Event) -> None:
        if not event.output_captured:
            self._state = self._state.doubt("user.confirm", event.end_ns)
            self._sources.hide(Origin.USER)
        elif isinstance(event.output, str):
            self._heard |= stems(event.output)

    def deny(self, event: Event) -> None:
        """A span says that an attempt was denied: nothing was begun."""
        payload = payload_of(event.attributes)
        self._note(event, payload.arguments, payload.call_id, executed=False)

    def _note(
        self, event: Event, arguments: Mapping[str, Json] | None, call_id: str, *, executed: bool
    ) -> None:
        given = None if arguments is None else dict(arguments)
        hidden = frozenset(name for name, value in (given or {}).items() if _has_mask(value))
        self.found.append(
            Occasion(
                event=event,
                executed=executed,
                arguments=given,
                hidden=hidden,
                call_id=call_id,
                state=self._state,
                licensed=self._licensed(event.tool),
                origins=self._origins(event.tool, given or {}, hidden),
            )
        )

    def _origins(
        self, name: str, arguments: Mapping[str, Json], hidden: frozenset[str]
    ) -> dict[str, frozenset[Origin]]:
        tool = self._catalogue.get(name)
        found = {
            sink: ANY_ORIGIN if sink in hidden else self._sources.origins_of(arguments.get(sink))
            for sink in (tool.sinks if tool else ())
        }
        return {sink: origins for sink, origins in found.items() if origins}

    def _licensed(self, tool: str) -> bool | None:
        if not self._wanted.get(tool, frozenset()).isdisjoint(self._heard):
            return True
        return None if Origin.USER in self._sources.hidden else False


def _has_mask(value: Json) -> bool:
    """Whether a value holds a text that only stands in for what was sent."""
    if isinstance(value, dict):
        return any(map(_has_mask, value.values()))
    if isinstance(value, list):
        return any(map(_has_mask, value))
    return isinstance(value, str) and is_masked(value)
