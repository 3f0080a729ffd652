"""OTLP in, spans out: both encodings of `ExportTraceServiceRequest`, and what to answer.

Law: whatever the bytes, the result is a list of `Span` or a `TelemetryError` that names what is
wrong; `decode_json(encode_json(spans)) == spans`. Decompression, size caps and storage are the
caller's; so is the meaning of a span (`dialect`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from mythos.engines.telemetry import wire
from mythos.engines.telemetry.json_reader import decode_json
from mythos.engines.telemetry.json_writer import encode_json
from mythos.errors import TelemetryError
from mythos.values.event import Json, Span, SpanEvent, keyed

__all__ = [
    "decode_json",
    "decode_protobuf",
    "encode_json",
    "encode_json_response",
    "encode_response",
]

_REMEDY: Final = (
    "send an OTLP ExportTraceServiceRequest; check the content type "
    "(application/x-protobuf or application/json) and that the body is not compressed twice"
)
_MEMO_BYTES: Final = 96  # most repeated pairs (names, models, flags) are shorter
_MEMO_PAIRS: Final = 8_192
_MAX_NANOS: Final = 2**63 - 1
_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8
_ERROR: Final = 2  # STATUS_CODE_ERROR


def decode_protobuf(body: bytes) -> list[Span]:
    """Spans of one protobuf `ExportTraceServiceRequest`, in the order sent.

    Args:
        body: the request body, decompressed. Empty is a valid request of no spans.

    Returns:
        Spans with lower-case hex ids; bytes attributes become base64 text.

    Raises:
        TelemetryError: no such message, or a span whose ids or times cannot be.

    Source: opentelemetry-proto v1, trace/v1/trace.proto.
    """
    try:
        request = wire.Request.FromString(body)
        return [
            _span(span, resource, scoped.scope.name)
            for group in request.resource_spans
            for resource in (_attributes(group.resource.attributes),)
            for scoped in group.scope_spans
            for span in scoped.spans
        ]
    except wire.DecodeError as error:
        message = f"body of {len(body)} bytes is no OTLP trace request: {error}"
        raise TelemetryError(message, remedy=_REMEDY) from error


def encode_response() -> bytes:
    """Give the empty `ExportTraceServiceResponse` as protobuf: every span was accepted."""
    return b""


def encode_json_response() -> bytes:
    """Give the empty `ExportTraceServiceResponse` as JSON: every span was accepted."""
    return b"{}"


def _span(span: wire.Message, resource: dict[str, Json], scope: str) -> Span:
    status = span.status
    return Span(
        trace_id=_id(span.trace_id, "trace_id", _TRACE_BYTES),
        span_id=_id(span.span_id, "span_id", _SPAN_BYTES),
        parent_id=_parent(span.parent_span_id),
        name=span.name,
        start_ns=_nanos(span.start_time_unix_nano, "start_time_unix_nano"),
        end_ns=_nanos(span.end_time_unix_nano, "end_time_unix_nano"),
        attributes=_attributes(span.attributes),
        resource=resource,
        scope=scope,
        kind=span.kind,
        failed=status.code == _ERROR,
        status_message=status.message,
        notes=tuple([_note(event) for event in span.events]),
    )


def _note(event: wire.Message) -> SpanEvent:
    return SpanEvent(
        name=event.name,
        at_ns=_nanos(event.time_unix_nano, "time_unix_nano"),
        attributes=_attributes(event.attributes),
    )


def _id(raw: bytes, field: str, size: int) -> str:
    if len(raw) != size or not any(raw):
        raise TelemetryError(f"{field} is {raw.hex() or 'empty'}, not {size} bytes", remedy=_REMEDY)
    return raw.hex()


def _parent(raw: bytes) -> str:
    return _id(raw, "parent_span_id", _SPAN_BYTES) if any(raw) else ""


def _nanos(value: int, field: str) -> int:
    if value > _MAX_NANOS:
        raise TelemetryError(f"{field} {value} lies beyond the year 2262", remedy=_REMEDY)
    return value


def _attributes(raws: Iterable[bytes]) -> dict[str, Json]:
    return dict([_remembered(raw) if len(raw) <= _MEMO_BYTES else _pair(raw) for raw in raws])


def _pair(raw: bytes) -> tuple[str, Json]:
    pair = wire.KeyValue.FromString(raw)
    return pair.key, _value(pair.value)


_remembered = lru_cache(maxsize=_MEMO_PAIRS)(_pair)


def _value(value: wire.Message) -> Json:
    which = value.WhichOneof("value")
    if which is None:
        return None
    inner = getattr(value, which)
    if which == "bytes_value":
        return b64encode(inner).decode()
    if which == "array_value":
        return [_value(item) for item in inner.values]
    if which == "kvlist_value":
        return keyed([(item.key, _value(item.value)) for item in inner.values])
    return inner  # type: ignore[no-any-return]
