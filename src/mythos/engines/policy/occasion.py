"""An occasion: one action, made or only tried, with what was known when it began."""

from __future__ import annotations

from dataclasses import dataclass

from mythos.engines.policy.facts.known import Known
from mythos.engines.policy.request import Origin, Request
from mythos.engines.policy.signals import Signals
from mythos.values.event import Event, Json


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
