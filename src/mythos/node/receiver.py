"""The node's loopback port: OTLP/HTTP in, decisions out.

    POST /v1/traces   OTLP protobuf or JSON, plain or gzip; answered after the spans are committed
    POST /v1/decide   {"agent", "tool", "arguments", ...} -> {"decision", "rules", ...}
    GET  /healthz     {"status": "ok", ...}

It listens on loopback only. A body is read up to its announced length and never beyond a cap; what
cannot be read is refused with a reason, so an exporter never takes a loss for a success.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mythos.errors import MythosError, TelemetryError, UnavailableError, UsageError

MAX_BODY = 16 * 2**20
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route replies."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


Route = Callable[[bytes, str], Answer]


class Receiver(ThreadingHTTPServer):
    """The port, with its routes: (method, path) -> function of (body, content type)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, routes: Mapping[tuple[str, str], Route]) -> None:
        """Bind the port.

        Raises:
            UsageError: the address is not loopback.
            UnavailableError: the port is taken.
        """
        if host not in LOOPBACK:
            raise UsageError(
                f"{host} is not a loopback address",
                remedy="listen on 127.0.0.1; for remote agents put an OpenTelemetry Collector here",
            )
        self.routes = dict(routes)
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                remedy="stop what uses the port, or choose another with --port",
            ) from None

    @property
    def port(self) -> int:
        """The port that was bound (useful when 0 was asked for)."""
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver
    timeout = 30

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        try:
            body = self._body() if method == "POST" else b""
            route = self.server.routes.get((method, self.path.split("?")[0]))
            answer = _unknown(self.path) if route is None else route(body, self._content_type())
        except MythosError as error:
            answer = _problem(error)
        self._reply(answer)

    def _content_type(self) -> str:
        return (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            raise TelemetryError(
                "the request has no Content-Length", remedy="send the body with its length"
            )
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise TelemetryError(
                f"the body is {length} bytes, more than {MAX_BODY}",
                remedy="send smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE)",
            )
        body = self.rfile.read(int(length))
        if self.headers.get("Content-Encoding", "").lower() != "gzip":
            return body
        return _unzip(body)

    def _reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if answer.status in (429, 503):
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the node's own status counts requests."""


def _unzip(body: bytes) -> bytes:
    """Decompress, but never beyond the cap: a small body may hold gigabytes."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            plain = file.read(MAX_BODY + 1)
    except (OSError, EOFError) as error:
        raise TelemetryError(
            f"the body is not gzip: {error}", remedy="send it plain, or compress it whole"
        ) from None
    if len(plain) > MAX_BODY:
        raise TelemetryError(
            f"the body unpacks to more than {MAX_BODY} bytes", remedy="send smaller batches"
        )
    return plain


def _unknown(path: str) -> Answer:
    body = {"error": {"message": f"nothing answers at {path}", "remedy": "use /v1/traces"}}
    return Answer(json.dumps(body).encode(), status=404)


def _problem(error: MythosError) -> Answer:
    body = {
        "error": {
            "type": type(error).__name__, "message": error.message, "remedy": error.remedy,
        }
    }  # fmt: skip
    return Answer(json.dumps(body).encode(), status=error.http_status)
