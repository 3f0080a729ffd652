"""Workflows for the recorded customer-service runs, written from what their policies ask for."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path

import pytest

from tests.cli.test_workflow import workflow

WORKFLOWS = Path(__file__).parent / "recorded_workflows"


@pytest.mark.parametrize(("desk", "fitting"), [("retail", 139), ("airline", 149)])
def test_recorded_runs_are_aligned_and_most_of_them_fit(
    shared: Path, desk: str, fitting: int
) -> None:
    said = workflow(
        *("align", WORKFLOWS / f"{desk}.yaml", "--json"),
        *("--traces", shared / "data/agents/traces.otlp.jsonl.gz", "--agent-name", f"{desk}-agent"),
    ).json
    assert (said["runs"], said["inexact"], said["archived"]) == (150, 0, 525)
    assert round(said["fitting"] * 150) == fitting
    assert 0.98 < said["consistency"] < 1
    assert all(one["cost"] for one in said["worst"])


@pytest.mark.parametrize("desk", ["retail", "airline"])
def test_every_step_is_a_tool_of_its_desk(shared: Path, desk: str) -> None:
    tools = shared / f"data/agents/domains/tau_{desk}.json"
    said = workflow("check", WORKFLOWS / f"{desk}.yaml", "--tools", tools, "--json").json
    assert (said["ok"], said["warnings"]) == (True, [])


def test_following_a_workflow_says_nothing_of_success(shared: Path) -> None:
    labels = map(json.loads, (shared / "data/agents/labels.jsonl").read_text().splitlines())
    rewards = {each["trace_id"]: each.get("reward") for each in labels}
    strayed = defaultdict[bool, int](int)
    for desk in ("retail", "airline"):
        said = workflow(
            *("align", WORKFLOWS / f"{desk}.yaml", "--json", "--worst", "150"),
            *("--traces", shared / "data/agents/traces.otlp.jsonl.gz"),
            *("--agent-name", f"{desk}-agent"),
        ).json
        for one in said["worst"]:
            strayed[rewards[one["trace_id"]] >= 1] += 1 + one["alike"]
    succeeded = sum(reward is not None and reward >= 1 for reward in rewards.values())
    assert strayed[True] / succeeded == pytest.approx(strayed[False] / (300 - succeeded), abs=0.05)


def test_variants_of_a_real_log_cost_what_the_oracle_says(shared: Path, tmp_path: Path) -> None:
    log = shared / "data/conformance/helpdesk-n0.2.json.gz"
    known = json.loads(gzip.decompress(log.read_bytes()))
    steps = {"schema": "mythos.ritual/1", "name": "helpdesk", "steps": known["tree"]}
    file = tmp_path / "helpdesk.json"
    file.write_text(json.dumps(steps))
    said = workflow("align", file, "--variants", log, "--json").json
    assert [one["cost"] for one in said["variants"]] == [one["cost"] for one in known["variants"]]
    assert said["runs"] == sum(one["count"] for one in known["variants"])
