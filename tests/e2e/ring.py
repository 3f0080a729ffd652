"""A small ring of real processes for tests: one control plane, nodes that run no agents.

The tests play the agents: they send OTLP to the nodes' ports and ask for decisions, as agents do.
Everything goes through the command line and HTTP, as a user would do it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

SETTINGS = {
    "MYTHOS_CELL_S": "1",
    "MYTHOS_CLOSE_GRACE_S": "0",
    "MYTHOS_HEARTBEAT_S": "1",
    "MYTHOS_READING_EVERY_S": "0",
    "MYTHOS_RUN_TIMEOUT_S": "3",
}
PASSWORD = "a-password-for-tests-only"
PATIENCE_S = 30.0
NS = 1_000_000_000


@dataclass
class Ring:
    """One control plane and its nodes in a folder."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    clients: list[httpx.Client] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("MYTHOS_")},
            **SETTINGS,
            "MYTHOS_HOME": str(self.folder / "control"),
            "MYTHOS_ADMIN_PASSWORD": PASSWORD,
        }
        self.environment.pop("DATABASE_URL", None)
        self.exporter = httpx.Client(trust_env=False, timeout=PATIENCE_S)
        self.clients.append(self.exporter)

    def mythos(self, *words: str, ok: Sequence[int] = (0,)) -> dict[str, Any]:
        """Run one command with `--json`; gives what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "mythos", *words, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in ok, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def start(self, name: str, *words: str) -> None:
        """Start a long-running command."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "mythos", *words],
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def create_admin(self) -> None:
        """Let `tester` sign in."""
        subprocess.run(
            [sys.executable, "-m", "mythos", "serve", "--create-admin", "tester"],
            env=self.environment,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def serve(self) -> None:
        """Start the control plane."""
        self.start("control", "serve", "--port", str(self.port))
        wait_for(self._answers, "the control plane answers")

    def _answers(self) -> bool:
        try:
            return self.exporter.get(f"{self.url}/healthz").is_success
        except httpx.HTTPError:
            return False

    def enrol(self, node: str, environment: str) -> None:
        """Enrol a node by one-time code and start its sidecar."""
        told = self.mythos(
            "node", "enroll", "--new-code", "--node", node, "--environment", environment
        )
        home = str(self.home(node))
        self.mythos(
            "node", "enroll", "--home", home, "--server", self.url,
            "--node", node, "--code", told["code"],
        )  # fmt: skip
        self.ports[node] = free_port()
        self.start(node, "node", "run", "--home", home, "--port", str(self.ports[node]))
        wait_for(lambda: self.status(node).get("running"), f"{node} runs a bundle")

    def home(self, node: str) -> Path:
        """State folder of a node."""
        return self.folder / "nodes" / node

    def status(self, node: str) -> dict[str, Any]:
        """What the node last said of itself."""
        path = self.home(node) / "status.json"
        told: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return told

    def client(self) -> httpx.Client:
        """A signed-in browser that asks for JSON."""
        client = httpx.Client(
            base_url=self.url, trust_env=False, follow_redirects=True, timeout=PATIENCE_S
        )
        self.clients.append(client)
        page = client.get("/login").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None, page
        client.post(
            "/login",
            data={
                "csrfmiddlewaretoken": token.group(1),
                "username": "tester",
                "password": PASSWORD,
            },
            headers={"Referer": self.url},
        )
        client.headers["Accept"] = "application/json"
        return client

    def reading(self, client: httpx.Client, node: str) -> dict[str, Any]:
        """The node's reading now."""
        answer = client.get(f"/api/v1/nodes/{node}/resilience")
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def send(self, node: str, run: Sequence[dict[str, Any]]) -> None:
        """Export one run to a node, as an agent's exporter would."""
        answer = self.exporter.post(
            f"http://127.0.0.1:{self.ports[node]}/v1/traces", json=request_of(run, node=node)
        )
        assert answer.status_code == 200, answer.text

    def decide(self, node: str, **question: object) -> dict[str, Any]:
        """Ask a node's decision point."""
        answer = self.exporter.post(f"http://127.0.0.1:{self.ports[node]}/v1/decide", json=question)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def settle(self, node: str, n_runs: int) -> None:
        """Wait until a node has judged so many runs and told of all of them."""

        def told() -> bool:
            status = self.status(node)
            backlog = status.get("backlog", {})
            return (
                status.get("runs_judged", 0) >= n_runs
                and not status.get("open_traces")
                and not backlog.get("rows")
                and not backlog.get("unsent")
            )

        wait_for(told, f"{node} tells of {n_runs} runs")

    def stop(self) -> None:
        """End everything that was started."""
        for client in self.clients:
            client.close()
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(holds: Callable[[], object], what: str, *, patience_s: float = PATIENCE_S) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"never came true: {what}"
        time.sleep(0.1)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_trace() -> str:
    """A fresh trace id."""
    return uuid.uuid4().hex


def run_of(
    agent: str, calls: Sequence[tuple[str, dict[str, Any], Any]], *, trace_id: str | None = None
) -> list[dict[str, Any]]:
    """One agent run as OTLP/JSON spans: its calls as (tool, arguments, output), a moment ago."""
    trace = trace_id or new_trace()
    root = uuid.uuid4().hex[:16]
    start = time.time_ns() - NS // 2
    spans = [
        _span(
            trace, root, "", f"invoke_agent {agent}", start, start + (len(calls) + 2) * 1_000_000,
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent},
        ),
        _span(
            trace, uuid.uuid4().hex[:16], root, "chat m", start + 100_000, start + 200_000,
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": "m",
                "gen_ai.input.messages": json.dumps(
                    [{"role": "user", "parts": [{"type": "text", "content": "please help me"}]}]
                ),
            },
        ),
    ]  # fmt: skip
    for number, (tool, arguments, output) in enumerate(calls, start=1):
        at = start + number * 1_000_000
        spans.append(
            _span(
                trace, uuid.uuid4().hex[:16], root, f"execute_tool {tool}", at, at + 500_000,
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": tool,
                    "gen_ai.tool.call.id": uuid.uuid4().hex,
                    "gen_ai.tool.call.arguments": json.dumps(arguments),
                    "gen_ai.tool.call.result": json.dumps(output),
                },
            )
        )  # fmt: skip
    return spans


def request_of(spans: Sequence[dict[str, Any]], *, node: str) -> dict[str, Any]:
    """An ExportTraceServiceRequest in JSON."""
    resource = [_attribute("service.name", "shop"), _attribute("mythos.node", node)]
    return {
        "resourceSpans": [
            {"resource": {"attributes": resource}, "scopeSpans": [{"spans": list(spans)}]}
        ]
    }


def _span(
    trace: str, span: str, parent: str, name: str, start: int, end: int, attributes: dict[str, str]
) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span,
        "parentSpanId": parent,
        "name": name,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(end),
        "attributes": [_attribute(key, value) for key, value in attributes.items()],
    }


def _attribute(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}
