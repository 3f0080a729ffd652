"""The demo tells its story with real agents, ends what it started, and its spans can be audited."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.ring import free_port, wait_for

pytest.importorskip("pydantic_ai", reason="the demo's agents need the extra `demo`")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "retail-care"
STORY = {"MEMORY_ALTERED", "POLICY_VIOLATION", "WORKFLOW_NONCONFORMANT"}


def mythos(*words: str, ok: int = 0, timeout: int = 240) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "mythos", *words, "--json"],
        env={key: value for key, value in os.environ.items() if not key.startswith("MYTHOS_")},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == ok, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_the_demo_shows_one_node_going_wrong_and_the_audit_agrees(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    told = mythos("demo", "--once", "--keep", str(kept), "--port", str(free_port()))
    assert {key: told["bundle"][key] for key in ("agents", "policy_sets", "workflows")} == {
        "agents": ["orders", "refunds", "triage"],
        "policy_sets": ["care-rules", "refund-rules"],
        "workflows": ["cancel-order", "return-order"],
    }
    nodes = {node["node_id"]: node for node in told["nodes"]}
    assert {node["running_digest"] for node in nodes.values()} == {told["bundle"]["digest"]}
    assert nodes["cloud-us-1"]["state"] == "CRITICAL"
    assert set(nodes["cloud-us-1"]["flags"]) >= STORY
    others = {name: node["state"] for name, node in nodes.items() if name != "cloud-us-1"}
    assert set(others.values()) == {"HEALTHY"}, others
    ranked = [one["target_environment"] for one in told["strategy"]]
    assert ranked.index("cloud-eu") < ranked.index("cloud-us")
    left = subprocess.run(["pgrep", "-f", str(kept)], capture_output=True, text=True, check=False)
    assert not left.stdout

    audited = mythos(
        "audit",
        *(word for name in ("care-rules", "refund-rules")
          for word in ("--policy", str(EXAMPLE / "policies" / f"{name}.yaml"))),
        *(word for name in ("return-order", "cancel-order")
          for word in ("--workflow", str(EXAMPLE / "workflows" / f"{name}.yaml"))),
        "--tools", str(EXAMPLE / "tools" / "retail-care.json"),
        "--traces", str(kept / "spans.otlp.jsonl"),
        ok=1,
    )  # fmt: skip
    assert sum(node["runs"] for node in audited["nodes"]) == told["runs"]
    assert audited["spans"] == told["spans_received"]
    broken = {node["node_id"] for node in audited["nodes"] if node["outcomes"]["violated"]}
    assert broken == {"cloud-us-1"}


def test_an_unknown_fault_environment_is_refused_before_anything_starts(tmp_path: Path) -> None:
    words = ["--fault-env", "mars", "--keep", str(tmp_path / "kept"), "--port", str(free_port())]
    told = mythos("demo", "--once", *words, ok=2)
    assert "cloud-eu" in told["error"]["remedy"]


def test_given_the_server_is_killed_midway_then_the_mirrored_story_ends_the_same(
    tmp_path: Path,
) -> None:
    port = free_port()
    words = ["--once", "--fault-env", "cloud-eu", "--keep", str(tmp_path), "--port", str(port)]
    with started("demo", "--json", *words) as demo:
        progress = tmp_path / "nodes" / "lab-enclave-1" / "work" / "refunds" / "progress.json"
        # Four nodes and twelve agents come before that agent: half a minute, much more under load.
        wait_for(progress.exists, "the last node's agents work", patience_s=180)
        serving = subprocess.run(
            ["pgrep", "-f", f"serve --host 127.0.0.1 --port {port}"],
            capture_output=True,
            text=True,
            check=True,
        )
        for pid in serving.stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        told, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0, told
    result = json.loads(told)
    states = {node["node_id"]: node["state"] for node in result["nodes"]}
    assert states.pop("cloud-eu-1") == "CRITICAL"
    assert set(states.values()) == {"HEALTHY"}, states
    ranked = [one["target_environment"] for one in result["strategy"]]
    assert ranked.index("cloud-us") < ranked.index("cloud-eu")
    counted = counted_runs(tmp_path / "control" / "mythos.sqlite3")
    assert counted == result["runs"]


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process of its own, which ends with the test whatever happens."""
    with subprocess.Popen(
        [sys.executable, "-m", "mythos", *words],
        env={key: value for key, value in os.environ.items() if not key.startswith("MYTHOS_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def counted_runs(database: Path) -> int:
    """Runs in the control plane's evidence: each judged run has one row entry of one set."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT subject, body FROM resilience_evidencerow WHERE kind = 'policy'"
        ).fetchall()
    finally:
        connection.close()
    runs: dict[str, int] = {}
    for subject, body in rows:
        counts = json.loads(body)["runs"]
        runs[subject] = runs.get(subject, 0) + sum(counts.values())
    assert len(set(runs.values())) == 1, runs
    return next(iter(runs.values()))
