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
import logging
import socket
import socketserver
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mythos.errors import MythosError, NotFoundError, TelemetryError, UnavailableError, UsageError

MAX_BODY = 16 * 2**20
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MAX_LENGTH_DIGITS = 12
LINGER_S = 2.0
LINGER_BYTES = 64 * 2**20

_log = logging.getLogger(__name__)


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
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                remedy="stop what uses the port, or choose another with --port",
            ) from None

    def server_bind(self) -> None:
        """Bind without asking a name server what this host is called."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.port

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
        self._unread = False
        try:
            answer = self._answer(method)
        except MythosError as error:
            answer = _problem(error)
        except ConnectionError:
            self.close_connection = True
            return
        except Exception as error:  # noqa: BLE001 - the outermost edge: never leave one unanswered
            _log.exception("%s %s", method, self.path[:200])
            answer = _problem(UnavailableError(f"not taken in: {error!r}", remedy="try again"))
        self._reply(answer)

    def _answer(self, method: str) -> Answer:
        body = self._body() if method == "POST" else b""
        path = self.path.split("?")[0]
        route = self.server.routes.get((method, path))
        if route is None:
            raise NotFoundError(
                f"there is no {method} {path[:200]} here",
                remedy="send spans to POST /v1/traces, questions to POST /v1/decide",
            )
        return route(body, self._content_type())

    def _content_type(self) -> str:
        return (self.headers.get("Content-Type") or "").split(";")[0].strip().lower()

    def _body(self) -> bytes:
        length = self._length()
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            raise TelemetryError(
                f"{len(body)} bytes came of the {length} announced", remedy="send the body whole"
            )
        encoding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding == "identity":
            return body
        if encoding != "gzip":
            raise TelemetryError(
                f"content encoding {encoding!r} is not known", remedy="send it plain or as gzip"
            )
        return _unzip(body)

    def _length(self) -> int:
        closing = self.close_connection
        self._unread = self.close_connection = True
        announced = self.headers.get("Content-Length", "")
        if not announced.isdecimal():
            raise TelemetryError(
                "the request has no Content-Length", remedy="send the body with its length"
            )
        if len(announced) > MAX_LENGTH_DIGITS or int(announced) > MAX_BODY:
            raise TelemetryError(
                f"the body is {announced[:20]} bytes, more than {MAX_BODY}",
                remedy="send smaller batches (OTEL_BSP_MAX_EXPORT_BATCH_SIZE)",
            )
        self._unread, self.close_connection = False, closing
        return int(announced)

    def _reply(self, answer: Answer) -> None:
        try:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.status in {429, 503}:
                self.send_header("Retry-After", "1")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(answer.body)
            if self._unread:
                self._linger()
        except ConnectionError:
            self.close_connection = True

    def _linger(self) -> None:
        """Let the client finish sending, within limits: closing at once would lose the answer."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(LINGER_S)
        deadline, left = time.monotonic() + LINGER_S, LINGER_BYTES
        try:
            while left > 0 and time.monotonic() < deadline:
                chunk = self.connection.recv(65_536)
                if not chunk:
                    return
                left -= len(chunk)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing: the node's own status counts requests."""


def _unzip(body: bytes) -> bytes:
    """Decompress, but never beyond the cap: a small body may hold gigabytes."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            plain = file.read(MAX_BODY + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise TelemetryError(
            f"the body is not gzip: {error}", remedy="send it plain, or compress it whole"
        ) from None
    if len(plain) > MAX_BODY:
        raise TelemetryError(
            f"the body unpacks to more than {MAX_BODY} bytes", remedy="send smaller batches"
        )
    return plain


def _problem(error: MythosError) -> Answer:
    body = {
        "error": {
            "type": type(error).__name__,
            "message": error.message,
            "remedy": error.remedy,
        }
    }
    return Answer(json.dumps(body).encode(), status=error.http_status)
