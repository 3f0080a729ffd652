"""Traces that are still arriving, and the moment each is judged: once.

A trace closes `close_grace` after its roots ended, if everything in it hangs from a root, or
`run_timeout` after its last span. Time counts from receipt, since a span is sent after it ended;
where receipt is not known (spans read back at a restart) from the span's end. So a sender's wrong
clock neither hastens nor delays a verdict. Law: equal spans give equal runs, whatever their order,
batches and repeats, as long as they came before their trace closed. No clock, no storage: time is
an argument, and what must survive a restart is what the caller stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mythos.engines.telemetry.runs import assemble
from mythos.engines.telemetry.spantree import is_entry, plant
from mythos.values.event import Run, Span

HORIZON_NS: Final = 7 * 86_400 * 10**9  # DESIGN §7: ids of closed runs are kept 7 d


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of one batch: `stored` must be kept until its trace closes.

    `late` spans belong to a closed trace, `stale` ones start before the horizon and open no run,
    `repeated` ones are equal to a span that is held.
    """

    stored: tuple[Span, ...] = ()
    late: int = 0
    stale: int = 0
    repeated: int = 0


@dataclass(slots=True)
class _OpenTrace:
    """Spans held, when the newest one and the newest root came, and whether all hang from roots.

    `newest_ns` is when the last of them ends, by its sender's clock.
    """

    spans: list[Span] = field(default_factory=list)
    by_id: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    seen_ns: int = 0
    newest_ns: int = 0
    rooted_ns: int | None = None
    whole: bool | None = None

    def hold(self, span: Span, at_ns: int) -> bool:
        """Keep a span; False if an equal one is held."""
        same = self.by_id.get(span.span_id, ())
        if span in same:
            return False
        self.by_id[span.span_id] = (*same, span)
        self.spans.append(span)
        self.seen_ns = max(self.seen_ns, at_ns)
        self.newest_ns = max(self.newest_ns, span.start_ns, span.end_ns)
        if is_entry(span):
            self.rooted_ns = max(self.rooted_ns or 0, at_ns)
        self.whole = None
        return True

    def is_due(self, now_ns: int, close_grace_ns: int, run_timeout_ns: int) -> bool:
        """Whether the trace closes now. A receipt in the future is pulled back to now."""
        self.seen_ns = min(self.seen_ns, now_ns)
        if now_ns >= self.seen_ns + run_timeout_ns:
            return True
        if self.rooted_ns is None:
            return False
        self.rooted_ns = min(self.rooted_ns, now_ns)
        return now_ns >= self.rooted_ns + close_grace_ns and self._is_whole()

    def _is_whole(self) -> bool:
        if self.whole is None:
            tree = plant(self.spans)
            self.whole = all(is_entry(tree.spans[top]) for top in tree.tops)
        return self.whole


class OpenRuns:
    """State machine from spans to runs. `closed` maps trace ids to the time of their closing."""

    def __init__(self, spans: Iterable[Span] = (), closed: Mapping[str, int] | None = None) -> None:
        """Resume from the stored spans of open traces and the kept ids of closed ones."""
        self._open: dict[str, _OpenTrace] = {}
        self._closed = dict(sorted((closed or {}).items(), key=lambda item: item[1]))
        self.just_closed: tuple[str, ...] = ()
        self.late = 0
        for span in spans:
            if span.trace_id not in self._closed:
                self._hold(span, max(span.start_ns, span.end_ns))

    @property
    def closed(self) -> Mapping[str, int]:
        """Trace ids judged within the horizon, with when: store it beside the verdicts."""
        return self._closed

    @property
    def n_open(self) -> int:
        """How many traces are held."""
        return len(self._open)

    def spans_of(self, trace_id: str) -> Sequence[Span]:
        """The spans held of one open trace, as they came: read them before others are added."""
        trace = self._open.get(trace_id)
        return trace.spans if trace else ()

    def newest_ns(self, trace_id: str) -> int:
        """When the last span of an open trace ends, by its sender's clock; 0 without any."""
        trace = self._open.get(trace_id)
        return trace.newest_ns if trace else 0

    def add(self, spans: Iterable[Span], *, now_ns: int) -> Admission:
        """Take a batch in.

        Args:
            spans: decoded spans, in any order, repeats allowed.
            now_ns: when they were received, Unix nanoseconds.

        Returns:
            What to store and what was counted. `late` is also summed over the object's life.
        """
        stored: list[Span] = []
        late = stale = repeated = 0
        for span in spans:
            if span.trace_id in self._closed:
                late += 1
            elif span.trace_id not in self._open and span.start_ns < now_ns - HORIZON_NS:
                stale += 1
            elif self._hold(span, now_ns):
                stored.append(span)
            else:
                repeated += 1
        self.late += late
        return Admission(tuple(stored), late, stale, repeated)

    def due(self, now_ns: int, *, close_grace_ns: int, run_timeout_ns: int) -> list[Run]:
        """Close every trace whose time has come, and forget ids older than the horizon.

        Args:
            now_ns: Unix nanoseconds.
            close_grace_ns: how long stragglers may follow a root.
            run_timeout_ns: how long a trace without its root may be silent.

        Returns:
            The closed runs by (start, trace id, root id), each once in the object's life.
            `just_closed` then names their traces, those without any run among them.
        """
        ready = [
            trace_id
            for trace_id, trace in self._open.items()
            if trace.is_due(now_ns, close_grace_ns, run_timeout_ns)
        ]
        spans = [span for trace_id in ready for span in self._open.pop(trace_id).spans]
        self._forget(now_ns - HORIZON_NS)
        self._closed.update(dict.fromkeys(ready, now_ns))
        self.just_closed = tuple(ready)
        return assemble(spans)

    def _forget(self, before_ns: int) -> None:
        """Drop ids closed before a time; they stand in order of closing, so only those are read."""
        while self._closed:
            oldest = next(iter(self._closed))
            if self._closed[oldest] >= before_ns:
                return
            del self._closed[oldest]

    def _hold(self, span: Span, at_ns: int) -> bool:
        return self._open.setdefault(span.trace_id, _OpenTrace()).hold(span, at_ns)
