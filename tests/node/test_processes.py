"""Agents as processes: started with their secrets, started again, ended with all they started."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from mythos.errors import NotFoundError, UnavailableError, UsageError
from mythos.node import processes
from mythos.node.processes import AgentProcess, Surroundings, command_of, secrets_of
from mythos.values.agent import Agent, Model, Runtime

ENVIRONMENT = {"PATH": os.environ["PATH"], "MARK": "mine"}


def _agent(*command: str, **secrets: str) -> Agent:
    return Agent(
        name="clerk",
        role="-",
        model=Model(provider="p", name="n"),
        instructions="-",
        runtime=Runtime(command=command, secrets=secrets),
    )


def _around(folder: Path) -> Surroundings:
    return Surroundings(
        agent=folder / "agent.json",
        bundle=folder / "bundle",
        memory=folder / "memory",
        work=folder / "work",
        runtime=folder / "runtime",
    )


def _process(folder: Path, script: str, **secrets: str) -> AgentProcess:
    return AgentProcess(_agent("{python}", "-c", script, **secrets), _around(folder), ENVIRONMENT)


def _until(holds: Callable[[], object], seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def _kept(process: AgentProcess) -> AgentProcess:
    process.keep_running()
    return process


def _alive(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_placeholders_of_the_command_are_filled_in(tmp_path: Path) -> None:
    around = _around(tmp_path)
    agent = _agent("{python}", "{runtime}/run.py", "--doc={agent}", "{memory}", "{work}", "{other}")
    words = command_of(agent, around)
    assert words[1:] == [
        f"{around.runtime}/run.py",
        f"--doc={around.agent}",
        str(around.memory),
        str(around.work),
        "{other}",
    ]


def test_an_agent_runs_in_its_work_folder_with_its_environment_only(tmp_path: Path) -> None:
    script = "import os; print(os.getcwd(), sorted(os.environ), flush=True)"
    process = _process(tmp_path, script)
    process.keep_running()
    log = tmp_path / "work" / "agent.log"
    _until(log.read_text)
    process.stop()
    told = log.read_text()
    assert str(tmp_path / "work") in told
    assert "MARK" in told
    assert "HOME" not in told


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("raise SystemExit(3)", "with exit code 3"),
        ("import os; os.kill(os.getpid(), 9)", "by signal 9"),
    ],
)
def test_an_agent_that_fails_is_told_with_its_log_until_it_runs_again(
    tmp_path: Path, script: str, how: str
) -> None:
    process = _process(tmp_path, script)
    told: list[UnavailableError] = []

    def failed() -> bool:
        try:
            process.keep_running()
        except UnavailableError as error:
            told.append(error)
        return bool(told)

    _until(failed)
    process.stop()
    assert f"agent clerk ended {how}" in str(told[0])
    assert str(tmp_path / "work" / "agent.log") in told[0].remedy


def test_an_agent_that_ends_is_started_again_with_growing_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(processes, "LONGEST_PAUSE_S", 0.2)
    process = AgentProcess(_agent("/bin/true"), _around(tmp_path), ENVIRONMENT)
    starts: list[float] = []
    seen = None
    deadline = time.monotonic() + 8
    while len(starts) < 6 and time.monotonic() < deadline:
        process.keep_running()
        if process.pid not in {None, seen}:
            seen = process.pid
            starts.append(time.monotonic())
        time.sleep(0.002)
    process.stop()
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert process.restarts >= 5
    for gap, pause in zip(gaps, (0.05, 0.1, 0.2, 0.2, 0.2), strict=False):
        assert pause <= gap < pause + 1.0


def test_after_a_long_run_the_pause_is_short_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "LONGEST_PAUSE_S", 0.3)
    process = _process(tmp_path, "import time; time.sleep(0.5)")
    process._pause_s = 0.3
    process.keep_running()
    first = process.pid
    _until(lambda: _kept(process).restarts == 1)
    assert first is not None
    assert process._pause_s == min(2 * processes.FIRST_PAUSE_S, 0.3)
    process.stop()


def test_stopping_asks_first(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('asked', flush=True), sys.exit(0)))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    process = _process(tmp_path, script)
    process.keep_running()
    log = tmp_path / "work" / "agent.log"
    _until(lambda: "ready" in log.read_text())
    process.stop()
    assert "asked" in log.read_text()
    assert process.pid is None


def test_one_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)\n"
    process = _process(tmp_path, script + "time.sleep(60)")
    process.keep_running()
    _until((tmp_path / "work" / "agent.log").read_text)
    pid = process.pid
    assert pid is not None
    process.stop(grace_s=0.2)
    assert not _alive(pid)


STUBBORN_CHILD = (
    "import signal, subprocess, sys, time\n"
    "child = subprocess.Popen([sys.executable, '-c',"
    " 'import signal, time; signal.signal(15, signal.SIG_IGN);'"
    " 'print(1, flush=True); time.sleep(60)'], stdout=subprocess.PIPE)\n"
    "child.stdout.readline()\n"
    "print(child.pid, flush=True)\n"
)


@pytest.mark.parametrize("ends_by_itself", [True, False])
def test_what_an_agent_started_ends_with_it(tmp_path: Path, ends_by_itself: bool) -> None:
    """Its child ignores SIGTERM; the agent itself ends at once, asked or not."""
    process = _process(tmp_path, STUBBORN_CHILD + ("" if ends_by_itself else "time.sleep(60)"))
    process.keep_running()
    log = tmp_path / "work" / "agent.log"
    _until(lambda: log.read_text().strip().isdecimal())
    child = int(log.read_text())
    assert _alive(child)
    if ends_by_itself:
        _until(lambda: _kept(process).restarts)
    process.stop()
    _until(lambda: not _alive(child))


def test_stopping_twice_or_before_the_start_does_nothing(tmp_path: Path) -> None:
    process = _process(tmp_path, "pass")
    process.stop()
    process.ask_to_stop()
    process.keep_running()
    process.stop()
    process.stop()
    assert process.pid is None


def test_secrets_are_read_where_their_references_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "from-env")
    (tmp_path / "key").write_text("from-file\n")
    agent = _agent("x", TOKEN="env:SHOP_TOKEN", KEY=f"file:{tmp_path / 'key'}")
    assert secrets_of(agent) == {"TOKEN": "from-env", "KEY": "from-file"}


@pytest.mark.parametrize("reference", ["env:NOT_SET_ANYWHERE", "file:/nowhere/at/all"])
def test_a_missing_secret_names_itself_and_its_reference(tmp_path: Path, reference: str) -> None:
    process = _process(tmp_path, "pass", TOKEN=reference)
    with pytest.raises(NotFoundError, match=f"wants the secret TOKEN from {reference}") as caught:
        process.keep_running()
    assert "on this host" in caught.value.remedy
    assert process.pid is None


def test_a_secret_that_is_no_text_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(NotFoundError, match="wants the secret"):
        secrets_of(_agent("x", KEY=f"file:{tmp_path / 'key'}"))


def test_a_missing_secret_is_asked_for_again_after_a_pause_not_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = _process(tmp_path, "pass", TOKEN="env:COMES_LATER")
    with pytest.raises(NotFoundError):
        process.keep_running()
    monkeypatch.setenv("COMES_LATER", "now")
    with pytest.raises(NotFoundError):
        process.keep_running()
    process._not_before = 0.0
    process.keep_running()
    assert process.pid is not None
    process.stop()


def test_a_command_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    process = AgentProcess(_agent("/no/such/program"), _around(tmp_path), ENVIRONMENT)
    with pytest.raises(UsageError, match=r"agent clerk cannot be started: .*no/such/program"):
        process.keep_running()


def test_a_zero_byte_in_an_environment_is_a_clear_error(tmp_path: Path) -> None:
    process = AgentProcess(_agent("true"), _around(tmp_path), {**ENVIRONMENT, "X": "a\0b"})
    with pytest.raises(UsageError, match="cannot be started"):
        process.keep_running()
