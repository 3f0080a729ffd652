"""Which steps of a run came before which, as far as its spans can tell.

A step comes before the steps that its span encloses in the tree, and before every step that began
after it ended and began more than the workflow's `skew_ms` later. Of all other pairs the order is
not known: they overlapped, or began too close for clocks to tell. A span that seems to begin after
one it encloses began, by another clock, no later than that.

Law: shuffling the spans, and exchanging the times of steps that were concurrent, changes nothing.
Work is linear in the steps but for groups, which are looked into up to a fixed width.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mythos.engines.conformance.group import Group
from mythos.engines.judge.run_steps import RunStep
from mythos.engines.telemetry.spantree import cut_cycles, downward
from mythos.values.event import Run

MAX_WIDTH = 256


@dataclass(frozen=True, slots=True)
class Timed:
    """A labelled step: when it began and ended, and the ranks of the spans it encloses."""

    step: RunStep
    label: str
    start_ns: int
    end_ns: int
    rank: int
    last_rank: int

    def encloses(self, other: Timed) -> bool:
        """Whether the other's span hangs below this one's."""
        return self.rank < other.rank <= self.last_rank

    def precedes(self, other: Timed, skew_ns: int) -> bool:
        """Whether this came first, for certain."""
        apart = other.start_ns - self.start_ns > skew_ns
        return self.encloses(other) or (apart and self.end_ns <= other.start_ns)


def timed(run: Run, steps: Sequence[tuple[RunStep, str]]) -> list[Timed]:
    """Labelled steps with their places in time and tree, by start, enclosing ones first."""
    parents = {event.span_id: event.parent_id for event in run.events}
    parents = {span: parent if parent in parents else "" for span, parent in parents.items()}
    cut_cycles(parents)
    ranks = downward(parents)
    starts = {event.span_id: event.start_ns for event in run.events}
    last_ranks = dict(ranks)
    for span_id in reversed(ranks):
        if parent := parents[span_id]:
            starts[parent] = min(starts[parent], starts[span_id])
            last_ranks[parent] = max(last_ranks[parent], last_ranks[span_id])
    found = []
    for step, label in steps:
        span_id = step.event.span_id
        start = starts[span_id]
        end = max(start, step.ended_ns)
        found.append(Timed(step, label, start, end, ranks[span_id], last_ranks[span_id]))
    return sorted(found, key=lambda one: (one.start_ns, one.rank))


def groups_of(steps: Sequence[Timed], *, skew_ns: int) -> Iterator[Group]:
    """Steps as groups, each wholly before the next.

    Args:
        steps: by start, as `timed` gives them.
        skew_ns: starts no further apart than this count as simultaneous.
    """
    begin = reach = 0
    starts = [one.start_ns for one in steps]
    for i in range(len(steps)):
        reach = max(reach, _last_beside(steps, starts, i, skew_ns))
        if reach == i:
            yield _group(steps[begin : i + 1], skew_ns)
            begin = reach = i + 1


def _last_beside(steps: Sequence[Timed], starts: Sequence[int], i: int, skew_ns: int) -> int:
    """The place of the last step that this one is not certain to precede; its own if none."""
    one = steps[i]
    last = bisect_left(starts, max(one.end_ns, one.start_ns + skew_ns + 1)) - 1
    while last > i and one.encloses(steps[last]):
        last -= 1
    return max(last, i)


def _group(steps: Sequence[Timed], skew_ns: int) -> Group:
    labels = tuple(one.label for one in steps)
    if len(steps) > MAX_WIDTH:
        return Group(labels, (), known=False)
    before = tuple(
        sum(1 << j for j in range(i) if steps[j].precedes(one, skew_ns))
        for i, one in enumerate(steps)
    )
    return Group(labels, before)
