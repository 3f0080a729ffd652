"""The agents of a launched bundle, each a process of its own.

A process that ends is started again with growing pauses. Stopping asks first and kills after a
grace. Secrets are resolved here, on the host, from references; the bundle holds none.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mythos.errors import NotFoundError
from mythos.values.agent import Agent

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STOP_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the placeholders of `runtime.command` mean on this host."""

    agent: Path
    bundle: Path
    memory: Path
    work: Path
    runtime: Path


class AgentProcess:
    """One running agent."""

    def __init__(
        self, agent: Agent, surroundings: Surroundings, environment: Mapping[str, str]
    ) -> None:
        self.agent = agent
        self._around = surroundings
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._pause_s = FIRST_PAUSE_S
        self._not_before = 0.0
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    def keep_running(self) -> None:
        """Start the agent if it does not run, unless it ended just now."""
        if self._process is not None and self._process.poll() is None:
            return
        now = time.monotonic()
        if self._process is not None:
            self._process = None
            self.restarts += 1
            self._not_before = now + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        if now >= self._not_before:
            self._start()

    def _start(self) -> None:
        self._around.work.mkdir(parents=True, exist_ok=True)
        with (self._around.work / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                command_of(self.agent, self._around),
                cwd=self._around.work,
                env=self._environment | secrets_of(self.agent),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the agent and all it started."""
        self._signal(signal.SIGTERM)

    def stop(self, *, grace_s: float = STOP_GRACE_S) -> None:
        """Wait for the end; after the grace, kill."""
        if self._process is None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def command_of(agent: Agent, around: Surroundings) -> list[str]:
    """The agent's command with its placeholders filled in."""
    words = {
        "python": sys.executable,
        "agent": str(around.agent),
        "bundle": str(around.bundle),
        "memory": str(around.memory),
        "work": str(around.work),
        "runtime": str(around.runtime),
    }
    command = []
    for word in agent.runtime.command:
        for name, value in words.items():
            word = word.replace(f"{{{name}}}", value)  # noqa: PLW2901
        command.append(word)
    return command


def secrets_of(agent: Agent) -> dict[str, str]:
    """The agent's secrets, read where its references point.

    Raises:
        NotFoundError: this host does not have one.
    """
    found = {}
    for name, reference in agent.runtime.secrets.items():
        kind, _, place = reference.partition(":")
        try:
            found[name] = os.environ[place] if kind == "env" else Path(place).read_text("utf-8")
        except (KeyError, OSError):
            raise NotFoundError(
                f"agent {agent.name} wants the secret {name} from {reference}",
                remedy="provide it on this host before the bundle is launched",
            ) from None
    return found
