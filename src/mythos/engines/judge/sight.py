"""What a question at the decision point sees of its run: the occasion of the call, if there is one.

The run that goes on as committed, the calls in flight, and the call in question as its newest. It
is read from all spans, or step by step with what earlier questions saw (`open_run`): the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from mythos.engines.judge.grants import Grant, Granted, calls_in, in_flight
from mythos.engines.judge.open_run import KeptRuns
from mythos.engines.judge.recollection import Recollection
from mythos.engines.judge.rulebook import Rulebook
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.occasions import occasions_of
from mythos.engines.telemetry.catalogue import fitting_catalogue
from mythos.engines.telemetry.reordered import ReorderedError
from mythos.engines.telemetry.unfinished import so_far
from mythos.values.event import Event, Kind, Run, Span
from mythos.values.tools import ToolCatalogue


@dataclass(frozen=True, slots=True)
class Seen:
    """The catalogue that declares the run's tools, and the call as it stands in the run."""

    catalogue: ToolCatalogue
    occasion: Occasion


@dataclass(frozen=True, slots=True)
class Sight:
    """One question: the call as an event that begins and ends now, and as a grant, if given.

    `spans` are all that came of the trace, in the order in which they came.
    """

    call: Event
    grant: Grant
    spans: Sequence[Span]
    granted: Granted
    rulebook: Rulebook
    recollection: Recollection | None = None

    def seen(self, kept: KeptRuns | None = None) -> Seen | None:
        """What the question sees; None if no tool catalogue fits the run.

        Args:
            kept: unfinished runs as earlier questions saw them; they only save work.
        """
        if kept is None:
            return self.in_all_spans()
        try:
            return self.in_open_run(kept)
        except ReorderedError:
            return self.in_all_spans()

    def in_all_spans(self) -> Seen | None:
        """What it sees when every span is read."""
        runs, known = so_far(self.call.trace_id, self.call.agent, self.spans)
        events = [event for run in runs for event in run.events]
        numbers: dict[str, int] = {}
        for number, span in enumerate(self.spans):
            numbers.setdefault(span.span_id, number)
        flying = self._flying(in_flight(self.granted, calls_in(events, numbers), self.grant))
        before = known.events if known else ()
        called = {event.tool for event in before if event.kind is Kind.TOOL_CALL}
        catalogue = self._catalogue(called, flying)
        if catalogue is None:
            return None
        run = Run(
            self.call.trace_id,
            known.root if known else self.call,
            (*before, *flying, self.call),
            self.call.start_ns,
        )
        engine = self.rulebook.engines[catalogue.domain]
        found = occasions_of(run, engine, past=self._past(catalogue), only=self.call.span_id)
        (occasion,) = found.found
        return Seen(catalogue, occasion)

    def in_open_run(self, kept: KeptRuns) -> Seen | None:
        """The same, reading only what came since the last question.

        Raises:
            ReorderedError: it must be read from all spans.
        """
        run = kept.run_of(self.call.trace_id, self.call.agent, self.spans, self.granted)
        flying = self._flying(run.in_flight(self.grant))
        catalogue = self._catalogue(run.called, flying)
        if catalogue is None:
            return None
        engine = self.rulebook.engines[catalogue.domain]
        run = kept.tell(run, self.spans, self.granted, engine, self._past(catalogue))
        return Seen(catalogue, run.ask(self.call, flying))

    def _flying(self, grants: Sequence[Grant]) -> list[Event]:
        """Calls in flight as events; they end after now."""
        return [
            replace(
                self.call,
                span_id=f"granted-{number}",
                name=grant.tool,
                start_ns=grant.at_ns,
                end_ns=self.call.start_ns + 1,
                agent=grant.agent,
                tool=grant.tool,
                call_id=grant.call_id,
                arguments=grant.arguments,
            )
            for number, grant in enumerate(grants)
        ]

    def _catalogue(self, called: Collection[str], flying: Sequence[Event]) -> ToolCatalogue | None:
        service = str(self.call.resource.get("service.name", ""))
        tools = {*called, self.call.tool, *(event.tool for event in flying)}
        return fitting_catalogue(service, tools, self.rulebook.catalogues)

    def _past(self, catalogue: ToolCatalogue) -> History | None:
        return self.recollection.past(catalogue.domain) if self.recollection else None
