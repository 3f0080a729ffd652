"""What the demo starts ends with it, even when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.ring import free_port

STARTER = """
import os, sys, time
from collections.abc import Callable
from pathlib import Path
from mythos.cli.demo.children import Children
children = Children(Path(sys.argv[1]))
with children:
    print(children.start("control", ["serve", "--port", sys.argv[2]], os.environ), flush=True)
    time.sleep(60)
"""


def test_given_the_starter_is_killed_then_its_child_ends(tmp_path: Path) -> None:
    port = str(free_port())
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path), port],
        env={**os.environ, "MYTHOS_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    child = int(starter.stdout.readline())
    log = tmp_path / "control.log"
    wait_until(lambda: "MythOS on" in log.read_text("utf-8"))
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    wait_until(lambda: not running(child))


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(0.1)
