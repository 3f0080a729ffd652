"""`mythos audit --baseline`: an archive of good runs, and what another does differently."""

from __future__ import annotations

from pathlib import Path

from mythos.values.event import Span
from tests.cli.retail_traces import JUDGED_BY, run, write
from tests.cli.test_audit import audit
from tests.engines.telemetry.making import Loose

GOOD = [run(number) for number in range(30)]


def later(n: int, *, hasty: int, node: str = "till-1") -> list[list[Span]]:
    return [run(100 + number, node=node, asks=number >= hasty) for number in range(n)]


def drift_flags(node: Loose) -> list[Loose]:
    return [flag for flag in node["flags"] if flag["code"] == "WORKFLOW_DRIFT"]


def test_runs_that_do_as_the_baseline_did_are_no_drift(tmp_path: Path) -> None:
    traces, good = write(tmp_path / "t", later(30, hasty=0)), write(tmp_path / "good", GOOD)
    said = audit(*JUDGED_BY, "--traces", traces, "--baseline", good, "--json")
    assert said.code == 0
    [node] = said.json["nodes"]
    drift = next(part for part in node["components"] if part["name"] == "drift")
    assert (drift["applies"], drift["value"]) == (True, 0.0)
    assert node["drift"][0]["n_since"] == 30


def test_runs_that_changed_are_flagged_with_what_they_do_now(tmp_path: Path) -> None:
    traces, good = write(tmp_path / "t", later(30, hasty=15)), write(tmp_path / "good", GOOD)
    said = audit(*JUDGED_BY, "--traces", traces, "--baseline", good, "--json")
    [node] = said.json["nodes"]
    [flag] = drift_flags(node)
    assert "in 0% of runs, now 50%" in flag["suggested_action"]
    assert flag["evidence"][0] == {"kind": "baseline", "ref": "--baseline", "digest": ""}
    mild = audit(*JUDGED_BY[2:], "--traces", traces, "--baseline", good)  # no rule asks for a yes
    assert "Worst finding: WORKFLOW_DRIFT" in mild.out


def test_the_false_discovery_rate_is_over_all_nodes(tmp_path: Path) -> None:
    two = [*later(30, hasty=15), *(run(300 + n, node="till-2") for n in range(30))]
    traces, good = write(tmp_path / "t", two), write(tmp_path / "good", GOOD)
    said = audit(*JUDGED_BY, "--traces", traces, "--baseline", good, "--json")
    by_name = {node["node_id"]: node for node in said.json["nodes"]}
    tables = by_name["till-1"]["drift"][0]["tables"]
    assert all(table["q"] >= table["p"] * 6 / 3 - 1e-12 for table in tables)
    assert drift_flags(by_name["till-1"])
    assert not drift_flags(by_name["till-2"])


def test_nineteen_runs_are_no_baseline(tmp_path: Path) -> None:
    traces, few = write(tmp_path / "t", later(5, hasty=0)), write(tmp_path / "few", GOOD[:19])
    said = audit(*JUDGED_BY, "--traces", traces, "--baseline", few)
    assert said.code == 2
    assert "at most 19 finished runs" in said.err
    assert "at least 20 runs" in said.err
