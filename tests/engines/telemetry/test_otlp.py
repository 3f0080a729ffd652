"""OTLP: what is read, what is written, what is refused and how."""

from __future__ import annotations

import base64
import math
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.telemetry import (
    decode_json,
    decode_protobuf,
    encode_json,
    encode_json_response,
    encode_response,
    spans_of_line,
)
from mythos.engines.telemetry.wire import Request
from mythos.errors import TelemetryError
from mythos.values.event import Repeated, Span
from tests.engines.telemetry.making import TRACE, Loose, sid, span, spans

FIXTURES = (
    "lg_run_openinference",
    "lg_run_openllmetry",
    "oa_run",
    "pydantic_ai_00_testmodel",
    "pydantic_ai_01_scripted",
    "pydantic_ai_02_parallel_calls",
    "pydantic_ai_03_tool_error",
    "pydantic_ai_04_no_content",
)


def body_of(**fields: Loose) -> bytes:
    one = {"traceId": TRACE, "spanId": sid(1)} | fields
    return orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]})


def value_of(value: Loose) -> Loose:
    (one,) = decode_json(body_of(attributes=[{"key": "k", "value": value}]))
    return one.attributes["k"]


@given(st.lists(spans(), max_size=4))
def test_what_is_written_as_json_reads_back_equal(sent: list[Span]) -> None:
    line = encode_json(sent)
    assert decode_json(line) == sent
    assert b"\n" not in line


@pytest.mark.parametrize("name", FIXTURES)
def test_requests_of_real_frameworks_survive_the_round_trip(shared: Path, name: str) -> None:
    sent = decode_protobuf((shared / f"data/agents/otlp-fixtures/{name}.pb").read_bytes())
    assert sent
    assert decode_json(encode_json(sent)) == sent


@pytest.mark.parametrize("name", FIXTURES)
def test_the_slim_schema_reads_what_the_full_one_does(shared: Path, name: str) -> None:
    full = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    body = (shared / f"data/agents/otlp-fixtures/{name}.pb").read_bytes()
    expected = [
        (
            (s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex(), s.name, s.kind),
            (s.start_time_unix_nano, s.end_time_unix_nano, s.status.code == 2, s.status.message),
            ([a.key for a in s.attributes], [e.name for e in s.events], scoped.scope.name),
        )
        for group in full.ExportTraceServiceRequest.FromString(body).resource_spans
        for scoped in group.scope_spans
        for s in scoped.spans
    ]
    seen = [
        (
            (s.trace_id, s.span_id, s.parent_id, s.name, s.kind),
            (s.start_ns, s.end_ns, s.failed, s.status_message),
            (list(s.attributes), [n.name for n in s.notes], s.scope),
        )
        for s in decode_protobuf(body)
    ]
    assert seen == expected


def test_every_kind_of_attribute_value_is_read_from_protobuf() -> None:
    common = pytest.importorskip("opentelemetry.proto.common.v1.common_pb2")
    request = Request()
    one = request.resource_spans.add().scope_spans.add().spans.add()
    one.trace_id, one.span_id = bytes.fromhex(TRACE), bytes.fromhex(sid(1))
    any_value = common.AnyValue
    nested = common.KeyValueList(
        values=[common.KeyValue(key="n", value=any_value(double_value=1.5))]
    )
    for value in (
        any_value(string_value="s"),
        any_value(bool_value=True),
        any_value(int_value=-7),
        any_value(bytes_value=b"\x00\xff"),
        any_value(array_value=common.ArrayValue(values=[any_value(int_value=1)])),
        any_value(kvlist_value=nested),
        any_value(),
    ):
        key = f"k{len(one.attributes)}"
        one.attributes.append(common.KeyValue(key=key, value=value).SerializeToString())
    (seen,) = decode_protobuf(request.SerializeToString())
    assert list(seen.attributes.values()) == ["s", True, -7, "AP8=", [1], {"n": 1.5}, None]


def test_unknown_fields_of_a_newer_sender_are_skipped() -> None:
    newer = b"\xf2\x07\x03abc"  # field 126, three bytes
    assert decode_protobuf(newer) == []
    (one,) = decode_json(body_of(brandNew={"a": 1}, flags=256))
    assert one.span_id == sid(1)


def test_ids_may_be_upper_case_and_no_parent_is_empty() -> None:
    (one,) = decode_json(body_of(traceId=TRACE.upper(), parentSpanId="0" * 16))
    assert (one.trace_id, one.parent_id) == (TRACE, "")


