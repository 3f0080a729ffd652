"""The sidecar: one process a host that ties receiving, judging, telling and launching together.

The main loop owns every decision about what runs; HTTP threads only add spans and ask. One more
thread talks to the control plane, so a slow one delays no beat: a node that works and judges is not
unattended because nobody answers it. What fails (no network, a refused bundle, a crashed agent, a
full disk) is told in the status and tried again; the node goes on with what it has.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
from pydantic import JsonValue

from mythos.adapters.atomic_file import write_atomically
from mythos.adapters.file_lock import Hold, only_one
from mythos.adapters.key_file import SigningKey, load_key
from mythos.adapters.memory_announcer import log_announced
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.announcement import Announcement, announcements
from mythos.engines.memory.checkpoint import log_origin
from mythos.engines.telemetry.otlp import encode_json_response, encode_response
from mythos.errors import ConflictError, IdentityError, MythosError
from mythos.node.control_plane import ControlPlane
from mythos.node.duty import Duty, duty_of, no_duty
from mythos.node.home import NodeHome
from mythos.node.judge import PROTOBUF, Judge
from mythos.node.launcher import LaunchedBundle
from mythos.node.orders import Orders, told_orders
from mythos.node.problems import Problems, in_words
from mythos.node.processes import AgentProcess, Surroundings
from mythos.node.puller import Pulled, Puller, restart
from mythos.node.receiver import Answer, Receiver
from mythos.node.reporter import Reporter
from mythos.node.store import NodeStore
from mythos.values.agent import Agent
from mythos.values.enrolment import Acceptance
from mythos.values.event import Span

TICK_S = 0.2
_LOG_REMEDY = (
    "stop the agent and find out who changed its log; where that was you, have `mythos witness"
    " restart` run on the control plane"
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """How a sidecar is started.

    runtime: where `{runtime}` of agent commands points. key_names: see `Reporter`. accept_orders:
    whether operators of the control plane may have memories accepted here.
    """

    runtime: Path
    host: str = "127.0.0.1"
    port: int = 4318
    keep_spans: Path | None = None
    key_names: bool = True
    accept_orders: bool = True


class Sidecar:
    """One node at work."""

    def __init__(self, home: NodeHome, options: Options) -> None:
        """Resume from the state folder: the active bundle is checked and judged by again.

        Raises:
            NotFoundError: the node is not enrolled.
            IdentityError: its key is not the one that was enrolled.
            ConflictError: another sidecar works in this folder.
            UnavailableError: the port is taken or the state cannot be opened.
        """
        self._home = home
        self._options = options
        self._acceptance = home.acceptance()
        self._key = _key_of(home, self._acceptance)
        self._held = _hold(home)
        self._store = NodeStore(home.database)
        self._problems = Problems()
        self._duty = self._resume()
        self._judge = Judge(self._store, self._acceptance, self._duty, keep=options.keep_spans)
        self._reporter = Reporter(
            home,
            self._store,
            self._acceptance,
            self._key,
            key_names=options.key_names,
            orders=Orders(home, self._store, allowed=options.accept_orders),
        )
        self._puller = Puller(home, self._acceptance, check=duty_of)
        self._pulled = Pulled(None, self._duty.bundle)
        self._plane = ControlPlane(self._acceptance.server) if self._acceptance.server else None
        self._processes: dict[str, AgentProcess] = {}
        self._receiver = Receiver(
            options.host,
            options.port,
            {
                ("POST", "/v1/traces"): self._take_spans,
                ("POST", "/v1/decide"): self._decide,
                ("GET", "/healthz"): self._health,
            },
        )

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then stop the agents and tell what is known."""
        threading.Thread(target=self._receiver.serve_forever, daemon=True).start()
        self._start_agents()
        next_beat = time.monotonic()
        line = ThreadPoolExecutor(max_workers=1, thread_name_prefix="control-plane")
        exchange: Future[None] | None = None
        try:
            while not stop.wait(TICK_S):
                self._problems.attempt("judging", self._close)
                if exchange is not None and exchange.done():
                    self._problems.attempt("exchange", exchange.result)
                    exchange = None
                    self._problems.attempt("taking over", self._take_over)
                if time.monotonic() >= next_beat:
                    next_beat = time.monotonic() + self._acceptance.heartbeat_s
                    self._problems.attempt("telling", self._tell)
                    exchange = exchange or line.submit(self._exchange)
                for name, process in self._processes.items():
                    self._problems.attempt(f"agent {name}", process.keep_running)
        finally:
            self._stop_agents()
            line.shutdown()
            self._problems.attempt("judging", self._close)
            self._problems.attempt("telling", self._tell)
            self._problems.attempt("sending", self._send)
            self._problems.attempt("status", self._write_status)
            self._receiver.shutdown()
            self._receiver.server_close()
            self._puller.close()
            if self._plane is not None:
                self._plane.close()
            self._store.close()
            self._held.release()

    def _close(self) -> None:
        self._judge.close_due(now_ns=time.time_ns())

    def _resume(self) -> Duty:
        try:
            bundle = restart(self._home)
            return no_duty() if bundle is None else duty_of(bundle)
        except MythosError as error:
            self._problems.note("restart", in_words(error))
            return no_duty()

    def _exchange(self) -> None:
        """Send what is unsent, then ask what should run; the only work that waits for others."""
        self._problems.attempt("sending", self._send)
        self._problems.attempt("pulling", self._pull)

    def _send(self) -> None:
        if self._plane is None:
            return
        self._reporter.deliver(self._plane)
        refusal = self._store.last_refusal()
        self._problems.note("evidence", f"evidence is refused: {refusal}" if refusal else "")

    def _pull(self) -> None:
        self._pulled = self._puller.poll(self._duty.bundle, at=datetime.now(UTC))
        self._problems.note("assignment", self._pulled.problem)

    def _take_over(self) -> None:
        """Run what the newest poll put in force, if that is another bundle."""
        pulled = self._pulled
        if pulled.changed and pulled.bundle is not self._duty.bundle:
            self._change_over(pulled.bundle)
            self._problems.note("assignment", pulled.problem)
        self._write_status()

    def _change_over(self, bundle: LaunchedBundle | None) -> None:
        duty = no_duty() if bundle is None else duty_of(bundle)
        self._stop_agents()
        self._problems.forget()
        self._duty = duty
        self._judge.change_duty(duty)
        self._start_agents()
        _log.info("running %s", duty.digest or "nothing: halted")

    def _tell(self) -> None:
        """One beat: seal an envelope with what is new."""
        assignment = self._pulled.assignment
        wanted = assignment.digest if assignment and assignment.state == "run" else ""
        stale = assignment is not None and wanted != self._duty.digest
        in_force = self._duty.in_force(assignment_sequence=assignment.sequence if assignment else 0)
        self._reporter.beat(self._duty, in_force, stale=stale, at=datetime.now(UTC))
        for name in self._duty.agents:
            failed = self._reporter.failed_logs.get(name)
            unseen = self._reporter.unseen_logs.get(name)
            log = f"memory log of {name}"
            self._problems.note(log, f"{log}: {failed} ({_LOG_REMEDY})" if failed else "")
            self._problems.note(
                f"{log} unseen", f"{log} was not audited: {unseen}" if unseen else ""
            )
        self._problems.note("orders", self._reporter.orders.hindrance)

    def _write_status(self) -> None:
        write_atomically(self._home.root / "status.json", orjson.dumps(self.status()))

    def status(self) -> dict[str, JsonValue]:
        """What the node is doing, for `mythos node status` and the page."""
        bundle, assignment = self._duty.bundle, self._pulled.assignment
        return {
            "node": self._acceptance.node,
            "environment": self._acceptance.environment,
            "air_gapped": self._acceptance.air_gapped,
            "at": datetime.now(UTC).isoformat(),
            "pid": os.getpid(),
            "port": self._receiver.port,
            "running": bundle.digest if bundle else None,
            "assigned": assignment.digest if assignment else None,
            "problem": self._problems.line,
            "agents": [
                {"name": name, "pid": one.pid, "restarts": one.restarts}
                for name, one in list(self._processes.items())
            ],
            "spans_received": self._judge.spans_received,
            "runs_judged": self._judge.runs_judged,
            "open_traces": self._judge.n_open,
            "orders": told_orders(self._store),
            "audits": [*self._reporter.audits],
            "backlog": dict(self._store.backlog()),
        }

    def _start_agents(self) -> None:
        bundle = self._duty.bundle
        if bundle is None:
            return
        for name, (_, agent) in self._duty.agents.items():
            seeding = partial(self._seed_memory, bundle, agent)
            self._problems.attempt(f"memory of {name}", seeding)
            if agent.runtime.command:
                self._processes[name] = self._process(bundle, name, agent)

    def _stop_agents(self) -> None:
        """Ask all at once, then wait for each."""
        for process in self._processes.values():
            process.ask_to_stop()
        for process in self._processes.values():
            process.stop()
        self._processes.clear()

    def _seed_memory(self, bundle: LaunchedBundle, agent: Agent) -> None:
        """Give a new agent its memory; one that has a log already keeps what it remembers."""
        if agent.memory is None:
            return
        files = {
            one.name.removeprefix(f"{agent.name}/"): bundle.read(one)
            for one in bundle.of_kind("memory")
            if one.name.startswith(f"{agent.name}/")
        }
        folder = self._home.memory(agent.name)
        folder.mkdir(parents=True, exist_ok=True)
        seed(
            DirectoryStore(folder),
            self._home.memory_log(agent.name),
            files,
            origin=log_origin(self._acceptance.node, agent.name),
            at=datetime.now(UTC),
        )

    def _process(self, bundle: LaunchedBundle, name: str, agent: Agent) -> AgentProcess:
        around = Surroundings(
            agent=bundle.folder / "agents" / f"{name}.json",
            bundle=bundle.folder,
            memory=self._home.memory(name),
            work=self._home.work(name),
            runtime=self._options.runtime,
        )
        return AgentProcess(agent, around, self._environment(bundle, agent, around))

    def _environment(
        self, bundle: LaunchedBundle, agent: Agent, around: Surroundings
    ) -> Mapping[str, str]:
        """What an agent is told; nothing of the node's own environment but the essentials.

        Where its spans go is the node's word: a bundle cannot send them elsewhere.
        """
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        service = agent.tools[0].replace("/", "-") if agent.tools else agent.name
        return {
            **kept,
            **agent.runtime.env,
            "MYTHOS_AGENT": str(around.agent),
            "MYTHOS_MEMORY": str(around.memory),
            "MYTHOS_WORK": str(around.work),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{self._options.host}:{self._receiver.port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_SERVICE_NAME": service,
            "OTEL_RESOURCE_ATTRIBUTES": (
                f"mythos.node={self._acceptance.node},mythos.bundle={bundle.digest}"
            ),
        }

    def _take_spans(self, body: bytes, content_type: str) -> Answer:
        spans = self._judge.receive(body, content_type)
        for name, told in self._announced(spans).items():
            self._log_announced(name, told)
        if content_type == PROTOBUF:
            return Answer(encode_response(), PROTOBUF)
        return Answer(encode_json_response())

    def _announced(self, spans: Iterable[Span]) -> dict[str, list[Announcement]]:
        """What memory spans announce, by the agent whose memory it is."""
        found: dict[str, list[Announcement]] = {}
        names = [name for name, (_, agent) in self._duty.agents.items() if agent.memory is not None]
        for one in announcements(spans):
            name = names[0] if len(names) == 1 and not one.agent else one.agent
            if name in names:
                found.setdefault(name, []).append(one)
        return found

    def _log_announced(self, name: str, told: Sequence[Announcement]) -> None:
        """Log writes that an agent made itself; what is not logged now, the audit will tell."""
        store = DirectoryStore(self._home.memory(name))
        try:
            log_announced(store, self._home.memory_log(name), told, at=datetime.now(UTC))
        except MythosError as error:
            _log.warning("memory of %s: announced and not logged: %s", name, error)

    def _decide(self, body: bytes, _content_type: str) -> Answer:
        return Answer(orjson.dumps(self._judge.decide(body)))

    def _health(self, _body: bytes, _content_type: str) -> Answer:
        return Answer(orjson.dumps({"status": "ok", **self.status()}))


def _hold(home: NodeHome) -> Hold:
    """Keep the folder for this process: two would start every agent twice."""
    held = only_one(home.root / "sidecar.lock")
    if held is None:
        raise ConflictError(
            f"another sidecar works in {home.root}",
            remedy="stop it, or name another --home; `mythos node status` tells its pid",
        )
    return held


def _key_of(home: NodeHome, acceptance: Acceptance) -> SigningKey:
    """The node's key; evidence signed with another would be refused, and lost."""
    key = load_key(home.key)
    if key.key_id != acceptance.key_id:
        raise IdentityError(
            f"{home.key} is not the key that {acceptance.node} was enrolled with",
            remedy="restore that key, or enrol the host under another id in an empty folder",
        )
    return key
