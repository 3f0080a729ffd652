"""`mythos workflow align`: runs known only as an interval, and what it refuses or tells."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.cli.workflow_tally import Tally
from mythos.engines.conformance import frontier
from mythos.engines.conformance.alignment import Alignment
from tests.cli.policy_command import written
from tests.cli.test_workflow import archive, shop, shopping, variants, workflow


def _hard() -> tuple[str, list[str], list[str]]:
    """A workflow too parallel to search, a trace that fits and one that does not."""
    pick = random.Random(2)
    branches = [[pick.choice("abcdef") for _ in range(6)] for _ in range(12)]
    steps = {"and": [{"seq": [{"act": label} for label in branch]} for branch in branches]}
    text = json.dumps({"schema": "mythos.ritual/1", "name": "hard", "steps": steps})
    return text, [*chain(*branches)], [pick.choice("abcdef") for _ in range(72)]


def test_runs_known_only_as_an_interval_open_no_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontier, "_MAX_WORK", 10**6)  # a tenth: as inexact, and sooner
    text, fitting, straying = _hard()
    file = written(tmp_path / "hard.json", text)
    runs = variants(tmp_path / "v.json", (fitting, 5), (straying, 995))
    asked = ("align", file, "--variants", runs, "--fail-under", "0.9")
    said = workflow(*asked, "--json")
    fits, strays = said.json["variants"]
    assert said.code == 1
    assert (said.json["inexact"], said.json["fitting"], said.json["consistency"]) == (995, 0.005, 1)
    assert said.json["consistency_at_least"] == pytest.approx((5 + 995 * strays["fitness"]) / 1_000)
    assert (fits["exact"], strays["exact"], "lower" in fits) == (True, False, False)
    assert 0 < strays["lower"] < strays["cost"]
    told = workflow(*asked, "--worst", "0")
    assert told.code == 1
    note, summary = told.out.splitlines()
    assert f"{said.json['consistency_at_least']:.3f}, which --fail-under compares" in note
    assert "5 fit (0%), 995 known only as an interval" in summary


@st.composite
def _found(draw: st.DrawFn) -> Alignment:
    lower, more, spare = (draw(st.integers(0, 5)) for _ in range(3))
    cost, worst = lower + more, lower + more + spare
    fitness = 1 - cost / worst if worst else 1.0
    return Alignment(cost, not more, lower, cost, fitness, worst, ())


@given(st.lists(_found(), max_size=12), st.floats(0, 1))
def test_a_gate_that_opens_would_open_at_any_cost_in_the_intervals(
    found: list[Alignment], bound: float
) -> None:
    tally = sum(map(Tally.of, found), start=Tally())
    upper, worst = sum(one.upper for one in found), sum(one.denominator for one in found)
    if tally.reaches(bound):
        assert tally.followed.counted >= 5
        assert 1 - upper / worst >= bound if worst else True
    known = [one for one in found if one.exact or one.lower]
    fitting = sum(one.upper == 0 for one in known)
    assert tally.fitting_share == (fitting / len(known) if known else None)


def test_a_bound_that_is_no_number_is_refused(tmp_path: Path) -> None:
    file = variants(tmp_path / "v.json", (["search", "buy"], 5))
    said = workflow("align", shop(tmp_path), "--variants", file, "--fail-under", "nan")
    assert (said.code, "→" in said.err) == (2, True)


def test_a_name_that_no_run_carries_is_told(tmp_path: Path) -> None:
    traces = archive(tmp_path, [shopping(0, "search", "buy")])
    asked = ("align", shop(tmp_path), "--traces", traces, "--agent-name", "shopper")
    assert "note:" not in workflow(*asked).out
    assert "the name zz\n" in workflow(*asked, "--agent-name", "zz").out


def test_a_variant_that_no_run_had_is_not_drawn(tmp_path: Path) -> None:
    file = variants(tmp_path / "v.json", (["search"], 0), (["buy"], 1))
    said = workflow("align", shop(tmp_path), "--variants", file)
    assert ("variants/0" in said.out, "variants/1" in said.out) == (False, True)


def test_a_count_past_the_limit_names_it(tmp_path: Path) -> None:
    file = variants(tmp_path / "v.json", (["search"], 2**53 + 1))
    said = workflow("align", shop(tmp_path), "--variants", file)
    assert (said.code, str(2**53) in said.err) == (1, True)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_variants_are_read_from_a_pipe(tmp_path: Path, pack: type[bytes]) -> None:
    body = variants(tmp_path / "v.json", (["search", "buy"], 5)).read_bytes()
    command = ("-m", "mythos", "workflow", "align", str(shop(tmp_path)))
    done = subprocess.run(
        [sys.executable, *command, "--variants", "/dev/stdin", "--json"],
        input=pack(body),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["runs"] == 5
