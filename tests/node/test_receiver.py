"""The node's port, over real sockets: what is taken, what is refused and how it is said."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from mythos.engines.telemetry.json_writer import encode_json
from mythos.errors import UnavailableError, UsageError
from mythos.node.judge import JSON, PROTOBUF, Judge
from mythos.node.receiver import MAX_BODY, Answer, Receiver
from mythos.node.store import NodeStore
from tests.engines.telemetry.making import agent, call
from tests.node.household import House, listening

TRACES = "/v1/traces"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NodeStore]:
    made = NodeStore(tmp_path / "node.sqlite3")
    yield made
    made.close()


@pytest.fixture
def node(tmp_path: Path, store: NodeStore) -> Iterator[Receiver]:
    """A port in front of a real judge and store."""
    house = House(tmp_path)
    judge: Judge = house.judge(store, house.example_duty())

    def take(body: bytes, content_type: str) -> Answer:
        judge.receive(body, content_type)
        return Answer(b"{}")

    def decide(body: bytes, _type: str) -> Answer:
        return Answer(json.dumps(judge.decide(body)).encode())

    def fail(_body: bytes, _type: str) -> Answer:
        raise RuntimeError("a bug")

    def full(_body: bytes, _type: str) -> Answer:
        raise UnavailableError("the disk is full", remedy="free some space")

    routes = {
        ("POST", TRACES): take,
        ("POST", "/v1/decide"): decide,
        ("POST", "/bug"): fail,
        ("POST", "/full"): full,
    }
    with listening(routes) as receiver:
        yield receiver


def _post(
    node: Receiver, body: bytes, *, path: str = TRACES, content_type: str = JSON, **headers: str
) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", node.port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, body, {"Content-Type": content_type, **named})
        return _read(connection.getresponse())
    finally:
        connection.close()


def _read(response: HTTPResponse) -> tuple[int, Any]:
    return response.status, json.loads(response.read() or b"{}")


def _raw(node: Receiver, request: bytes, *, then_close: bool = False) -> bytes:
    """Send bytes as they are and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=10) as connection:
        connection.sendall(request)
        if then_close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
        return answer


def test_json_and_gzip_are_taken(node: Receiver, store: NodeStore) -> None:
    assert _post(node, encode_json([agent(1, at_s=time.time())]))[0] == 200
    zipped = gzip.compress(encode_json([call(2, 1, at_s=time.time())]))
    assert _post(node, zipped, Content_Encoding="gzip")[0] == 200
    assert store.backlog()["spans"] == 2


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_sdk_of_opentelemetry_is_understood(
    node: Receiver, store: NodeStore, compression: Compression
) -> None:
    endpoint = f"http://127.0.0.1:{node.port}{TRACES}"
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint, compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("invoke_agent") as span:
        span.set_attribute("gen_ai.operation.name", "invoke_agent")
    provider.shutdown()
    assert store.backlog()["spans"] == 1


