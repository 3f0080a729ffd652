"""Reading OTLP/JSON: protobuf's JSON mapping with hex ids, read strictly.

Law: malformed input raises `TelemetryError` that names the field, never anything else; unknown
keys are skipped. 64-bit integers may be numbers or strings, enums numbers or names, ids hex in
any case. Values nested deeper than `MAX_DEPTH` are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from mythos.errors import TelemetryError
from mythos.values.event import Json, Span, SpanEvent, keyed

# Above the 49 that protobuf's own limit lets through, or what was stored could not be read again;
# written, a level takes four of the 254 that orjson allows.
MAX_DEPTH: Final = 52
REMEDY: Final = (
    'send OTLP/JSON: {"resourceSpans": [...]} with hex ids, as an OTLP exporter with the JSON '
    "encoding or the Collector's file exporter writes it"
)
_KINDS: Final = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(
        ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
    )
}
_CODES: Final = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_FLOATS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_HEX: Final = re.compile(r"[0-9a-f]+")
_TRACE_DIGITS: Final = 32
_SPAN_DIGITS: Final = 16
_INT32: Final = 2**31 - 1
_INT64: Final = 2**63 - 1


def decode_json(body: bytes) -> list[Span]:
    """Spans of one OTLP/JSON `ExportTraceServiceRequest`, in the order sent.

    Args:
        body: UTF-8 JSON, decompressed.

    Returns:
        Spans with lower-case hex ids; `bytesValue` stays base64 text.

    Raises:
        TelemetryError: not JSON, or a field of the wrong type or out of range; names which.

    Source: OTLP 1.x specification, "JSON Protobuf Encoding".
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        message = f"body of {len(body)} bytes is not JSON: {error}"
        raise TelemetryError(message, remedy=REMEDY) from error
    return list(_spans(request))


def _wrong(field: str, value: object, expected: str) -> TelemetryError:
    seen = repr(value)
    seen = seen if len(seen) <= 60 else seen[:60] + "…"
    return TelemetryError(f"{field} is {seen}, expected {expected}", remedy=REMEDY)


def _spans(request: object) -> Iterator[Span]:
    groups = _objects(_object(request, "request"), "resourceSpans")
    for i, group in enumerate(groups):
        resource = _attributes(_object(group.get("resource"), "resource"), 0)
        for j, scoped in enumerate(_objects(group, "scopeSpans")):
            scope = _text(_object(scoped.get("scope"), "scope"), "name")
            for k, span in enumerate(_objects(scoped, "spans")):
                try:
                    yield _span(span, resource, scope)
                except TelemetryError as error:
                    where = f"resourceSpans[{i}].scopeSpans[{j}].spans[{k}]"
                    raise TelemetryError(error.message, remedy=REMEDY, where=where) from error


def _span(span: dict[str, Any], resource: Mapping[str, Json], scope: str) -> Span:
    status = _object(span.get("status"), "status")
    return Span(
        trace_id=_id(span, "traceId", _TRACE_DIGITS),
        span_id=_id(span, "spanId", _SPAN_DIGITS),
        parent_id=_parent(span),
        name=_text(span, "name"),
        start_ns=_nanos(span, "startTimeUnixNano"),
        end_ns=_nanos(span, "endTimeUnixNano"),
        attributes=_attributes(span, 0),
        resource=resource,
        scope=scope,
        kind=_enum(span, "kind", _KINDS),
        failed=_enum(status, "code", _CODES) == _CODES["STATUS_CODE_ERROR"],
        status_message=_text(status, "message"),
        notes=tuple([_note(event) for event in _objects(span, "events")]),
    )


def _note(event: dict[str, Any]) -> SpanEvent:
    at_ns = _nanos(event, "timeUnixNano")
    return SpanEvent(_text(event, "name"), at_ns, _attributes(event, 0))


