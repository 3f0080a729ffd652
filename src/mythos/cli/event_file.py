"""A file of events that `policy decide` reads: lines that people write, OTLP, or both.

What a file is, its content says: gzip is unpacked, and one OTLP request, protobuf or JSON of many
lines, is read whole. Law: every error names `file:line`; up to `MAX_BAD_LINES` are told at once.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mythos.cli.output import bar
from mythos.errors import DocumentError, TelemetryError

if TYPE_CHECKING:
    from mythos.engines.telemetry.event_lines import EventLine
    from mythos.values.event import Run, Span

MAX_LINE_BYTES = 16 * 2**20
MAX_BAD_LINES = 20
_OTLP = frozenset({"resourceSpans", "resource_spans"})

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """The runs of a file. By trace (or run) and span id: each event's line, and what was a span."""

    runs: Sequence[Run]
    lines: Mapping[Key, int]
    spans: Collection[Key]


@dataclass(slots=True)
class _Read:
    """What was read so far: lines, spans with the line each stands on, and what is wrong."""

    lines: list[EventLine] = field(default_factory=list)
    spans: dict[Key, tuple[int, Span]] = field(default_factory=dict)
    wrong: list[DocumentError] = field(default_factory=list)

    def take(self, spans: Sequence[Span], number: int) -> None:
        """Take in the spans of a line; of one told twice the first counts."""
        for span in spans:
            self.spans.setdefault((span.trace_id, span.span_id), (number, span))


def read_events(path: Path, *, agent: str) -> Told:
    """The runs that a file tells of, in the order in which they closed.

    Args:
        path: the file.
        agent: who acts where a line does not say.

    Raises:
        DocumentError: lines that are no events, up to twenty at once.
        TelemetryError: the file, or the one request that it holds, cannot be read.
    """
    from mythos.adapters.trace_archive import holds_one_request, requests_of, unpacked
    from mythos.engines.policy.problem import together

    read = _Read()
    with unpacked(path) as file:
        if holds_one_request(file):
            for spans in requests_of(file, path):
                read.take(spans, 1)
        else:
            _read_lines(read, file, path, agent=agent)
    if read.wrong:
        raise together(read.wrong)
    return _told(read, path)


def _told(read: _Read, path: Path) -> Told:
    from mythos.engines.telemetry.event_lines import runs_of_lines
    from mythos.engines.telemetry.runs import assemble

    try:
        runs = runs_of_lines(read.lines)
    except DocumentError as error:
        raise _placed(error, path) from error
    lines = {(line.run, line.event.span_id): line.number for line in read.lines}
    lines |= {key: number for key, (number, _) in read.spans.items()}
    runs += assemble([span for _, span in read.spans.values()])
    runs.sort(key=lambda run: (run.ended_ns, run.trace_id))  # agents remember runs that closed
    return Told(runs, lines, read.spans.keys())


def _read_lines(read: _Read, file: io.BufferedReader[Any], path: Path, *, agent: str) -> None:
    from mythos.engines.telemetry.event_lines import EventLines

    reader = EventLines(agent=agent)
    for number, line in _lines(file, path):
        try:
            if _is_otlp(line):
                read.take(_spans(line, number), number)
            else:
                read.lines.append(reader.read(line, number=number))
        except DocumentError as error:
            read.wrong.append(_placed(error, path))
            if len(read.wrong) == MAX_BAD_LINES:
                return


def _lines(file: io.BufferedReader[Any], path: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold anything, with their numbers."""
    with bar("reading", total=None) as progress:
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            progress.advance(len(line))
            text = _text(line, f"{path}:{number}")
            if text.strip():
                yield number, text


def _text(line: bytes, where: str) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise DocumentError(
            f"a line is longer than {MAX_LINE_BYTES} bytes",
            remedy="write one event a line",
            where=where,
        )
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        raise DocumentError(
            f"byte {broken.start} of the line is not UTF-8",
            remedy="save the file as UTF-8",
            where=where,
        ) from broken


def _is_otlp(line: str) -> bool:
    """Whether a line is an OTLP request: by a key of its object, not of one inside it."""
    import orjson

    if not any(f'"{key}"' in line for key in _OTLP):
        return False
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and not _OTLP.isdisjoint(found)


def _spans(line: str, number: int) -> list[Span]:
    from mythos.engines.telemetry.archive import spans_of_line

    try:
        return spans_of_line(line.encode())
    except TelemetryError as error:
        raise DocumentError(error.message, remedy=error.remedy, where=str(number)) from error


def _placed(error: DocumentError, path: Path) -> DocumentError:
    return DocumentError(error.message, remedy=error.remedy, where=f"{path}:{error.where}")