@pytest.mark.parametrize("at", [1768171344000000000, "1768171344000000000"])
def test_times_may_be_numbers_or_text(at: Loose) -> None:
    (one,) = decode_json(body_of(startTimeUnixNano=at, endTimeUnixNano=at))
    assert one.start_ns == one.end_ns == 1768171344000000000


@pytest.mark.parametrize("kind", [3, "SPAN_KIND_CLIENT"])
@pytest.mark.parametrize("code", [2, "STATUS_CODE_ERROR"])
def test_enums_may_be_numbers_or_names(kind: Loose, code: Loose) -> None:
    (one,) = decode_json(body_of(kind=kind, status={"code": code, "message": "no"}))
    assert (one.kind, one.failed, one.status_message) == (3, True, "no")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"stringValue": "s"}, "s"),
        ({"boolValue": False}, False),
        ({"intValue": "-9223372036854775808"}, -(2**63)),
        ({"intValue": 5}, 5),
        ({"doubleValue": 2}, 2.0),
        ({"doubleValue": "-Infinity"}, -math.inf),
        ({"bytesValue": base64.b64encode(b"\x01").decode()}, "AQ=="),
        ({"arrayValue": {}}, []),
        ({"arrayValue": {"values": [{"intValue": "1"}, {}]}}, [1, None]),
        ({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": True}}]}}, {"a": True}),
        ({}, None),
    ],
)
def test_attribute_values_of_every_type_are_read_from_json(written: Loose, meant: Loose) -> None:
    seen = value_of(written)
    assert seen == meant
    assert type(seen) is type(meant)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"{", "not JSON"),
        (b"[]", "request is"),
        (b'{"resourceSpans": 3}', "resourceSpans is 3, expected a list"),
        (b'{"resourceSpans": [null]}', "an item of resourceSpans"),
        (body_of(traceId="xyz"), "traceId is 'xyz'"),
        (body_of(traceId="0" * 32), "traceId"),
        (body_of(spanId=None), "spanId is None"),
        (body_of(parentSpanId="12"), "parentSpanId is '12'"),
        (body_of(name=7), "name is 7, expected text"),
        (body_of(startTimeUnixNano="yesterday"), "startTimeUnixNano is 'yesterday'"),
        (body_of(startTimeUnixNano=-1), "startTimeUnixNano is -1"),
        (body_of(endTimeUnixNano=str(2**63)), "endTimeUnixNano"),
        (body_of(kind="SPAN_KIND_SIDEWAYS"), "kind is 'SPAN_KIND_SIDEWAYS'"),
        (body_of(status=[]), "status is"),
        (body_of(attributes=[{"key": "k", "value": {"intValue": "1_0"}}]), "intValue is '1_0'"),
        (body_of(attributes=[{"key": "k", "value": {"boolValue": 1}}]), "boolValue is 1"),
        (body_of(attributes=[{"key": "k", "value": "bare"}]), "attribute value is 'bare'"),
    ],
)
def test_malformed_json_is_refused_by_the_name_of_what_is_wrong(body: bytes, names: str) -> None:
    with pytest.raises(TelemetryError, match=names.replace("[", r"\[")) as caught:
        decode_json(body)
    assert "OTLP/JSON" in caught.value.remedy


def test_a_malformed_span_is_named_by_its_place() -> None:
    with pytest.raises(TelemetryError) as caught:
        decode_json(body_of(spanId="?"))
    assert caught.value.where == "resourceSpans[0].scopeSpans[0].spans[0]"


def nested(levels: int) -> Loose:
    value: Loose = {"intValue": "1"}
    for _ in range(levels):
        value = {"kvlistValue": {"values": [{"key": "k", "value": value}]}}
    return value


def test_a_key_that_a_value_gives_twice_keeps_both_and_is_written_twice() -> None:
    pairs = [{"key": "to", "value": {"stringValue": to}} for to in ("a", "b")]
    found = value_of({"kvlistValue": {"values": pairs}})
    assert found == {"to": ["a", "b"]}
    sent = span(1, sent=found)
    [back] = decode_json(encode_json([sent]))
    assert isinstance(back.attributes["sent"], dict)
    assert isinstance(back.attributes["sent"]["to"], Repeated)


