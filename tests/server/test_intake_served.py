"""Intake over real sockets: many nodes at once, one envelope at once, two processes at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from mythos.errors import ConflictError, EvidenceError, IdentityError
from mythos.node.control_plane import ControlPlane
from mythos.node.enrolment import enrol_online
from mythos.node.home import NodeHome
from mythos.node.report_file import export_report
from tests.e2e.plane import Plane, Speaker

NODES = [f"lab-{number}" for number in range(1, 7)]
EACH = 20


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("plane"))
    yield made
    made.kill()


@pytest.fixture(scope="module")
def speakers(plane: Plane) -> Iterator[dict[str, Speaker]]:
    codes = plane.codes([*NODES, "late"])
    plane.serve()
    home = NodeHome(plane.folder / "thief")
    with pytest.raises(IdentityError, match="does not open the door"):
        enrol_online(home, server=plane.url, node="thief", code=codes["lab-1"])
    made = {
        node: Speaker.enrolled(plane.folder, server=plane.url, node=node, code=codes[node])
        for node in NODES
    }
    yield made
    for speaker in made.values():
        speaker.close()


def test_a_code_is_spent_and_a_node_id_is_taken(
    plane: Plane, speakers: dict[str, Speaker], tmp_path: Path
) -> None:
    with pytest.raises((IdentityError, ConflictError)):
        enrol_online(NodeHome(tmp_path), server=plane.url, node="lab-1", code="spent")


def test_many_nodes_at_once_are_counted_exactly(plane: Plane, speakers: dict[str, Speaker]) -> None:
    before = plane.counted()

    def stream(speaker: Speaker) -> int:
        for n in range(1, EACH + 1):
            speaker.client.send_evidence(speaker.seal(n).body)
        return sum(range(1, EACH + 1))

    with ThreadPoolExecutor(len(NODES)) as pool:
        sent = list(pool.map(stream, speakers.values()))
    assert plane.counted() == {
        node: before.get(node, 0) + n for node, n in zip(NODES, sent, strict=True)
    }
    assert "locked" not in plane.log()


def test_one_envelope_sent_by_many_at_once_is_counted_once(
    plane: Plane, speakers: dict[str, Speaker]
) -> None:
    speaker = speakers["lab-2"]
    before = plane.counted().get("lab-2", 0)
    body = speaker.seal(5).body

    def post(_: int) -> str:
        with httpx.Client(trust_env=False) as client:
            answer = client.post(f"{plane.url}/api/v1/evidence", content=body, timeout=20)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["status"])

    with ThreadPoolExecutor(12) as pool:
        told = sorted(pool.map(post, range(12)))
    assert told == ["already counted"] * 11 + ["counted"]
    assert plane.counted()["lab-2"] == before + 5


def test_a_report_is_imported_by_another_process_while_nodes_send(
    plane: Plane, speakers: dict[str, Speaker], tmp_path: Path
) -> None:
    carried, sender = speakers["lab-3"], speakers["lab-4"]
    before = plane.counted()
    for _ in range(15):
        carried.seal(2)
    export_report(carried.store, tmp_path / "report.jsonl")
    importing = subprocess.Popen(
        [sys.executable, "-m", "mythos", "node", "import", str(tmp_path / "report.jsonl")],
        env=plane.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    n_sent = 0
    while importing.poll() is None:
        sender.client.send_evidence(sender.seal(1).body)
        n_sent += 1
    said, complained = importing.communicate()
    assert importing.returncode == 0, said + complained
    after = plane.counted()
    assert after["lab-3"] - before.get("lab-3", 0) == 30
    assert after["lab-4"] - before.get("lab-4", 0) == n_sent
    assert n_sent > 3
    assert carried.reporter.deliver(carried.client) > 0
    assert plane.counted()["lab-3"] == after["lab-3"], "what came by file and by wire counts once"


def test_a_report_with_a_line_that_is_refused_still_counts_the_others(
    plane: Plane, speakers: dict[str, Speaker], tmp_path: Path
) -> None:
    speaker = speakers["lab-5"]
    before = plane.counted().get("lab-5", 0)
    good = [speaker.seal(1).body for _ in range(3)]
    forged = good[1].replace(b'"sig":"', b'"sig":"AAAA', 1)
    report = tmp_path / "report.jsonl"
    report.write_bytes(b"\n".join((good[0], forged, b"{}", good[2])) + b"\n")
    done = subprocess.run(
        [sys.executable, "-m", "mythos", "node", "import", str(report), "--json"],
        env=plane.environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert '"counted": 2' in done.stdout
    assert '"line": 2' in done.stdout
    assert '"line": 3' in done.stdout
    assert plane.counted()["lab-5"] == before + 2


def test_a_body_beyond_every_bound_is_refused_without_harm(plane: Plane) -> None:
    client = ControlPlane(plane.url)
    try:
        with pytest.raises(EvidenceError, match="larger than"):
            client.send_evidence(b"{" + b" " * (17 * 2**20) + b"}")
    finally:
        client.close()
    assert httpx.get(f"{plane.url}/healthz", trust_env=False).is_success
