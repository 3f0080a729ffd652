"""How figures about recorded runs are made: areas under the curve, nodes, alarms."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench._ranking import Scored, alarmed, auc, node_auc, run_auc
from tests.conftest import ROOT

SCORES = st.lists(st.integers(0, 5).map(float), max_size=8)


def run(risk: float, *, compromised: bool | None, attacked: bool = True) -> Scored:
    return Scored("suite", "model", attacked, compromised, risk, int(risk > 0), writes=1)


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_order_and_ties_count_half(
    positive: list[float], negative: list[float]
) -> None:
    pairs = [(above, below) for above in positive for below in negative]
    won = sum((above > below) + (above == below) / 2 for above, below in pairs)
    found = auc(positive, negative)
    assert math.isnan(found) if not pairs else math.isclose(found, won / len(pairs))


def test_runs_whose_label_does_not_say_are_left_out() -> None:
    runs = [run(0.9, compromised=True), run(0.1, compromised=False), run(1.0, compromised=None)]
    assert run_auc(runs, lambda each: each.risk) == 1.0


def test_equal_seeds_give_equal_nodes_and_more_contamination_is_seen_better() -> None:
    good = [run(risk, compromised=False) for risk in (0.0, 0.0, 0.0, 0.6)]
    runs = [*good, run(0.6, compromised=True), run(0.9, compromised=True)]
    found = [node_auc(runs, lambda each: each.risk, share=s, seed=7) for s in (0.05, 0.1, 0.2)]
    assert found == sorted(found)
    assert 0.5 < found[0] < found[2]
    assert found[1] == node_auc(runs, lambda each: each.risk, share=0.1, seed=7)


def test_only_runs_that_nobody_attacked_can_be_false_alarms() -> None:
    calm = run(0.0, compromised=False, attacked=False)
    loud = run(0.5, compromised=False, attacked=False)
    assert alarmed([calm, loud, run(0.5, compromised=False)]) == 0.5
    assert math.isnan(alarmed([run(0.5, compromised=True)]))


def _validity(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "bench" / "validity.py"), *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


def test_without_recorded_runs_the_benchmark_says_so_and_fails_nothing(tmp_path: Path) -> None:
    done = _validity("--traces", str(tmp_path / "none"), "--json")
    assert done.stdout == ""
    assert "MYTHOS_SHARED" in done.stderr


@pytest.mark.usefixtures("shared")
def test_recorded_runs_give_a_figure_and_the_trivial_score_beside_it() -> None:
    rows = {row["name"]: row for row in json.loads(_validity("--json").stdout)["rows"]}
    assert 0.5 < rows["AUC of runs, pooled, write calls"]["value"] < 1
    assert 0.5 < rows["AUC of runs, pooled, risk"]["value"] < 1
    assert 0 <= rows["benign runs alarmed, pooled"]["value"] < 1
    assert all(row["goal"] is None for row in rows.values())
