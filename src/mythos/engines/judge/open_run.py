"""One agent's unfinished run of a trace, as its questions see it, and several of them in memory.

What came since the last question is taken in; nothing that came before is read again. Where that
would tell something else than the whole run does, `ReorderedError` is raised, and the run is
begun again or the question answered from all spans, at a cost that rises with the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import TypeAlias

from mythos.engines.judge.flights import Flights
from mythos.engines.judge.grants import Grant, Granted, calls_in
from mythos.engines.policy.compile import PolicyEngine
from mythos.engines.policy.facts.history import History
from mythos.engines.policy.occasion import Occasion
from mythos.engines.policy.ongoing import OngoingSweep
from mythos.engines.telemetry.growing_run import GrowingRun
from mythos.engines.telemetry.reordered import ReorderedError
from mythos.values.event import Event, Kind, Span

MAX_BYTES = 256 * 2**20
SPAN_BYTES = 600  # measured: 520 for each span of a run of 10,000, without words
KEY_BYTES = 100  # see `engines.policy.seen`
MAX_RUNS = 1_000

_Key: TypeAlias = tuple[str, str]


class OpenRun:
    """What the questions of one agent need of an unfinished run of one trace."""

    def __init__(self, agent: str, spans: Sequence[Span], granted: Granted) -> None:
        """Take in everything that came so far, at least one span.

        Raises:
            ReorderedError: only the whole can be read.
        """
        self.trace_id = spans[0].trace_id
        self.agent = agent
        self.n_spans = 0
        self.called: set[str] = set()
        self._run = GrowingRun(agent, spans[0])
        self._untold: list[Event] = []
        self._sweep: OngoingSweep | None = None
        self._told: tuple[PolicyEngine, History | None] | None = None
        self._flights = Flights(granted, calls_in(*self._grown(spans)))

    def go_on(self, spans: Sequence[Span], granted: Granted) -> None:
        """Take in what came since.

        Args:
            spans: all that came so far.
            granted: what was granted in the trace.

        Raises:
            ReorderedError: it changes what was told; this object is of no more use.
        """
        self._flights.go_on(granted, calls_in(*self._grown(spans)))

    def _grown(self, spans: Sequence[Span]) -> tuple[list[Event], dict[str, int]]:
        came = list(islice(spans, self.n_spans, None))
        numbers = {span.span_id: number for number, span in enumerate(came, self.n_spans)}
        events = self._run.grow(came) if came else []
        self.n_spans += len(came)
        self.called.update(event.tool for event in events if event.kind is Kind.TOOL_CALL)
        self._untold += events
        return events, numbers

    @property
    def n_bytes(self) -> int:
        """About how much memory it takes."""
        n_keys = self._sweep.n_keys if self._sweep else 0
        return SPAN_BYTES * (self.n_spans + len(self._untold)) + KEY_BYTES * n_keys

    def in_flight(self, asked: Grant) -> list[Grant]:
        """The grants that no call answers yet, without the one that is asked for again."""
        return self._flights.flying(asked)

    def tell(self, engine: PolicyEngine, past: History | None) -> None:
        """Tell the sweep what came; `past` is what earlier runs left.

        Raises:
            ReorderedError: it changes what was told; this object is of no more use.
        """
        if self._sweep is None:
            self._sweep, self._told = OngoingSweep(engine, past), (engine, past)
        elif self._told is None or self._told[0] is not engine or self._told[1] is not past:
            raise ReorderedError("the run is judged by other rules than before")
        came, self._untold = self._untold, []
        self._sweep.go_on(came)

    def ask(self, call: Event, flying: Sequence[Event]) -> Occasion:
        """What is known of a call that begins now, once all was told.

        Raises:
            ReorderedError: that can only be told from the whole run.
        """
        if self._sweep is None:
            raise ReorderedError("nothing was told yet")
        return self._sweep.ask(call, flying)


class KeptRuns:
    """Unfinished runs in memory, the least asked for forgotten first. Under the judge's lock."""

    def __init__(self, *, max_bytes: int = MAX_BYTES, max_runs: int = MAX_RUNS) -> None:
        """Begin with none; the newest is kept however large it is."""
        self._max_bytes = max_bytes
        self._max_runs = max_runs
        self._runs: dict[_Key, OpenRun | None] = {}
        self._sizes: dict[_Key, int] = {}
        self._n_bytes = 0

    def run_of(self, trace_id: str, agent: str, spans: Sequence[Span], granted: Granted) -> OpenRun:
        """The run that an agent's question is about, with all that came.

        Raises:
            ReorderedError: it must be read from all spans.
        """
        key = trace_id, agent
        if not spans or self._runs.get(key, self) is None:
            raise ReorderedError("this run cannot be told step by step")
        run = self._take(key)
        if run is not None:
            with suppress(ReorderedError):
                run.go_on(spans, granted)
                self._keep(key, run)
                return run
        return self._begun(key, spans, granted)

    def tell(
        self,
        run: OpenRun,
        spans: Sequence[Span],
        granted: Granted,
        engine: PolicyEngine,
        past: History | None,
    ) -> OpenRun:
        """The run, or the same begun again, once all that came was told.

        Args:
            run: of `run_of`.
            spans, granted: the same again.
            engine: of the run's tool catalogue.
            past: what earlier runs left.

        Raises:
            ReorderedError: it must be read from all spans.
        """
        key = run.trace_id, run.agent
        with suppress(ReorderedError):
            run.tell(engine, past)
            self._keep(key, run)
            return run
        self._take(key)
        again = self._begun(key, spans, granted)
        self._take(key)
        self._keep(key, None)
        again.tell(engine, past)
        self._keep(key, again)
        return again

    def forget(self, trace_ids: Iterable[str]) -> None:
        """Drop every run of these traces."""
        closed = set(trace_ids)
        for key in [key for key in self._runs if key[0] in closed]:
            self._take(key)

    def _begun(self, key: _Key, spans: Sequence[Span], granted: Granted) -> OpenRun:
        """The run, read from its first span; when that fails it is not tried again."""
        self._keep(key, None)
        run = OpenRun(key[1], spans, granted)
        self._keep(key, run)
        return run

    def _keep(self, key: _Key, run: OpenRun | None) -> None:
        self._take(key)
        self._runs[key] = run
        self._sizes[key] = run.n_bytes if run else 0
        self._n_bytes += self._sizes[key]
        while len(self._runs) > 1 and (
            self._n_bytes > self._max_bytes or len(self._runs) > self._max_runs
        ):
            self._take(next(iter(self._runs)))

    def _take(self, key: _Key) -> OpenRun | None:
        self._n_bytes -= self._sizes.pop(key, 0)
        return self._runs.pop(key, None)
