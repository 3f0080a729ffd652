"""Surroundings of the calls of one run: keeps what `signals` are told from.

A link counts as opened once a call of a reading tool was given it. Words of the user's text excuse
from the moment they are heard; an excuse that was not heard while part of the user's text is
missing cannot be told.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field

from mythos.engines.policy.course import CourseLog
from mythos.engines.policy.origin import Sources, leaves
from mythos.engines.policy.origin_name import Origin
from mythos.engines.policy.referral import Asked
from mythos.engines.policy.seen import Sought, sought
from mythos.engines.policy.signals import Signals
from mythos.values.event import Event, Json
from mythos.values.tools import Tool

_FINE = (Origin.USER, Origin.TRUSTED)


@dataclass(slots=True)
class Surroundings:
    """What surrounds the calls of a run so far. Owned by the sweep that fills it."""

    sources: Sources
    asked: Asked = field(init=False)
    _course: CourseLog = field(default_factory=CourseLog)
    _opened: MutableMapping[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what the user asked for against the same sources."""
        self.asked = Asked(self.sources)

    def beside(self, sources: Sources) -> Surroundings:
        """The same, to be told of calls that begin and of nothing else; this one learns nothing."""
        opened = ChainMap({}, self._opened)
        fork = Surroundings(sources, _course=self._course.beside(), _opened=opened)
        fork.asked = self.asked
        return fork

    def is_changed(self, agent: str) -> bool:
        """Whether a model or a tool changed since the agent's last call."""
        return self._course.is_changed(agent)

    def hear(self, text: str) -> None:
        """Take in what the user said."""
        self.sources.hear(text)
        self.asked.hear(text)

    def answered(self, event: Event) -> None:
        """A model call has ended."""
        self._course.answered(event)

    def began(self, event: Event, tool: Tool | None, hidden: frozenset[str]) -> None:
        """A call begins."""
        self._course.began(event, None if hidden else event.arguments)
        if tool and not tool.consequential and event.arguments:
            self._opened.update(dict.fromkeys(_links_in(event.arguments)))

    def signals(
        self,
        event: Event,
        arguments: Mapping[str, Json] | None,
        *,
        tool: Tool | None,
        hidden: frozenset[str],
        origins: Mapping[str, frozenset[Origin]],
    ) -> Signals:
        """What surrounds a call that is about to begin.

        Args:
            event: the call, or the attempt.
            arguments: None where they were not captured.
            tool: None for an undeclared one.
            hidden: the arguments of which only a mask was captured.
            origins: of its sinks' values.
        """
        return Signals(
            deletion=self._told(self.asked.deletion),
            elsewhere=self._told(self.asked.elsewhere(event.tool)),
            referred=self._told(self._referred(tool, arguments or {}, origins)),
            links=self._links(arguments, tool, hidden),
            course=self._course.at(event, None if hidden else arguments),
            untrusted=self.sources.untrusted,
        )

    def _told(self, heard: bool) -> bool | None:  # noqa: FBT001 - a value, no switch
        return heard or (None if Origin.USER in self.sources.hidden else False)

    def _referred(
        self,
        tool: Tool | None,
        arguments: Mapping[str, Json],
        origins: Mapping[str, frozenset[Origin]],
    ) -> bool:
        """Whether there is a strange value and each is; an undeclared one is named by the agent."""
        declared = frozenset(tool.sinks if tool else ())
        strange = [sink for sink, found in origins.items() if not found.issubset(_FINE)]
        return bool(strange) and all(
            self.asked.refers(sink if sink in declared else "", arguments.get(sink))
            for sink in strange
        )

    def _links(
        self, arguments: Mapping[str, Json] | None, tool: Tool | None, hidden: frozenset[str]
    ) -> dict[str, frozenset[Origin]] | None:
        if arguments is None:
            return None
        sinks = tool.sinks_of(arguments) if tool else ()
        free = {name: value for name, value in arguments.items() if name not in sinks}
        if not hidden.isdisjoint(free):
            return None
        new = {key: one for key, one in _links_in(free).items() if key not in self._opened}
        return {key: self.sources.origins_of_one(one) for key, one in new.items()}


def _links_in(arguments: Mapping[str, Json]) -> dict[str, Sought]:
    found = (one for leaf in leaves(dict(arguments)) for one in sought(leaf))
    return {one.link.key: one for one in found if one.link}
