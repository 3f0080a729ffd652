"""The three promises, end to end on real processes.

(a) the resilience score moves with outcome entropy and with workflow performance;
(b) a bundle arrives byte-identical, and a changed byte is refused while the old one runs on;
(c) the strategy recommends the environment whose evidence is better, and says why.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.ring import Ring, run_of, wait_for
from tests.e2e.shop import CLEAN, UNASKED, WANDERING, write_shop


@pytest.fixture(scope="module")
def assigned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop built, signed and assigned to both environments; every test takes a copy."""
    ring = Ring(tmp_path_factory.mktemp("assigned") / "ring")
    source, layout = write_shop(ring.folder / "source"), str(ring.folder / "layout")
    built = ring.mythos("bundle", "build", str(source), "--out", layout)
    (ring.folder / "digest").write_text(built["digest"], "utf-8")
    ring.mythos("trust", "init", "--fleet", str(source / "fleet.yaml"))
    ring.mythos("trust", "sign", layout)
    for environment in ("north", "south"):
        ring.mythos(
            "rollout", "start", "--environment", environment, "--bundle", "shop@1",
            "--by", "tester", "--why", "first launch",
        )  # fmt: skip
    ring.create_admin()
    ring.stop()
    return ring.folder


@pytest.fixture
def ring(assigned: Path, tmp_path: Path) -> Iterator[Ring]:
    ring = Ring(shutil.copytree(assigned, tmp_path / "ring"))
    try:
        yield ring
    finally:
        ring.stop()


def launch(ring: Ring, *, nodes: dict[str, str]) -> None:
    """Serve, and launch the shop on these nodes."""
    ring.serve()
    for node, environment in nodes.items():
        ring.enrol(node, environment)


def parts(reading: dict[str, Any]) -> dict[str, Any]:
    return {part["name"]: part for part in reading["components"]}


def test_the_score_falls_with_entropy_and_with_conformance_and_recovers(ring: Ring) -> None:
    launch(ring, nodes={"north-1": "north"})
    client = ring.client()
    for _ in range(20):
        ring.send("north-1", run_of("seller", CLEAN))
    ring.settle("north-1", 20)
    calm = ring.reading(client, "north-1")
    assert calm["resilience"]["mid"] > 0.97

    for _ in range(12):  # too early, the guard says no, the agent obeys: only the entropy moves
        run = run_of("seller", CLEAN)
        ring.send("north-1", run[1:3])
        told = ring.decide(
            "north-1", trace_id=run[0]["traceId"], agent="seller", tool="charge",
            arguments={"cents": 500}, call_id="too-early",
        )  # fmt: skip
        assert told["decision"] == "deny"
        assert "ask-first" in told["rules"]
        ring.send("north-1", [run[0], *run[3:]])
    ring.settle("north-1", 32)
    guarded = ring.reading(client, "north-1")
    assert guarded["resilience"]["mid"] < calm["resilience"]["mid"]
    assert parts(guarded)["outcome_entropy"]["value"] > parts(calm)["outcome_entropy"]["value"]
    for untouched in ("codex_uptime_index", "ritual_execution_consistency"):
        assert parts(guarded)[untouched]["value"] == parts(calm)[untouched]["value"] == 1.0

    for _ in range(10):
        ring.send("north-1", run_of("seller", WANDERING))
    ring.settle("north-1", 42)
    wandering = ring.reading(client, "north-1")
    assert wandering["resilience"]["mid"] < guarded["resilience"]["mid"]
    assert parts(wandering)["ritual_execution_consistency"]["value"] < 1.0
    assert parts(wandering)["codex_uptime_index"]["value"] == 1.0

    for _ in range(60):
        ring.send("north-1", run_of("seller", CLEAN))
    ring.settle("north-1", 102)
    better = ring.reading(client, "north-1")
    assert better["resilience"]["mid"] > wandering["resilience"]["mid"]


def test_a_bundle_arrives_byte_identical_and_a_changed_byte_is_refused(ring: Ring) -> None:
    launch(ring, nodes={"north-1": "north"})
    first = (ring.folder / "digest").read_text("utf-8")
    tree = (ring.home("north-1") / "current").resolve()
    assert f"sha256:{tree.name}" == first == ring.status("north-1")["running"]
    layout = ring.folder / "layout" / "blobs" / "sha256"
    sent = {path.name for path in layout.iterdir()}
    arrived = {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in tree.rglob("*") if path.is_file()
    }
    assert arrived == sent
    assert len(list((tree / "policies").iterdir())) == 2

    source = write_shop(ring.folder / "second", version=2)
    (source / "memory/seller/prices.md").write_text("A thing costs 7.00.\n", "utf-8")
    second = ring.mythos("bundle", "build", str(source), "--out", str(ring.folder / "layout2"))
    ring.mythos("trust", "sign", str(ring.folder / "layout2"))
    site = ring.folder / "control" / "site" / "blobs" / "sha256"
    [fresh] = {path.name for path in (ring.folder / "layout2" / "blobs" / "sha256").iterdir()} - (
        sent | {second["digest"].removeprefix("sha256:")} | config_of(ring.folder / "layout2")
    )
    (site / fresh).write_bytes(b"A thing costs 9.00.\n")
    ring.mythos(
        "rollout", "start", "--environment", "north", "--bundle", "shop@2",
        "--by", "tester", "--why", "new prices",
    )  # fmt: skip
    wait_for(lambda: fresh[:12] in ring.status("north-1")["problem"], "the change is refused")
    assert ring.status("north-1")["running"] == first
    assert ring.status("north-1")["assigned"] == second["digest"]


def config_of(layout: Path) -> set[str]:
    import json

    index = json.loads((layout / "index.json").read_text("utf-8"))
    digest = index["manifests"][0]["digest"].removeprefix("sha256:")
    manifest = json.loads((layout / "blobs" / "sha256" / digest).read_text("utf-8"))
    return {manifest["config"]["digest"].removeprefix("sha256:")}


@pytest.mark.parametrize(("good", "bad"), [("north", "south"), ("south", "north")])
def test_the_environment_with_better_evidence_is_recommended(
    ring: Ring, good: str, bad: str
) -> None:
    launch(ring, nodes={"north-1": "north", "south-1": "south"})
    for _ in range(40):
        ring.send(f"{good}-1", run_of("seller", CLEAN))
        ring.send(f"{bad}-1", run_of("seller", UNASKED))
    ring.settle(f"{good}-1", 40)
    ring.settle(f"{bad}-1", 40)
    advice = strategy(ring.client(), runs=40)
    first, second = advice["environments"][:2]
    assert first["target_environment"] == good
    assert first["symbolic_alignment_score"] > second["symbolic_alignment_score"]
    assert first["verdict"] == "yes"
    assert second["verdict"] == "no"
    text = second["codex_coherence_recommendation"]
    assert "shop-rules" in text
    assert "40 of 40" in text
    assert bad in text


def strategy(client: httpx.Client, *, runs: int) -> dict[str, Any]:
    """The newest recommendation, once it has seen every run."""

    def seen() -> bool:
        answer = client.get("/api/v1/strategy")
        if not answer.is_success:
            return False
        told.update(answer.json())
        own = [
            posterior["own_runs"]
            for environment in told["environments"]
            for cell in environment["cells"]
            for posterior in cell["posteriors"]
        ]
        return len(own) > 0 and min(own) >= runs

    told: dict[str, Any] = {}
    wait_for(seen, "the recommendation has seen every run")
    return told
