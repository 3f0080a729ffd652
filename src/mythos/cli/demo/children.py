"""The processes the demo starts, and ends whatever happens.

Each child leads a process group of its own, so that what it started ends with it. Ending asks
first and kills after a grace; a second Ctrl-C does not leave anything behind. A child that may be
revived is started again when it was killed: the ring is meant to outlive that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from mythos.cli import parent
from mythos.errors import UnavailableError

GRACE_S = 15.0
TAIL_LINES = 15
REVIVE_AFTER_S = 1.5
"""A killed server's worker notices within half a second and frees the port."""


class Children:
    """Named child processes of `mythos`, with their output in files."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._revivable: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {}

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end_all()

    def start(self, name: str, words: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start `mythos WORDS…` under a name; gives its process id."""
        with (self._logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "mythos", *words],
                env={**environment, parent.VARIABLE: "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._running[name].pid

    def start_revivable(
        self, name: str, words: Sequence[str], environment: Mapping[str, str]
    ) -> int:
        """Start a child that is started again whenever it was killed."""
        self._revivable[name] = (words, environment)
        return self.start(name, words, environment)

    def check(self) -> None:
        """Start again what was killed and may be; raise if any other child has ended.

        Raises:
            UnavailableError: one has; its last lines are in the message.
        """
        for name, process in list(self._running.items()):
            ended = process.poll()
            if ended is not None and ended < 0 and name in self._revivable:
                time.sleep(REVIVE_AFTER_S)
                self.start(name, *self._revivable[name])
            elif ended is not None:
                raise UnavailableError(
                    f"{name} ended with {process.returncode}:\n{self._tail(name)}",
                    remedy=f"read {self._logs / name}.log; then run the demo again",
                )

    def _tail(self, name: str) -> str:
        log = self._logs / f"{name}.log"
        lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
        return "\n".join(lines[-TAIL_LINES:])

    def end_all(self) -> None:
        """Ask all at once, wait, kill what is left."""
        for process in self._running.values():
            _signal(process, signal.SIGTERM, group=False)
        deadline = time.monotonic() + GRACE_S
        for process in self._running.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0.1))
            _signal(process, signal.SIGKILL, group=True)
            process.wait()
        self._running.clear()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals, *, group: bool) -> None:
    with suppress(ProcessLookupError):
        if group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
