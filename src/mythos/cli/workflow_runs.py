"""Recorded runs against one workflow: what they add up to, and those that stray the most.

Which runs belong to the workflow is decided as everywhere else: the one the run names, else that of
its agent's workflows which it fits at least cost. Memory is bounded: of the runs only the worst are
kept, the rest is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mythos.cli.recorded_runs import recorded_traces, spill_archive

if TYPE_CHECKING:
    from mythos.cli.workflow_tally import Tally
    from mythos.engines.judge.judgement import Conformance
    from mythos.engines.judge.rulebook import Rulebook
    from mythos.values.event import Run


@dataclass(slots=True)
class AlignedRun:
    """A run and how it followed its workflow; `alike` later ones had the same labels."""

    run: Run
    found: Conformance
    alike: int = 0

    @property
    def badness(self) -> tuple[int, float]:
        """By cost, then by how little of it was followed."""
        return self.found.alignment.cost, -self.found.alignment.fitness


@dataclass(slots=True)
class AlignedRuns:
    """Runs of one workflow so far.

    `deviations` counts runs by (kind, label); `elsewhere` the runs of other workflows, `strays`
    those that name one nobody knows here, `unfinished` those of which no end was seen; `unseen`
    holds the names asked for that no run's outermost agent had.
    """

    tally: Tally
    keep: int
    unseen: set[str] = field(default_factory=set)
    deviations: Counter[tuple[str, str]] = field(default_factory=Counter)
    n_archived: int = 0
    elsewhere: int = 0
    strays: int = 0
    unfinished: int = 0
    _kept: dict[tuple[str, ...], AlignedRun] = field(default_factory=dict)

    @property
    def worst(self) -> list[AlignedRun]:
        """The runs that strayed the most, worst first, one of each sequence of labels."""
        return sorted(self._kept.values(), key=lambda one: one.badness, reverse=True)

    def enter(self, run: Run, found: Conformance) -> None:
        """Count a run of the workflow, and keep it while it is among the worst."""
        from mythos.cli.workflow_tally import Tally

        alignment = found.alignment
        self.tally += Tally.of(alignment)
        self.unfinished += run.timed_out
        if alignment.exact:
            self.deviations.update({(move.kind, move.label) for move in alignment.deviations})
        if not alignment.cost:
            return
        if known := self._kept.get(found.labels):
            known.alike += 1
        elif self.keep:
            self._keep(AlignedRun(run, found))

    def _keep(self, one: AlignedRun) -> None:
        if len(self._kept) >= self.keep:
            least = min(reversed(self._kept.values()), key=lambda each: each.badness)
            if least.badness >= one.badness:
                return
            del self._kept[least.found.labels]
        self._kept[one.found.labels] = one


def aligned_runs(
    rulebook: Rulebook,
    digest: str,
    traces: Sequence[Path],
    *,
    agents: Collection[str],
    keep: int,
) -> AlignedRuns:
    """Align the runs of an archive.

    Args:
        rulebook: holds the workflow, and those its runs might follow instead.
        digest: of the workflow.
        traces: files and folders.
        agents: outermost agents whose runs are looked at; empty means all.
        keep: how many of the worst runs to keep.

    Raises:
        TelemetryError: the first file or line that cannot be read.
    """
    from mythos.adapters.span_spill import SpanSpill
    from mythos.cli.workflow_tally import Tally
    from mythos.engines.judge.judgement import conformance_of, workflow_named

    done = AlignedRuns(Tally(), keep, set(agents))
    with SpanSpill() as spill:
        for trace in recorded_traces(spill, n_traces=spill_archive(spill, traces)):
            for run in trace.runs:
                done.n_archived += 1
                done.unseen.discard(run.agent)
                if agents and run.agent not in agents:
                    continue
                found = conformance_of(run, rulebook)
                if found is None:
                    done.strays += bool(workflow_named(run))
                elif found.workflow.digest != digest:
                    done.elsewhere += 1
                else:
                    done.enter(run, found)
    return done
