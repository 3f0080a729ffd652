"""The agents of a launched bundle, each a process of its own.

A process that ends is started again with growing pauses, short ones again once it ran for a while.
Stopping asks first and kills after a grace; what an agent started ends with it, whichever way it
ends. Secrets are resolved here, on the host, from references; the bundle holds none.
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

from mythos.errors import MythosError, NotFoundError, UnavailableError, UsageError
from mythos.values.agent import Agent

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STOP_GRACE_S = 5.0
_LOOK_S = 0.02


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
        self._started = 0.0
        self._failure: MythosError | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return None if self._process is None else self._process.pid

    def keep_running(self) -> None:
        """Start the agent if it does not run, unless it ended just now.

        Raises:
            NotFoundError: a secret is not on this host; also while the next try is waited for.
            UsageError: its command cannot be run; likewise.
            UnavailableError: it ended with an error; likewise.
        """
        now = time.monotonic()
        if self._process is not None:
            if not _has_ended(self._process):
                return
            self._failure = self._ended(self._bury(self._process))
            self.restarts += 1
            self._wait_from(now, ran_s=now - self._started)
        if now >= self._not_before:
            self._failure = self._tried_to_start(now)
        if self._failure is not None:
            raise self._failure

    def _ended(self, code: int) -> MythosError | None:
        """What its end says of it; 0 is a day's work done."""
        if code == 0:
            return None
        how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
        return UnavailableError(
            f"agent {self.agent.name} ended {how} and is started again",
            remedy=f"see {self._around.work / 'agent.log'}",
        )

    def _tried_to_start(self, now: float) -> MythosError | None:
        """Start it; what stands in the way is told until the next try."""
        try:
            self._start()
        except (OSError, ValueError) as error:
            failure: MythosError = UsageError(
                f"agent {self.agent.name} cannot be started: {error}",
                remedy="correct `runtime` in the agent's document, or install what it names",
            )
        except NotFoundError as error:
            failure = error
        else:
            return None
        self._wait_from(now, ran_s=0.0)
        return failure

    def _wait_from(self, now: float, *, ran_s: float) -> None:
        if ran_s > LONGEST_PAUSE_S:
            self._pause_s = FIRST_PAUSE_S
        self._not_before = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    def _start(self) -> None:
        environment = self._environment | secrets_of(self.agent)
        self._around.work.mkdir(parents=True, exist_ok=True)
        with (self._around.work / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                command_of(self.agent, self._around),
                cwd=self._around.work,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started = time.monotonic()

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the agent and all it started."""
        if self._process is not None:
            _signal(self._process, signal.SIGTERM)

    def stop(self, *, grace_s: float = STOP_GRACE_S) -> None:
        """Ask, wait for the end, and kill after the grace; no process of the agent is left."""
        if self._process is None:
            return
        self.ask_to_stop()
        deadline = time.monotonic() + grace_s
        while not _has_ended(self._process) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        self._bury(self._process)

    def _bury(self, process: subprocess.Popen[bytes]) -> int:
        """Kill what is left of the group, then let go of its number; how it ended."""
        _signal(process, signal.SIGKILL)
        self._process = None
        return process.wait()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it is not reaped, so its number still names its group and no other."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


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
            found[name] = os.environ[place] if kind == "env" else _content(Path(place))
        except (KeyError, OSError, UnicodeDecodeError):
            raise NotFoundError(
                f"agent {agent.name} wants the secret {name} from {reference}",
                remedy="provide it on this host before the bundle is launched",
            ) from None
    return found


def _content(file: Path) -> str:
    """A secret file's text; the newline that editors put at its end is not part of it."""
    return file.read_text("utf-8").removesuffix("\n")
