"""Reading OTLP: spans per CPU-second from bytes to runs, against a bare protobuf parse.

A bare parse makes no Python value of a span and knows nothing of runs; it is the floor that no
reader of these bytes can go below. Batches are as an SDK's exporter sends them: 512 spans, twelve
attributes each, names and models that repeat, ids, arguments and texts that do not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from rows import Row, cpu_seconds, report

from mythos.engines.telemetry import assemble, decode_protobuf

SPANS = 512
ATTRIBUTES = 12
BATCHES = 20
CALLS = 5  # of a model, each followed by one of a tool
RUN = 1 + 2 * CALLS
SECOND_NS = 10**9


def batches() -> Iterator[bytes]:
    spans = _spans()
    for _ in range(BATCHES):
        request = ExportTraceServiceRequest()
        group = request.resource_spans.add()
        group.resource.attributes.extend(_pairs({"service.name": "retail-care"}))
        group.scope_spans.add().spans.extend(islice(spans, SPANS))
        yield request.SerializeToString()


def _spans() -> Iterator[Span]:
    trace = 0
    while True:
        trace += 1
        yield _span(trace, 1, "invoke_agent orders", _agent(trace))
        for call in range(CALLS):
            yield _span(trace, 2 + 2 * call, "chat", _chat(trace, call))
            yield _span(trace, 3 + 2 * call, "execute_tool get_order", _tool(trace, call))


def _span(trace: int, number: int, name: str, attributes: dict[str, str | int]) -> Span:
    assert len(attributes) == ATTRIBUTES
    start = trace * SECOND_NS + number * 1_000_000
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=(trace * 64 + number).to_bytes(8, "big"),
        parent_span_id=b"" if number == 1 else (trace * 64 + 1).to_bytes(8, "big"),
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=start + (SECOND_NS if number == 1 else 500_000),
        attributes=_pairs(attributes),
    )


def _pairs(attributes: dict[str, str | int]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in attributes.items()]


def _any(value: str | int) -> AnyValue:
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)


def _common(trace: int, operation: str) -> dict[str, str | int]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.agent.name": "orders",
        "gen_ai.agent.id": "orders-1",
        "gen_ai.provider.name": "openai",
        "gen_ai.conversation.id": f"conversation-{trace}",
        "deployment.environment.name": "cloud-eu",
        "thread.name": "MainThread",
        "code.function.name": operation,
    }


def _agent(trace: int) -> dict[str, str | int]:
    said = [{"role": "user", "parts": [{"type": "text", "content": f"Please cancel {trace}"}]}]
    return _common(trace, "invoke_agent") | {
        "gen_ai.input.messages": json.dumps(said),
        "gen_ai.request.model": "gpt-4o",
        "user.id": f"user-{trace}",
        "session.length": trace,
    }


def _chat(trace: int, call: int) -> dict[str, str | int]:
    return _common(trace, "chat") | {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 900 + trace,
        "gen_ai.usage.output_tokens": 40 + call,
        "gen_ai.response.id": f"response-{trace}-{call}",
    }


def _tool(trace: int, call: int) -> dict[str, str | int]:
    return _common(trace, "execute_tool") | {
        "gen_ai.tool.name": "get_order",
        "gen_ai.tool.call.id": f"call-{trace}-{call}",
        "gen_ai.tool.call.arguments": json.dumps({"order_id": f"W{trace:07d}"}),
        "gen_ai.tool.call.result": json.dumps({"status": "pending", "total_cents": trace}),
    }


def measure() -> list[Row]:
    bodies = list(batches())
    spans = SPANS * BATCHES
    runs = assemble(span for body in bodies for span in decode_protobuf(body))
    assert sum(len(run.events) for run in runs) == spans
    assert len(runs) == -(-spans // RUN)

    bare_s = cpu_seconds(lambda: [ExportTraceServiceRequest.FromString(body) for body in bodies])
    decode_s = cpu_seconds(lambda: [decode_protobuf(body) for body in bodies])
    both_s = cpu_seconds(
        lambda: assemble(span for body in bodies for span in decode_protobuf(body))
    )
    bare = f"bare protobuf parse, {spans / bare_s:,.0f} spans/CPU-s"
    unit = "spans/CPU-s"
    return [
        Row("decode", spans / decode_s, unit, against=bare, ratio=bare_s / decode_s),
        Row("decode and assemble", spans / both_s, unit, against=bare, ratio=bare_s / both_s),
        Row("body", sum(map(len, bodies)) / spans, "bytes/span"),
    ]


if __name__ == "__main__":
    sys.exit(report("telemetry", measure()))
