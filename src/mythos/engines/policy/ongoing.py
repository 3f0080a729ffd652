"""A sweep over a run that goes on: each moment is told once, and each question asked beside it.

Law: a question is answered with the occasion that `occasions_of` would find for it in the whole
run, or `ReorderedError` is raised. What came late matters in no way when a call begins, unless a
fact's `where` reads other facts, or a model or tool changed; all else has to come in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.moments import Key, Moment, Said, beginning, moments_of, said_in
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.sweep import Sweep
from mythos.engines.telemetry.reordered import ReorderedError
from mythos.values.event import Event, Kind

_NEVER: Key = (-1, 0, "", 0)


class OngoingSweep:
    """One run so far, for one engine. Owned by the judge of one host, under its lock."""

    def __init__(self, engine: PolicyEngine, past: History | None) -> None:
        """Begin before the first moment.

        Raises:
            ReorderedError: a fact reads, of each event, what other runs did up to now.
        """
        needed = {identity for plan in engine.plans for identity in plan.needs.values()}
        if any(plan.identity in needed and plan.scope == "agent" for plan in engine.plans):
            raise ReorderedError("a fact reads what other runs did")
        self._in_order = bool(needed)
        self._catalogue = engine.catalogue
        self._sweep = Sweep(engine, past, only="", depths={})
        self._coming: list[Moment] = []
        self._told = _NEVER
        self._last_said: tuple[int, int, str] = (-1, -1, "")
        self._n_said = 0
        self._heard = False
        self._latest_ns = -1

    @property
    def n_keys(self) -> int:
        """How many words, pairs, links and addresses it keeps."""
        return self._sweep.sources.n_keys

    def go_on(self, events: Sequence[Event]) -> None:
        """Take in events that came since, sorted by (start, span id).

        Raises:
            ReorderedError: they change what was told; this object is of no more use.
        """
        said = said_in(events, self._catalogue, first=self._n_said)
        self._note_said(said)
        late: list[Event] = []
        for event in events:
            self._heard = self._heard or bool(event.user_texts)
            self._latest_ns = max(self._latest_ns, event.start_ns)
            if event.kind is Kind.TOOL_CALL and beginning(event) < self._told:
                late.append(event)
        late_keys = {beginning(event) for event in late}
        for moment in moments_of(events, said, self._sweep):
            if moment.key in late_keys:
                continue
            if moment.key < self._told:
                raise ReorderedError("something happened before what was told")
            heappush(self._coming, moment)
        for event in late:
            if self._in_order or self._sweep.is_changed(event.agent):
                raise ReorderedError(f"{event.span_id} began before what was told")
            self._sweep.begin(event)

    def _note_said(self, said: Sequence[Said]) -> None:
        if not said:
            return
        first, last = (
            (one.what.at_ns, one.event.start_ns, one.event.span_id) for one in (said[0], said[-1])
        )
        if first < self._last_said:
            raise ReorderedError("the user said something before what was heard")
        self._last_said = last
        self._n_said += len(said)

    def ask(self, call: Event, flying: Sequence[Event]) -> Occasion:
        """What is known of a call that begins now.

        Args:
            call: later than all that was asked before.
            flying: calls that began before it and of which no span has come.

        Raises:
            ReorderedError: that can only be told from the whole run.
        """
        now = beginning(call)
        if now < self._told:
            raise ReorderedError("the question comes before what was told")
        while self._coming and self._coming[0].key < now:
            self._told, step = heappop(self._coming)
            step()
        begun = [event for event in flying if beginning(event) < now]
        if self._in_order and (begun or not self._heard):
            raise ReorderedError("a fact reads what is in doubt")
        if self._sweep.is_changed(call.agent) and any(beginning(e) < self._told for e in begun):
            raise ReorderedError("a model or tool changed beside a call")
        beside = self._sweep.beside(only=call.span_id)
        if not self._heard:
            starts = (event.start_ns for event in (call, *flying))
            beside.doubt_the_user(max(self._latest_ns, *starts))
        for event in (*begun, call):
            beside.begin(event)
        (occasion,) = beside.found
        return occasion
