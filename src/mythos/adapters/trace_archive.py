"""Trace archives on disk: files to spans, one OTLP request at a time.

What a file is, its content says, never its name:

| content                                | read as                                      |
|----------------------------------------|----------------------------------------------|
| begins with the gzip magic             | what is inside, by the same table            |
| begins with byte 0x0A, is no JSON text | one protobuf `ExportTraceServiceRequest`     |
| first line does not end with `}`       | one JSON request over many lines             |
| else                                   | OTLP/JSON, one request a line (a Collector's |
|                                        | file exporter)                               |

Law: every error names `file:line`. Memory is bounded by the largest request, and that by
`MAX_REQUEST_BYTES`; the size of an archive does not enter.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mythos.engines.telemetry.archive import spans_of_line
from mythos.engines.telemetry.otlp import decode_protobuf
from mythos.errors import TelemetryError, UsageError
from mythos.values.event import Span

MAX_REQUEST_BYTES = 256 * 2**20
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_HEAD_BYTES = 4_096
_BUFFER_BYTES = 2**18
_RESOURCE_SPANS = b"\x0a"  # field 1, length-delimited: how every protobuf request begins
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")

OnBytes = Callable[[int], None]


def archive_files(paths: Iterable[Path]) -> list[Path]:
    """The files of an archive: files as given, folders as the regular files in them, sorted.

    Raises:
        UsageError: a folder holds no file.
    """
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else [path]
        if not inside:
            raise UsageError(
                f"the folder {path} holds no file", remedy="name the folder the traces were put in"
            )
        found += inside
    return found


def read_archive(files: Iterable[Path], *, on_bytes: OnBytes) -> Iterator[list[Span]]:
    """Spans of every request of these files, in order.

    Args:
        files: plain or gzip, each of any of the forms above.
        on_bytes: told how many bytes of a file (as it lies on disk) were read since last told.

    Yields:
        The spans of one request, any number.

    Raises:
        TelemetryError: the first file or line that cannot be read, with its place.
    """
    for path in files:
        with _opened(path) as raw:
            told = 0
            for spans in requests_of(_unpacked(raw), path):
                yield spans
                at = raw.tell() if raw.seekable() else told  # a pipe has no place
                on_bytes(at - told)
                told = at


@contextmanager
def unpacked(path: Path) -> Iterator[io.BufferedReader[Any]]:
    """A file's content, out of its gzip where it is in one.

    Raises:
        TelemetryError: the file cannot be read.
    """
    with _opened(path) as raw:
        yield _unpacked(raw)


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader[Any]]:
    with _reading(path), io.BufferedReader(path.open("rb", 0), _BUFFER_BYTES) as raw:
        yield raw


def _unpacked(raw: io.BufferedReader[Any]) -> io.BufferedReader[Any]:
    if raw.peek(len(_GZIP)).startswith(_GZIP):
        return io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER_BYTES)
    return raw


def holds_one_request(file: io.BufferedReader[Any]) -> bool:
    """Whether a file that was not read yet is one OTLP request, protobuf or JSON of many lines."""
    head = file.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    first, newline, _ = head.removeprefix(_BOM).lstrip().partition(b"\n")
    first = first.strip()
    opens = first == b"{" or (first.startswith(b'{"resourceSpans"') and not first.endswith(b"}"))
    return _is_protobuf(head) or (opens and bool(newline))


def requests_of(file: io.BufferedReader[Any], path: Path) -> Iterator[list[Span]]:
    """Spans of every request of an unpacked file that was not read yet.

    Raises:
        TelemetryError: a request that cannot be read, with its place.
    """
    head = file.peek(_HEAD_BYTES)[:_HEAD_BYTES]
    if _is_protobuf(head):
        yield _decoded(decode_protobuf, _all(file, path), path)
        return
    if head.startswith(_BOM):
        file.read(len(_BOM))
    number = 0
    while line := file.readline(MAX_REQUEST_BYTES + 1):
        number += 1
        _check_size(line, path, number)
        if line.strip():
            yield from _from_first(file, line, path, number)
            break
    while line := file.readline(MAX_REQUEST_BYTES + 1):
        number += 1
        _check_size(line, path, number)
        yield _decoded(spans_of_line, line, path, number)


def _is_protobuf(head: bytes) -> bool:
    """JSON may begin with a line feed too, but holds no other control characters."""
    return head.startswith(_RESOURCE_SPANS) and (
        not head.strip().startswith(b"{") or _NO_TEXT.search(head) is not None
    )


def _from_first(
    file: io.BufferedReader[Any], line: bytes, path: Path, number: int
) -> Iterator[list[Span]]:
    """The first line that holds anything: a request, or the beginning of one of many lines."""
    if not line.lstrip().startswith(b"{") or line.rstrip().endswith(b"}"):
        yield _decoded(spans_of_line, line, path, number)
        return
    yield _decoded(spans_of_line, line + _all(file, path), path, number)


def _all(file: io.BufferedReader[Any], path: Path) -> bytes:
    body = file.read(MAX_REQUEST_BYTES + 1)
    _check_size(body, path, 1)
    return body


def _check_size(body: bytes, path: Path, number: int) -> None:
    if len(body) > MAX_REQUEST_BYTES:
        raise TelemetryError(
            f"this request is larger than {MAX_REQUEST_BYTES} bytes",
            remedy="write one request a line, in smaller batches",
            where=f"{path}:{number}",
        )


def _decoded(
    decode: Callable[[bytes], list[Span]], body: bytes, path: Path, number: int = 1
) -> list[Span]:
    try:
        return decode(body)
    except TelemetryError as error:
        raise TelemetryError(
            f"no OTLP trace request: {error.message}",
            remedy="remove or repair it: expected is one ExportTraceServiceRequest, as JSON on one "
            "line (`jq -c .` makes such lines) or as the only content of a protobuf file; lines of "
            "users' words and tools are read by `mythos policy decide --events`",
            where=f"{path}:{number}",
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TelemetryError(
            f"the gzip stream is broken: {error}",
            remedy="copy the file again; if its writer died, `zcat FILE > PART` saves the rest",
            where=str(path),
        ) from error
    except OSError as error:
        raise TelemetryError(
            f"the file cannot be read: {error.strerror or error}",
            remedy="check that it is there and that you may read it",
            where=str(path),
        ) from error
