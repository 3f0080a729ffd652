"""Writing OTLP/JSON: the line format of archives, spools and samples.

Law: `decode_json(encode_json(spans)) == spans`. Nothing is sorted or left out, so equal spans in
equal order give equal bytes only if their attributes stand in equal order too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

import orjson

from mythos.errors import TelemetryError
from mythos.values.event import Json, Repeated, Span

_FIELDS: Final[dict[type, str]] = {
    str: "stringValue",
    bool: "boolValue",
    int: "intValue",
}


def encode_json(spans: Iterable[Span]) -> bytes:
    """One `ExportTraceServiceRequest` on one line, without the newline, that reads back equal.

    Neighbours with the same resource and scope share a group, so order is kept.

    Args:
        spans: any number; none gives a request of no spans.

    Raises:
        TelemetryError: a text holds half a surrogate pair, which no JSON can carry.
    """
    groups = [
        {
            "resource": {"attributes": _write_attributes(resource)},
            "scopeSpans": [
                {"scope": {"name": scope}, "spans": [_write_span(span) for span in scoped]}
                for scope, scoped in groupby(together, key=lambda span: span.scope)
            ],
        }
        for resource, together in groupby(spans, key=lambda span: span.resource)
    ]
    try:
        return orjson.dumps({"resourceSpans": groups})
    except orjson.JSONEncodeError as error:
        remedy = "replace the text in the sender; only valid Unicode can be stored"
        raise TelemetryError(f"a span cannot be written as JSON: {error}", remedy=remedy) from error


def _write_span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _write_attributes(span.attributes),
        "events": [
            {
                "timeUnixNano": str(note.at_ns),
                "name": note.name,
                "attributes": _write_attributes(note.attributes),
            }
            for note in span.notes
        ],
        "status": {"code": 2 if span.failed else 0, "message": span.status_message},
    }


def _write_attributes(attributes: Mapping[str, Json]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"stringValue": value} if type(value) is str else _write_value(value)}
        for key, given in attributes.items()  # most values are text: spare them two calls
        for value in (given if type(given) is Repeated else (given,))
    ]


def _write_value(value: Json) -> dict[str, Any]:
    if isinstance(value, list):
        return {"arrayValue": {"values": [_write_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _write_attributes(value)}}
    return _write_scalar(value)


def _write_scalar(value: Json) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _write_special(value)}
    return {_FIELDS[type(value)]: str(value) if type(value) is int else value}


def _write_special(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
