"""Occasions: each action of a run with what was known when it began.

A sweep over the run in time order. At one instant, what the user said and calls that end come
first, then the calls that begin, by span id; a call that ends where it begins counts only after
itself. An occasion thus never sees its own result, nor anything later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.depth import depths_of
from mythos.engines.policy.facts.declared import USER_EVENTS
from mythos.engines.policy.facts.fields import has_mask
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import Asker, History
from mythos.engines.policy.facts.known import Known
from mythos.engines.policy.licence import tool_stems
from mythos.engines.policy.origin import Sources
from mythos.engines.policy.request import ANY_ORIGIN, Origin, Request
from mythos.engines.policy.signals import Signals
from mythos.engines.policy.surroundings import Surroundings
from mythos.engines.telemetry.payload import payload_of
from mythos.engines.telemetry.user_events import UserEvent, user_events
from mythos.values.event import Event, Json, Kind, Run
from mythos.values.tools import ToolCatalogue

DENY = "deny"


@dataclass(frozen=True, slots=True)
class Occasion:
    """One attempt at a governed action and what was known at its start.

    `executed` is False for an attempt that a span says was denied. `facts` are those that rules
    about the tool read, by digest of their policy set.
    """

    event: Event
    executed: bool
    arguments: dict[str, Json] | None
    hidden: frozenset[str]
    call_id: str
    facts: dict[str, dict[str, Known]]
    depth: int
    licensed: bool | None
    origins: dict[str, frozenset[Origin]]
    signals: Signals

    @property
    def request(self) -> Request:
        """The request to decide."""
        return Request(
            agent=self.event.agent,
            tool=self.event.tool,
            arguments=self.arguments,
            facts=self.facts,
            licensed=self.licensed,
            origins=self.origins,
            hidden=self.hidden,
            now_ns=self.event.start_ns,
            depth=self.depth,
            signals=self.signals,
        )


@dataclass(frozen=True, slots=True)
class Occasions:
    """Every occasion of a run, and what the run adds to the history of its facts."""

    found: list[Occasion]
    history: History


def occasions_of(
    run: Run, engine: PolicyEngine, *, past: History | None = None, only: str = ""
) -> Occasions:
    """Every tool call of a run, and every attempt it says was denied, in order of their start.

    Args:
        run: a closed run; its events need not be sorted.
        engine: knows the run's tools and the facts to keep.
        past: what earlier runs left, for facts that reach beyond one run.
        only: the span id of the one call that is asked about; all others are only taken in.

    Returns:
        Occasions by (start, span id).
    """
    sweep = _Sweep(run, engine, past, only=only)
    moments = _moments(run, engine.catalogue, sweep)
    for _, step in sorted(moments, key=lambda moment: moment[0]):
        step()
    return Occasions(sweep.found, sweep.history)


_Key = tuple[int, int, str, int]
_Moment = tuple[_Key, Callable[[], None]]


def _moments(run: Run, catalogue: ToolCatalogue, sweep: _Sweep) -> Iterator[_Moment]:
    for number, said in enumerate(user_events(run, catalogue)):
        yield (said.at_ns, 0, said.span_id, number), partial(sweep.hear, said, number)
    for event in run.events:
        start = (event.start_ns, 2, event.span_id, 0)
        if event.kind is Kind.TOOL_CALL:
            yield start, partial(sweep.begin, event)
            yield _end(event), partial(sweep.finish, event)
        elif event.tool and event.verdict.lower() == DENY:
            yield start, partial(sweep.deny, event)
        if event.kind is Kind.MODEL_CALL:
            yield _end(event), partial(sweep.answered, event)


def _end(event: Event) -> _Key:
    if event.end_ns > event.start_ns:
        return event.end_ns, 1, event.span_id, 0
    return event.start_ns, 2, event.span_id, 1


class _Sweep:
    """What is known at the present moment of the sweep."""

    def __init__(self, run: Run, engine: PolicyEngine, past: History | None, *, only: str) -> None:
        catalogue = engine.catalogue
        self._only = only
        self.found: list[Occasion] = []
        self.history = History(engine.plans, catalogue, past=past)
        self._engine = engine
        self._depths = depths_of(run)
        self._agents = {event.span_id: event.agent for event in run.events}
        self._catalogue = {tool.name: tool for tool in catalogue.tools}
        self._wanted = {tool.name: tool_stems(tool) for tool in catalogue.tools}
        self._sources = Sources()
        self._around = Surroundings(self._sources)
        if not any(event.user_texts for event in run.events):
            self._doubt_the_user(max(event.start_ns for event in (run.root, *run.events)))

    def _doubt_the_user(self, until_ns: int) -> None:
        for name in USER_EVENTS:
            self.history.blur(name, until_ns)
        self._sources.hide(Origin.USER)

    def hear(self, said: UserEvent, number: int) -> None:
        """The user said something, or something that was not captured."""
        self.history.said(
            Happening(
                name=said.kind,
                id=f"{said.span_id}:{number}",
                start_ns=said.at_ns,
                end_ns=said.at_ns,
                agent=self._agents.get(said.span_id, ""),
                text=said.text,
            )
        )
        if not said.captured:
            self.history.blur("user.confirm", said.at_ns)
            self._sources.hide(Origin.USER)
        self._around.hear(said.text)

    def answered(self, event: Event) -> None:
        """A model call has ended."""
        self._around.answered(event)

    def begin(self, event: Event) -> None:
        """A call begins: judge it by what is known, then let its attempt count."""
        hidden = self._note(event, event.arguments, event.call_id, executed=True)
        self.history.began(_happening(event, hidden))
        self._around.began(event, self._catalogue.get(event.tool), hidden)

    def finish(self, event: Event) -> None:
        """A call ends: its result and its output count from here."""
        tool = self._catalogue.get(event.tool)
        self.history.ended(_happening(event, _masked(event.arguments)))
        self._sources.take_output(tool, event)
        if tool and tool.user:
            self._answer(event)

    def _answer(self, event: Event) -> None:
        if not event.output_captured:
            self.history.blur("user.confirm", event.end_ns)
            self._sources.hide(Origin.USER)
        elif isinstance(event.output, str):
            self._around.asked.hear(event.output)

    def deny(self, event: Event) -> None:
        """A span says that an attempt was denied: nothing was begun."""
        payload = payload_of(event.attributes)
        self._note(event, payload.arguments, payload.call_id, executed=False)

    def _note(
        self, event: Event, arguments: Mapping[str, Json] | None, call_id: str, *, executed: bool
    ) -> frozenset[str]:
        given = None if arguments is None else dict(arguments)
        hidden = _masked(given)
        if self._only and event.span_id != self._only:
            return hidden
        asker = Asker(event.agent, event.tool, given, hidden, event.start_ns)
        origins = self._origins(event.tool, given or {}, hidden)
        self.found.append(
            Occasion(
                event=event,
                executed=executed,
                arguments=given,
                hidden=hidden,
                call_id=call_id,
                facts=self._facts(event.tool, asker),
                depth=self._depths.get(event.span_id, 0),
                licensed=self._licensed(event.tool),
                origins=origins,
                signals=self._around.signals(
                    event,
                    given,
                    tool=self._catalogue.get(event.tool),
                    hidden=hidden,
                    origins=origins,
                ),
            )
        )
        return hidden

    def _facts(self, tool: str, asker: Asker) -> dict[str, dict[str, Known]]:
        return {
            name: {plan.name: self.history.ask(plan, asker) for plan in plans}
            for name, plans in self._engine.facts_about(tool)
        }

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
        if not self._wanted.get(tool, frozenset()).isdisjoint(self._around.asked.heard):
            return True
        return None if Origin.USER in self._sources.hidden else False


def _happening(event: Event, hidden: frozenset[str]) -> Happening:
    return Happening(
        name=event.tool,
        id=event.span_id,
        start_ns=event.start_ns,
        end_ns=event.end_ns,
        agent=event.agent,
        ok=not event.failed,
        arguments=event.arguments,
        hidden=hidden,
        output=event.output,
        output_captured=event.output_captured,
    )


def _masked(arguments: Mapping[str, Json] | None) -> frozenset[str]:
    return frozenset(name for name, value in (arguments or {}).items() if has_mask(value))
