"""Trace archives: one OTLP/JSON `ExportTraceServiceRequest` a line, as the Collector writes them.

The pure part only: a line becomes spans. Opening, decompressing and progress are the caller's.
"""

from __future__ import annotations

from mythos.engines.telemetry.json_reader import decode_json
from mythos.values.event import Span


def spans_of_line(line: bytes) -> list[Span]:
    """Spans of one archive line; a blank line holds none.

    Raises:
        TelemetryError: the line is no OTLP/JSON request.
    """
    return decode_json(line) if line.strip() else []
