"""Runs of a trace archive, as every offline command reads them.

Two passes: the archive is read whole into a spill on disk, so that a malformed line ends the work
before anything is written; then its traces come one by one, each with its runs. Progress shows on
a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mythos.cli.output import bar

if TYPE_CHECKING:
    from mythos.adapters.span_spill import SpanSpill
    from mythos.values.event import Run


@dataclass(frozen=True, slots=True)
class RecordedTrace:
    """One trace: its runs, how many different spans it has, and how many are in no run."""

    runs: tuple[Run, ...]
    n_spans: int
    n_unassigned: int


def spill_archive(spill: SpanSpill, traces: Sequence[Path]) -> int:
    """Read an archive into a spill.

    Args:
        spill: empty.
        traces: files and folders.

    Returns:
        The number of traces.

    Raises:
        TelemetryError: the first file or line that cannot be read, or there is no span in any.
    """
    from mythos.adapters.trace_archive import archive_files, read_archive
    from mythos.errors import TelemetryError

    files = archive_files(traces)
    with bar("reading", total=sum(file.stat().st_size for file in files)) as progress:
        for spans in read_archive(files, on_bytes=progress.advance):
            spill.add(spans)
        progress.say("sorting")
        n_traces = spill.seal()
    if not n_traces:
        raise TelemetryError(
            "there is no span in it, so nothing could be judged",
            remedy="name files that hold spans, such as those of a Collector's file exporter",
            where=", ".join(map(str, traces)),
        )
    return n_traces


def recorded_traces(spill: SpanSpill, *, n_traces: int) -> Iterator[RecordedTrace]:
    """The traces of a sealed spill, each closed at the archive's end."""
    from mythos.engines.telemetry.runs import assemble_counted

    with bar("judging", total=n_traces) as progress:
        for spans in spill.traces():
            found = assemble_counted(spans)
            n_spans = len({span.span_id for span in spans})
            yield RecordedTrace(found.runs, n_spans, found.unassigned)
            progress.advance()
