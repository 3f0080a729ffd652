"""Spans of one trace lie anywhere in an archive: this brings them together on disk, not in memory.

A SQLite file under TMPDIR, about as large as the archive unpacked. Its name is removed as soon as
it is open, so its space is free again however the process ends. Pieces are appended as they come;
one index, made at the end, gives them back trace by trace. Memory holds SQLite's cache and one
trace.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from mythos.engines.telemetry.json_reader import decode_json
from mythos.engines.telemetry.json_writer import encode_json
from mythos.errors import UnavailableError
from mythos.values.event import Span

_SETTINGS = (
    "PRAGMA journal_mode = OFF",  # a spill that dies is thrown away
    "PRAGMA synchronous = OFF",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA temp_store = FILE",
    "PRAGMA cache_size = -8000",  # KiB
)


class SpanSpill:
    """Takes spans in any order and gives them back by trace. Use it in a `with` block."""

    def __init__(self) -> None:
        """Open an empty spill.

        Raises:
            UnavailableError: no temporary file can be made.
        """
        self.n_spans = 0
        self.newest_ns = 0
        with _disk(), tempfile.TemporaryDirectory(prefix="mythos-audit-") as folder:
            self._db = sqlite3.connect(Path(folder) / "spans.sqlite", isolation_level=None)
            for setting in _SETTINGS:
                self._db.execute(setting)
            self._db.execute("CREATE TABLE piece (trace TEXT, end_ns INTEGER, body BLOB)")
            self._db.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._db.close()

    def add(self, spans: Iterable[Span]) -> None:
        """Take the spans of one request.

        Raises:
            UnavailableError: the disk is full.
        """
        traces: dict[str, list[Span]] = {}
        for span in spans:
            traces.setdefault(span.trace_id, []).append(span)
            self.newest_ns = max(self.newest_ns, span.start_ns, span.end_ns)
            self.n_spans += 1
        pieces = [
            (trace_id, max(span.end_ns for span in group), encode_json(group))
            for trace_id, group in traces.items()
        ]
        with _disk():
            self._db.executemany("INSERT INTO piece VALUES (?, ?, ?)", pieces)

    def seal(self) -> int:
        """End the taking; say how many traces there are.

        Raises:
            UnavailableError: the disk is full.
        """
        with _disk():
            self._db.execute("CREATE INDEX by_trace ON piece (trace, end_ns)")
            self._db.execute("COMMIT")
            found = self._db.execute("SELECT count(DISTINCT trace) FROM piece").fetchone()
        return int(found[0])

    def traces(self) -> Iterator[list[Span]]:
        """The spans of each trace, traces by (newest end, id): as they closed. Only after `seal`.

        Raises:
            UnavailableError: the disk is full.
        """
        by_end = "SELECT trace FROM piece GROUP BY trace ORDER BY max(end_ns), trace"
        of_trace = "SELECT body FROM piece WHERE trace = ?"
        with _disk():
            for key in self._db.execute(by_end):
                bodies = self._db.execute(of_trace, key)
                yield [span for (body,) in bodies for span in decode_json(body)]


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        raise UnavailableError(
            f"the temporary file of spans cannot be used: {error}",
            remedy="free some disk space, or point TMPDIR at a larger disk",
        ) from error
