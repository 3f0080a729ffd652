"""A control plane as a process of its own, which a test may kill; and nodes that speak to it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from mythos.adapters.key_file import load_key
from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.row import EvidenceRow, to_wire
from mythos.engines.judge.rows import NS, Place
from mythos.node.control_plane import ControlPlane
from mythos.node.duty import no_duty
from mythos.node.enrolment import enrol_online
from mythos.node.home import NodeHome
from mythos.node.reporter import Reporter
from mythos.node.store import NodeStore, StoredEnvelope
from mythos.values.evidence import InForce
from tests.e2e.ring import free_port, wait_for

INHERITED = ("PATH", "HOME", "LANG", "PYTHONPATH")
SETUP = """
import json, sys
from mythos.cli.serve import prepare
prepare()
from django.utils import timezone
from mythos.server.catalog.commands import import_fleet, issue_code
from mythos.values.environment import FleetEnvironment, FleetFile
import_fleet(FleetFile(environments=(FleetEnvironment(name="lab"),)))
print(json.dumps({node: issue_code(node, "lab", at=timezone.now()) for node in sys.argv[1:]}))
"""


class Plane:
    """One `mythos serve` in a folder, started and killed as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self.environment = {**kept, "MYTHOS_HOME": str(folder / "control")}
        self._process: subprocess.Popen[bytes] | None = None

    def codes(self, nodes: Sequence[str]) -> dict[str, str]:
        """Make the environment `lab`, and a one-time code for each node."""
        done = subprocess.run(
            [sys.executable, "-c", SETUP, *nodes],
            env=self.environment, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        told: dict[str, str] = json.loads(done.stdout)
        return told

    def begin(self) -> None:
        """Start the process without waiting for it."""
        with (self.folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mythos", "serve", "--port", str(self.port)],
                env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def serve(self) -> None:
        """Start the process and wait until it answers."""
        self.begin()
        with httpx.Client(base_url=self.url, trust_env=False, timeout=2) as client:
            wait_for(lambda: self._answers(client), "the control plane answers")

    def kill(self) -> None:
        """Kill the process and all it started, without warning."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """What the process printed."""
        return (self.folder / "serve.log").read_text("utf-8")

    def table(self, question: str) -> list[tuple[Any, ...]]:
        """Ask the database directly."""
        with sqlite3.connect(self.folder / "control" / "mythos.sqlite3") as db:
            return list(db.execute(question))

    def counted(self) -> dict[str, int]:
        """Actions counted, by node."""
        question = (
            "SELECT node_id, sum(json_extract(body, '$.n')) FROM resilience_evidencerow"
            " WHERE kind = 'action' GROUP BY node_id"
        )
        return dict(self.table(question))

    def _answers(self, client: httpx.Client) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        try:
            return client.get("/healthz").is_success
        except httpx.HTTPError:
            return False


@dataclass
class Speaker:
    """An enrolled node without agents: it seals evidence and delivers it."""

    home: NodeHome
    store: NodeStore
    reporter: Reporter
    client: ControlPlane

    @classmethod
    def enrolled(cls, folder: Path, *, server: str, node: str, code: str) -> Speaker:
        home = NodeHome(folder / node)
        acceptance = enrol_online(home, server=server, node=node, code=code)
        store = NodeStore(home.database)
        reporter = Reporter(home, store, acceptance, load_key(home.key))
        return cls(home, store, reporter, ControlPlane(acceptance.server))

    def seal(self, n: int = 1) -> StoredEnvelope:
        """An envelope about `n` actions."""
        now = datetime.now(UTC)
        place = Place(self.home.acceptance().node, "lab", "", 60)
        key = place.key("action", agent="", subject="tool", at_ns=int(now.timestamp()) * NS)
        row = to_wire(EvidenceRow(key, ActionBody(n))).model_dump_json()
        self.store.add_spans([], rows=[row])
        self.reporter.beat(no_duty(), InForce(), stale=False, at=now)
        return self.store.unsent(limit=10**6)[-1]

    def close(self) -> None:
        self.client.close()
        self.store.close()