def _object(value: object, field: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(field, value, "an object")
    return value


def _objects(owner: dict[str, Any], field: str) -> list[dict[str, Any]]:
    items = owner.get(field)
    if items is None:
        return []
    if not isinstance(items, list):
        raise _wrong(field, items, "a list")
    for item in items:
        if not isinstance(item, dict):
            raise _wrong(f"an item of {field}", item, "an object")
    return items


def _text(owner: dict[str, Any], field: str) -> str:
    value = owner.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(field, value, "text")
    return value


def _id(owner: dict[str, Any], field: str, digits: int) -> str:
    value = _text(owner, field).lower()
    if len(value) != digits or not _HEX.fullmatch(value) or not value.strip("0"):
        raise _wrong(field, owner.get(field), f"{digits} hex digits, not all 0")
    return value


def _parent(owner: dict[str, Any]) -> str:
    if not _text(owner, "parentSpanId").strip("0"):
        return ""
    return _id(owner, "parentSpanId", _SPAN_DIGITS)


def _whole(value: object) -> int | None:
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _integer(value: object, field: str, low: int, high: int) -> int:
    number = _whole(value)
    if number is None:
        raise _wrong(field, value, "an integer")
    if not low <= number <= high:
        raise _wrong(field, value, f"{low} to {high}")
    return number


def _nanos(owner: dict[str, Any], field: str) -> int:
    value = owner.get(field)
    return 0 if value is None else _integer(value, field, 0, _INT64)


def _enum(owner: dict[str, Any], field: str, names: dict[str, int]) -> int:
    value = owner.get(field)
    if value is None:
        return 0
    if isinstance(value, str) and value in names:
        return names[value]
    return _integer(value, field, 0, _INT32)


def _attributes(owner: dict[str, Any], depth: int) -> dict[str, Json]:
    return _pairs(_objects(owner, "attributes"), depth)


def _pairs(items: list[dict[str, Any]], depth: int) -> dict[str, Json]:
    pairs: dict[str, Json] = {}
    for item in items:
        value = _object(item.get("value"), "attribute value")
        text = value.get("stringValue")  # most values are text: spare them three calls
        plain = type(text) is str and len(value) == 1
        pairs[_text(item, "key")] = text if plain else _value(value, depth)
    return pairs


def _value(value: dict[str, Any], depth: int) -> Json:
    if depth > MAX_DEPTH:
        raise TelemetryError(f"a value is nested deeper than {MAX_DEPTH}", remedy=REMEDY)
    for field, inner in value.items():
        reader = _READERS.get(field)
        if reader and inner is not None:
            return reader(inner, depth)
    return None


def _string(inner: object, _depth: int) -> Json:
    if not isinstance(inner, str):
        raise _wrong("stringValue or bytesValue", inner, "text")
    return inner


def _bool(inner: object, _depth: int) -> Json:
    if not isinstance(inner, bool):
        raise _wrong("boolValue", inner, "true or false")
    return inner


def _int(inner: object, _depth: int) -> Json:
    return _integer(inner, "intValue", -_INT64 - 1, _INT64)


def _double(inner: object, _depth: int) -> Json:
    if isinstance(inner, str) and inner in _FLOATS:
        return _FLOATS[inner]
    if isinstance(inner, bool) or not isinstance(inner, int | float):
        raise _wrong("doubleValue", inner, "a number, NaN, Infinity or -Infinity")
    return float(inner)


def _array(inner: object, depth: int) -> Json:
    values = _objects(_object(inner, "arrayValue"), "values")
    return [_value(item, depth + 1) for item in values]


def _kvlist(inner: object, depth: int) -> Json:
    items = _objects(_object(inner, "kvlistValue"), "values")
    found = _pairs(items, depth + 1)
    if len(found) == len(items):
        return found
    return keyed(
        [
            (_text(i, "key"), _value(_object(i.get("value"), "attribute value"), depth + 1))
            for i in items
        ]
    )


_READERS: Final = {
    "stringValue": _string,
    "boolValue": _bool,
    "intValue": _int,
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _kvlist,
    "bytesValue": _string,
}
