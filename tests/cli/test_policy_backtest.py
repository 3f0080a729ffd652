"""`mythos policy backtest`: recorded calls that a new version decides otherwise, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.policy_command import CARE, CARE_RULES, REFUNDS, TOOLS, Said, policy, written
from tests.cli.retail_traces import run, write

RUNS = [*(run(number) for number in range(4)), run(4, node="till-2", asks=False)]
STRICT = """\

  @id("no-cancel")
  @explain("Nothing is cancelled any more.")
  forbid (principal, action == Action::"cancel_order", resource);
"""


@pytest.fixture
def traces(tmp_path: Path) -> Path:
    return write(tmp_path / "t.jsonl.gz", RUNS)


def version(folder: Path, text: str) -> Path:
    return written(folder / "new.yaml", text.replace("version: 1", "version: 2"))


def backtest(new: Path, traces: Path, *more: str | Path, old: Path = CARE) -> Said:
    return policy("backtest", old, new, "--traces", traces, "--tools", TOOLS, *more)


def test_a_version_that_decides_nothing_otherwise_ends_in_0(tmp_path: Path, traces: Path) -> None:
    said = backtest(version(tmp_path, CARE_RULES), traces, "--json")
    assert said.code == 0
    assert (said.json["runs"], said.json["calls"], said.json["unchanged"]) == (5, 19, 19)
    assert said.json["now_blocked"] == said.json["now_allowed"] == said.json["other_changes"] == []


def test_calls_that_would_be_blocked_are_shown_with_rules_of_both_sides(
    tmp_path: Path, traces: Path
) -> None:
    said = backtest(version(tmp_path, CARE_RULES + STRICT), traces, "--json")
    assert (said.code, said.json["unchanged"], said.json["now_allowed"]) == (1, 15, [])
    first, *_ = said.json["now_blocked"]
    assert len(said.json["now_blocked"]) == 4  # the fifth was denied before, too
    assert (first["trace_id"], first["span_id"]) == (f"{1:032x}", f"{6:016x}")
    assert (first["agent"], first["tool"], first["at"]) == (
        "orders",
        "cancel_order",
        "2026-01-01T00:00:09Z",
    )
    assert first["arguments"] == {"order_id": "W1", "reason": "no longer needed"}
    assert (first["was"]["decision"], first["was"]["rules"]) == ("allow", ["confirmed-write"])
    assert (first["now"]["decision"], first["now"]["rules"]) == ("deny", ["no-cancel"])
    assert said.json["counts"]["now_blocked"] == {
        "calls": 4,
        "rules": {"care-rules/no-cancel": 4},
        "agents": {"orders": 4},
    }


def test_calls_that_would_be_allowed_are_shown(tmp_path: Path, traces: Path) -> None:
    loose = CARE_RULES.replace("context.past.identified && context.past.confirmed", "true")
    loose = loose.replace("unless { context.past.confirmed }", "when { false }")
    said = backtest(version(tmp_path, loose), traces, "--json")
    assert said.code == 1
    [allowed] = said.json["now_allowed"]
    assert (allowed["trace_id"], allowed["now"]["rules"]) == (f"{5:032x}", ["confirmed-write"])
    assert said.json["counts"]["now_allowed"]["rules"] == {"care-rules/explicit-yes": 1}


def test_a_call_that_becomes_undecidable_is_neither(tmp_path: Path) -> None:
    silent = [[span for span in run(0, asks=False) if span.name != "span 2"]]
    traces = write(tmp_path / "t.jsonl", silent)
    lax = CARE_RULES.replace("context.past.identified && context.past.confirmed", "true")
    lax = lax.replace("unless { context.past.confirmed }", "when { false }")
    old = written(tmp_path / "old.yaml", lax)
    said = backtest(CARE, traces, "--json", old=old)
    assert (said.code, said.json["now_blocked"], said.json["now_allowed"]) == (1, [], [])
    [other] = said.json["other_changes"]
    assert (other["was"]["decision"], other["now"]["decision"]) == ("allow", "undecidable")


def test_sets_in_force_beside_both_decide_too(tmp_path: Path, traces: Path) -> None:
    """What another set forbids anyway is blocked before and after."""
    other = written(
        tmp_path / "freeze.yaml",
        "policy_set: freeze\nversion: 1\ncovers: {tools: retail-care}\nrules: |\n"
        '  @id("freeze") forbid(principal, action == Action::"cancel_order", resource);\n',
    )
    new = version(tmp_path, CARE_RULES + STRICT)
    said = backtest(new, traces, "--others", other, "--others", REFUNDS, "--json")
    assert (said.code, said.json["unchanged"]) == (0, 19)


def test_people_see_twenty_calls_the_counts_and_the_rule(tmp_path: Path) -> None:
    traces = write(tmp_path / "t.jsonl", [run(number) for number in range(25)])
    new = version(tmp_path, CARE_RULES + STRICT)
    said = backtest(new, traces)
    assert said.out.count("✔ allow → ✖ deny  cancel_order(") == 20
    assert "and 5 more; --all shows them" in said.out
    assert "now blocked: 25" in said.out
    assert "by rule   care-rules/no-cancel 25" in said.out
    assert said.out.count('│ @id("no-cancel")') == 1
    assert f"rule     {new}:" in said.out
    assert said.out.splitlines()[-1] == (
        "100 calls in 25 runs: 25 now blocked, 0 now allowed, 0 otherwise changed, 75 unchanged"
    )
    everything = backtest(new, traces, "--all", "--json").json
    assert len(everything["now_blocked"]) == 25


def test_runs_whose_tools_nobody_declares_are_noted(tmp_path: Path) -> None:
    strange = {"gen_ai.tool.name": "launch", "gen_ai.operation.name": "execute_tool"}
    spans = [
        replace(span, resource={"service.name": "elsewhere"}, attributes=attributes)
        for span in run(0)
        for attributes in [strange if span.name == "span 3" else span.attributes]
    ]
    said = backtest(CARE, write(tmp_path / "t.jsonl", [spans]), "--json")
    assert said.json["notes"] == ["no tool catalogue given fits 1 of the runs"]
    assert (said.json["runs"], said.json["calls"]) == (1, 0)


def test_traces_that_cannot_be_read_are_refused_with_their_line(tmp_path: Path) -> None:
    traces = written(tmp_path / "t.jsonl", '{"resourceSpans": 7}\n')
    said = backtest(CARE, traces, "--json")
    assert (said.code, said.json["error"]["where"]) == (1, f"{traces}:1")


@pytest.mark.parametrize("text", ["", '{"user": "hi"}\n{"tool": "get_order"}\n'])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, text: str) -> None:
    traces = written(tmp_path / "t.jsonl", text)
    said = backtest(version(tmp_path, CARE_RULES + STRICT), traces, "--json")
    assert (said.code, said.json["error"]["type"]) == (1, "TelemetryError")
    assert said.json["error"]["remedy"]


def test_runs_without_a_call_say_that_nothing_is_known(tmp_path: Path) -> None:
    silent = [span for span in run(0) if "gen_ai.tool.name" not in span.attributes]
    traces = write(tmp_path / "t.jsonl", [silent])
    said = backtest(version(tmp_path, CARE_RULES + STRICT), traces, "--json")
    assert (said.code, said.json["calls"]) == (1, 0)
    assert "nothing is known of the change" in said.json["notes"][0]
