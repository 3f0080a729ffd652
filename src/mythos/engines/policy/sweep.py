"""A sweep: what is known at the present moment of a run that is told in time order.

It is told of each moment once, by whoever orders them (`occasions`, `ongoing`), and notes each
action as an occasion before the action counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.declared import USER_EVENTS
from mythos.engines.policy.facts.fields import has_mask
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import Asker, History
from mythos.engines.policy.facts.known import Known
from mythos.engines.policy.licence import tool_stems
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.origin import Sources
from mythos.engines.policy.request import ANY_ORIGIN, Origin
from mythos.engines.policy.surroundings import Surroundings
from mythos.engines.telemetry.payload import payload_of
from mythos.engines.telemetry.user_events import UserEvent
from mythos.values.event import Event, Json


class Sweep:
    """What is known at the present moment of the sweep."""

    def __init__(
        self,
        engine: PolicyEngine,
        past: History | None,
        *,
        only: str | None,
        depths: Mapping[str, int],
    ) -> None:
        """Begin before the first moment.

        Args:
            engine: knows the run's tools and the facts to keep.
            past: what earlier runs left, for facts that reach beyond one run.
            only: the span id of the one action to note, None for every action.
            depths: of the agents that act, by span id.
        """
        catalogue = engine.catalogue
        self.only = only
        self.found: list[Occasion] = []
        self.history = History(engine.plans, catalogue, past=past)
        self._engine = engine
        self._depths = depths
        self._catalogue = {tool.name: tool for tool in catalogue.tools}
        self._wanted = {tool.name: tool_stems(tool) for tool in catalogue.tools}
        self.sources = Sources()
        self.around = Surroundings(self.sources)

    def beside(self, *, only: str) -> Sweep:
        """A sweep that stands here and goes on by itself: this one learns nothing from it.

        It may be told of doubts and of calls that begin; it notes none but `only`.
        """
        fork = copy(self)
        fork.only = only
        fork.found = []
        fork.history = self.history.beside()
        fork.sources = replace(self.sources, hidden=set(self.sources.hidden))
        fork.around = self.around.beside(fork.sources)
        return fork

    def is_changed(self, agent: str) -> bool:
        """Whether a model or a tool changed since the agent's last call."""
        return self.around.is_changed(agent)

    def doubt_the_user(self, until_ns: int) -> None:
        """Nothing that the user said up to then was captured."""
        for name in USER_EVENTS:
            self.history.blur(name, until_ns)
        self.sources.hide(Origin.USER)

    def hear(self, said: UserEvent, number: int, *, agent: str) -> None:
        """The user said something, or something that was not captured."""
        self.history.said(
            Happening(
                name=said.kind,
                id=f"{said.span_id}:{number}",
                start_ns=said.at_ns,
                end_ns=said.at_ns,
                agent=agent,
                text=said.text,
            )
        )
        if not said.captured:
            self.history.blur("user.confirm", said.at_ns)
            self.sources.hide(Origin.USER)
        self.around.hear(said.text)

    def answered(self, event: Event) -> None:
        """A model call has ended."""
        self.around.answered(event)

    def begin(self, event: Event) -> None:
        """A call begins: judge it by what is known, then let its attempt count."""
        hidden = self._note(event, event.arguments, event.call_id, executed=True)
        self.history.began(_happening(event, hidden))
        self.around.began(event, self._catalogue.get(event.tool), hidden)

    def finish(self, event: Event) -> None:
        """A call ends: its result and its output count from here."""
        tool = self._catalogue.get(event.tool)
        self.history.ended(_happening(event, _masked(event.arguments)))
        self.sources.take_output(tool, event)
        if tool and tool.user:
            self._answer(event)

    def _answer(self, event: Event) -> None:
        if not event.output_captured:
            self.history.blur("user.confirm", event.end_ns)
            self.sources.hide(Origin.USER)
        elif isinstance(event.output, str):
            self.around.asked.hear(event.output)

    def deny(self, event: Event) -> None:
        """A span says that an attempt was denied: nothing was begun."""
        payload = payload_of(event.attributes)
        self._note(event, payload.arguments, payload.call_id, executed=False)

    def _note(
        self, event: Event, arguments: Mapping[str, Json] | None, call_id: str, *, executed: bool
    ) -> frozenset[str]:
        given = None if arguments is None else dict(arguments)
        hidden = _masked(given)
        if self.only is not None and event.span_id != self.only:
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
                signals=self.around.signals(
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
            sink: ANY_ORIGIN if sink in hidden else self.sources.origins_of(arguments.get(sink))
            for sink in (tool.sinks_of(arguments) if tool else ())
        }
        return {sink: origins for sink, origins in found.items() if origins}

    def _licensed(self, tool: str) -> bool | None:
        if not self._wanted.get(tool, frozenset()).isdisjoint(self.around.asked.heard):
            return True
        return None if Origin.USER in self.sources.hidden else False


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
