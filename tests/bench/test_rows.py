"""The row writer: what a benchmark prints, and when it fails."""

from __future__ import annotations

import json
import math
import re
import time

import pytest

from bench.rows import Row, as_json, as_table, cpu_seconds, report

PLAIN = Row("rebuild", 1234.5678, "entries/CPU-s")
HELD = Row("audit", 9.0, "s", against="bare SHA-256", ratio=0.9, goal=">= 0.8")


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("r", 1, "s"), "report only"),
        (Row("r", 1, "s", ratio=40, goal=">= 40"), "met"),
        (Row("r", 99, "s", ratio=39.9, goal=">= 40"), "missed"),
        (Row("r", 0.5, "%", goal="<= 0.5"), "met"),
        (Row("r", 0.51, "%", goal="<= 0.5"), "missed"),
        (Row("r", 0, "spans", goal="== 0"), "met"),
        (Row("r", 1, "spans", goal="== 0"), "missed"),
        (Row("r", math.nan, "s", goal=">= 0"), "missed"),
    ],
)
def test_a_goal_is_held_against_the_ratio_and_else_the_value(row: Row, verdict: str) -> None:
    assert row.verdict == verdict


@pytest.mark.parametrize("goal", ["", "40", "> 40", ">=40", ">= fast", ">= 40 s"])
def test_a_goal_that_cannot_be_checked_is_refused(goal: str) -> None:
    with pytest.raises(ValueError, match="is not like '>= 40'"):
        Row("r", 1, "s", goal=goal)


def test_json_is_one_line_with_the_agreed_keys() -> None:
    line = as_json("memory", [PLAIN, HELD], on="2026-01-02")
    assert "\n" not in line
    printed = json.loads(line)
    assert (printed["bench"], printed["date"]) == ("memory", "2026-01-02")
    assert [list(row) for row in printed["rows"]] == [
        ["name", "value", "unit", "against", "ratio", "goal"]
    ] * 2
    assert printed["rows"][1] == {
        "name": "audit",
        "value": 9.0,
        "unit": "s",
        "against": "bare SHA-256",
        "ratio": 0.9,
        "goal": ">= 0.8",
    }


def test_a_table_is_aligned_markdown_that_says_met_or_missed() -> None:
    title, _, *table = as_table("memory", [PLAIN, HELD], on="2026-01-02").splitlines()
    assert title == "memory, 2026-01-02"
    assert len({len(line) for line in table}) == 1
    assert re.search(r"^\| rebuild +\| 1,235 +\|.*\| report only \|$", table[2])
    assert re.search(r"^\| audit +\| 9 +\| s +\| 0\.9 +\|.*\| >= 0\.8 \| met +\|$", table[3])


def test_only_a_missed_goal_is_a_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report("memory", [PLAIN, HELD], []) == 0
    assert report("memory", [PLAIN, Row("audit", 1, "s", goal="<= 0.5")], ["--json"]) == 1
    table, line = capsys.readouterr().out.rstrip().rsplit("\n", 1)
    assert table.startswith("memory, ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", json.loads(line)["date"])


def test_seconds_are_of_work_not_of_waiting() -> None:
    assert cpu_seconds(lambda: time.sleep(0.05)) < 0.04


def test_the_best_of_several_calls_counts() -> None:
    calls: list[int] = []

    def work() -> None:
        calls.append(0)
        if len(calls) < 3:
            sum(range(300_000))

    first = cpu_seconds(lambda: sum(range(300_000)), best_of=1)
    assert cpu_seconds(work, best_of=3) < first
    assert len(calls) == 3