def test_an_empty_protobuf_request_is_a_valid_one(node: Receiver) -> None:
    assert _post(node, b"", content_type=PROTOBUF)[0] == 200


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "why"),
    [
        (b"{}", "text/plain", {}, "content type text/plain is not OTLP"),
        (b"{", JSON, {}, ""),
        (b"\xff\xff\xff", PROTOBUF, {}, "no OTLP trace request"),
        (b"not zipped", JSON, {"Content_Encoding": "gzip"}, "not gzip"),
        (gzip.compress(b"{}", mtime=0)[:-3], JSON, {"Content_Encoding": "gzip"}, "not gzip"),
        (
            gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 20,
            JSON,
            {"Content_Encoding": "gzip"},
            "not gzip",
        ),
        (zlib.compress(b"{}"), JSON, {"Content_Encoding": "deflate"}, "encoding 'deflate'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(
    node: Receiver, body: bytes, content_type: str, headers: dict[str, str], why: str
) -> None:
    status, told = _post(node, body, content_type=content_type, **headers)
    assert status == 400
    assert why in told["error"]["message"]
    assert told["error"]["remedy"]


def test_a_small_body_that_unpacks_to_gigabytes_is_refused(node: Receiver) -> None:
    bomb = gzip.compress(b"0" * (MAX_BODY + 1))
    assert len(bomb) < 64 * 1024
    status, told = _post(node, bomb, Content_Encoding="gzip")
    assert (status, "unpacks to more than" in told["error"]["message"]) == (400, True)


def test_a_body_that_is_too_large_is_refused_and_the_reason_arrives(node: Receiver) -> None:
    """Closing while the client still sends would reset the connection and lose the answer."""
    status, told = _post(node, b" " * (MAX_BODY + 1))
    assert (status, "more than" in told["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Content-Length: -1\r\n",
        b"Content-Length: ten\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length: " + b"9" * 5_000 + b"\r\n",
        b"Transfer-Encoding: chunked\r\n",
    ],
)
def test_a_request_without_a_plain_length_is_refused(node: Receiver, header: bytes) -> None:
    answer = _raw(
        node, b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n", then_close=True
    )
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"remedy" in answer


def test_a_body_cut_short_is_refused_even_if_its_beginning_reads_well(
    node: Receiver, store: NodeStore
) -> None:
    """Protobuf cut between two messages is valid protobuf."""
    request = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
    answer = _raw(node, request + b"Content-Length: 10\r\n\r\n", then_close=True)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert store.pending() == []


def test_an_unknown_path_is_told_where_to_go(node: Receiver) -> None:
    status, told = _post(node, b"{}", path="/v1/logs")
    assert (status, "/v1/traces" in told["error"]["remedy"]) == (404, True)


def test_a_bug_behind_a_route_is_an_answer_not_a_silence(
    node: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    status, told = _post(node, b"{}", path="/bug")
    assert (status, told["error"]["type"]) == (503, "UnavailableError")
    assert "a bug" in caplog.text


def test_a_node_that_cannot_keep_spans_asks_the_exporter_to_try_again(node: Receiver) -> None:
    answer = _raw(
        node,
        b"POST /full HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer


def test_a_connection_serves_several_requests(node: Receiver) -> None:
    connection = HTTPConnection("127.0.0.1", node.port, timeout=10)
    for body in (b"{}", b"{", b"{}"):
        connection.request("POST", TRACES, body, {"Content-Type": JSON})
        status, _ = _read(connection.getresponse())
        assert status == (400 if body == b"{" else 200)
    connection.close()


def test_many_exporters_may_post_at_once(node: Receiver, store: NodeStore) -> None:
    bodies = [encode_json([call(n, 1, at_s=time.time(), trace=f"{n:032x}")]) for n in range(1, 81)]
    with ThreadPoolExecutor(16) as pool:
        statuses = [status for status, _ in pool.map(lambda body: _post(node, body), bodies)]
    assert statuses == [200] * 80
    assert store.backlog()["spans"] == 80


def test_a_client_that_hangs_up_disturbs_no_other(
    node: Receiver, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", node.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(b"POST /v1/traces HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
    assert _post(node, b"{}")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", ""])  # noqa: S104
def test_an_address_that_others_can_reach_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="is not a loopback address"):
        Receiver(host, 0, {})


def test_the_loopback_of_ipv6_is_loopback_too() -> None:
    if not socket.has_ipv6:
        pytest.skip("this host has no IPv6")
    try:
        receiver = Receiver("::1", 0, {})
    except UnavailableError as error:
        pytest.skip(f"this host has no IPv6 loopback: {error}")
    assert receiver.port > 0
    receiver.server_close()


def test_a_port_in_use_is_a_clear_error(node: Receiver) -> None:
    with pytest.raises(UnavailableError, match="cannot listen on") as caught:
        Receiver("127.0.0.1", node.port, {})
    assert "--port" in caught.value.remedy


def test_questions_are_answered_while_spans_stream_in(node: Receiver) -> None:
    stop = threading.Event()

    def stream() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            _post(node, encode_json([call(number, 1, at_s=time.time())]))

    thread = threading.Thread(target=stream)
    thread.start()
    try:
        question = {"trace_id": "ab" * 16, "agent": "refunds", "tool": "nope", "arguments": {}}
        for _ in range(5):
            status, told = _post(node, json.dumps(question).encode(), path="/v1/decide")
            assert (status, told["decision"]) == (200, "deny")
    finally:
        stop.set()
        thread.join()
