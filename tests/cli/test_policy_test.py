"""`mythos policy test`: promises tried, told like a test runner tells them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.policy_command import CARE_RULES, TOOLS, Said, policy, written

WRITE = "tool: cancel_order, arguments: {order_id: W1, reason: no longer needed}"
YES = "{identified: true, confirmed: true}"
KEPT = f"{{name: a yes, request: {{{WRITE}, past: {YES}}}, decision: allow}}"
ALSO = f"{{name: no yes, request: {{{WRITE}}}, decision: deny}}"
BROKEN = f"{{name: bold, request: {{{WRITE}, past: {{identified: true}}}}, decision: allow}}"
PROPERTY = (
    "{name: never unasked, never: allow, when: '!context.past.confirmed', actions: cancel_order}"
)


def run_tests(folder: Path, *entries: str, human: bool = False, more: str = "") -> Said:
    listed = "".join(f"  - {entry}\n" for entry in entries)
    file = written(folder / "care.yaml", f"{CARE_RULES}{more}\nexpect:\n{listed}")
    return policy("test", file, "--tools", TOOLS, *([] if human else ["--json"]))


def test_kept_promises_end_in_0(tmp_path: Path) -> None:
    said = run_tests(tmp_path, KEPT, ALSO)
    assert (said.code, said.json["passed"], said.json["failed"]) == (0, 2, 0)
    kept, also = said.json["results"]
    assert (kept["name"], kept["status"], kept["expected"], kept["got"]) == (
        "a yes",
        "passed",
        "allow",
        "allow",
    )
    assert (also["got"], also["rules"]) == ("deny", ["explicit-yes"])


def test_a_broken_promise_ends_in_1_with_its_line_and_the_rule(tmp_path: Path) -> None:
    said = run_tests(tmp_path, KEPT, BROKEN)
    [_, broken] = said.json["results"]
    line = len(CARE_RULES.splitlines()) + 4
    assert (said.code, said.json["failed"]) == (1, 1)
    assert (broken["status"], broken["line"], broken["got"]) == ("failed", line, "deny")
    shown = run_tests(tmp_path, KEPT, BROKEN, human=True).out
    assert "  ✔ a yes\n  ✖ bold\n    expected allow, got deny by explicit-yes\n" in shown
    assert f"{line:>5} │   - {{name: bold" in shown
    assert '   26 │ @id("explicit-yes")' in shown
    assert shown.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_a_set_that_promises_nothing_says_so(tmp_path: Path) -> None:
    said = policy("test", written(tmp_path / "p.yaml", CARE_RULES), "--tools", TOOLS)
    assert (said.code, "has an `expect` entry" in said.out) == (0, True)


def test_an_entry_that_names_no_tool_is_refused_before_any_is_tried(tmp_path: Path) -> None:
    said = run_tests(tmp_path, KEPT, "{name: x, request: {tool: launch}, decision: deny}")
    assert said.code == 1
    assert "launch" in said.json["error"]["message"]


def test_a_property_is_proved_for_every_call(tmp_path: Path) -> None:
    pytest.importorskip("z3")
    said = run_tests(tmp_path, PROPERTY)
    [result] = said.json["results"]
    assert (said.code, result["status"], result["expected"]) == (0, "passed", "never allow")
    assert result["why"] == "proved for every call"


def test_a_property_that_does_not_hold_fails_with_a_call_that_can_be_kept(tmp_path: Path) -> None:
    pytest.importorskip("z3")
    broken = "{name: wrong, always: allow, when: context.past.confirmed, actions: cancel_order}"
    said = run_tests(tmp_path, broken)
    [result] = said.json["results"]
    assert (said.code, result["status"], result["got"]) == (1, "failed", "deny")
    assert (result["call"]["tool"], result["call"]["past"]["identified"]) == ("cancel_order", False)
    assert result["call"]["sinks"] == {}
    kept = f"{{name: kept, request: {json.dumps(result['call'])}, decision: deny}}"
    assert run_tests(tmp_path, kept).code == 0
    assert "by the call {" in run_tests(tmp_path, broken, human=True).out


def test_a_call_that_hangs_on_signals_of_the_run_can_be_kept_too(tmp_path: Path) -> None:
    pytest.importorskip("z3")
    more = '\n  @id("calm") forbid (principal, action, resource) when { context.run.untrusted };'
    when = "context.past.confirmed && context.past.identified"
    broken = f"{{name: wrong, always: allow, when: {when}, actions: cancel_order}}"
    [result] = run_tests(tmp_path, broken, more=more).json["results"]
    assert (result["status"], result["call"]["run"]["untrusted"]) == ("failed", True)
    shown = run_tests(tmp_path, broken, more=more, human=True).out
    assert '"run": {"untrusted": true}' in shown
    kept = f"{{name: kept, request: {json.dumps(result['call'])}, decision: deny}}"
    assert run_tests(tmp_path, kept, more=more).code == 0


def test_without_the_solver_a_property_is_never_taken_for_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)
    [result] = run_tests(tmp_path, PROPERTY).json["results"]
    assert (result["status"], result["expected"]) == ("skipped", "never allow")
    assert "needs mythos-fleet[prove]" in result["why"]