def test_a_value_nested_too_deep_is_refused_not_a_crash() -> None:
    with pytest.raises(TelemetryError, match="nested deeper than 52"):
        value_of(nested(53))


@pytest.mark.parametrize("line", [b"{}", b'{"resourceSpans": []}', b'{"resourceLogs": [{}]}'])
def test_a_request_of_a_collector_may_hold_no_spans(line: bytes) -> None:
    assert spans_of_line(line) == []


@pytest.mark.parametrize("line", [b'{"tool": "x"}', b'{"resource_spans": []}', b'{"user": "hi"}'])
def test_an_object_that_is_no_request_is_no_line_of_an_archive(line: bytes) -> None:
    with pytest.raises(TelemetryError, match="no `resourceSpans`, but"):
        spans_of_line(line)


def test_the_deepest_value_that_is_read_can_be_written_again() -> None:
    (one,) = decode_json(body_of(attributes=[{"key": "k", "value": nested(52)}]))
    assert decode_json(encode_json([one])) == [one]


def test_protobuf_that_is_none_and_ids_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(TelemetryError, match="no OTLP trace request"):
        decode_protobuf(b"\x0a\xff")
    request = Request()
    request.resource_spans.add().scope_spans.add().spans.add().trace_id = b"short"
    with pytest.raises(TelemetryError, match="trace_id is 73686f7274, not 16 bytes"):
        decode_protobuf(request.SerializeToString())


@given(st.binary(max_size=200))
def test_random_bytes_are_spans_or_a_telemetry_error(body: bytes) -> None:
    for decode in (decode_protobuf, decode_json):
        with suppress(TelemetryError):
            decode(body)


_keys = st.sampled_from(
    [
        "resourceSpans", "scopeSpans", "spans", "resource", "scope", "attributes", "key", "value",
        "stringValue", "intValue", "doubleValue", "boolValue", "arrayValue", "kvlistValue",
        "values", "traceId", "spanId", "parentSpanId", "startTimeUnixNano", "kind", "status",
        "code", "events", "name",
    ]
)  # fmt: skip
_leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(max_size=4),
    st.just(TRACE), st.just(sid(1)),
)  # fmt: skip
_documents = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=5),
    max_leaves=25,
)


@given(_documents)
def test_random_documents_are_spans_or_a_telemetry_error(document: Loose) -> None:
    whole = {"resourceSpans": [{"scopeSpans": [{"spans": [document]}], "resource": document}]}
    one = {"traceId": TRACE, "spanId": sid(1), "attributes": document, "status": document}
    for body in (document, whole, {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}):
        with suppress(TelemetryError):
            decode_json(orjson.dumps(body))


@given(spans(), st.data())
def test_a_damaged_request_is_spans_or_a_telemetry_error(sent: Span, data: st.DataObject) -> None:
    line = encode_json([sent])
    at = data.draw(st.integers(0, len(line) - 1))
    damaged = line[:at] + data.draw(st.binary(max_size=2)) + line[at + 1 :]
    with suppress(TelemetryError):
        decode_json(damaged)


def test_half_a_surrogate_cannot_be_written() -> None:
    half = Span(TRACE, sid(1), "", "\ud800", 0, 0)
    with pytest.raises(TelemetryError, match="cannot be written"):
        encode_json([half])


def test_an_accepted_request_is_answered_with_the_empty_response() -> None:
    assert encode_response() == b""
    assert encode_json_response() == b"{}"


def test_a_blank_line_of_an_archive_holds_no_spans() -> None:
    assert spans_of_line(b" \n") == []
    assert len(spans_of_line(body_of() + b"\n")) == 1


def test_the_deepest_value_that_protobuf_lets_through_can_be_stored_and_read_again() -> None:
    depth, sent = 1, _nested(1)
    while True:
        try:
            decoded = decode_protobuf(sent)
        except TelemetryError:
            break
        assert decode_json(encode_json(decoded)) == decoded, depth
        depth += 1
        sent = _nested(depth)
    assert depth > 40


def _nested(levels: int) -> bytes:
    """A request with one attribute: an array in an array in an array."""
    value = _field(1, b"x")
    for _ in range(levels):
        value = _field(5, _field(1, value))
    pair = _field(1, b"k") + _field(2, value)
    span = _field(1, b"1" * 16) + _field(2, b"2" * 8) + _field(9, pair)
    return _field(1, _field(2, _field(2, span)))


def _field(number: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + body
