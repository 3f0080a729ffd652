"""Trace archives: one OTLP/JSON `ExportTraceServiceRequest` a line, as the Collector writes them.

The pure part only: a line becomes spans. Opening, decompressing and progress are the caller's. Law:
what is no request of OTLP is an error, not an archive without spans. The Collector may write its
logs, metrics and profiles to the same file; they hold no spans.
"""

from __future__ import annotations

from typing import Final

import orjson

from mythos.engines.telemetry.json_reader import REMEDY, decode_json
from mythos.errors import TelemetryError
from mythos.values.event import Span

_SIGNALS: Final = frozenset(
    {"resourceSpans", "resourceLogs", "resourceMetrics", "resourceProfiles"}
)


def spans_of_line(line: bytes) -> list[Span]:
    """Spans of one archive line; a blank line holds none.

    Raises:
        TelemetryError: the line is no OTLP/JSON request.
    """
    if not line.strip():
        return []
    spans = decode_json(line)
    if not spans:
        _refuse_others(orjson.loads(line))
    return spans


def _refuse_others(request: dict[str, object]) -> None:
    if request and _SIGNALS.isdisjoint(request):
        named = ", ".join(list(request)[:5])
        raise TelemetryError(f"no `resourceSpans`, but {named[:100]}", remedy=REMEDY)
