"""`mythos policy coherence` and `diff`: findings with their lines, and calls to try."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.policy_command import CARE, REFUNDS, TOOLS, policy, written
from tests.engines.telemetry.making import Loose


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_the_example_breaks_no_promise_and_its_needless_rules_are_named() -> None:
    said = policy("coherence", CARE, REFUNDS, "--tools", TOOLS, "--json")
    assert said.code == 0
    assert said.json["obligations"] == 15
    found = {(f["kind"], f["rules"][0]["rule"]): f for f in said.json["findings"]}
    assert set(found) == {
        ("nullified", "explicit-yes"),
        ("nullified", "refund-positive"),
        ("override", "refund-cap"),
    }
    assert said.json["coherence"] == pytest.approx(1 - 2 * 0.2 / 15)
    cut = found["override", "refund-cap"]
    assert cut["severity"] == "info"
    assert cut["witness"]["decision"] == "deny"
    assert cut["witness"]["request"]["arguments"]["amount_cents"] == 20001
    assert cut["witness"]["request"]["sinks"] == {}
    lines = REFUNDS.read_text().splitlines()
    assert '@id("refund-cap")' in lines[cut["rules"][0]["line"] - 1]


def test_a_promise_that_another_set_breaks_is_an_error_with_a_call(tmp_path: Path) -> None:
    loose = written(
        tmp_path / "loose.yaml",
        "policy_set: loose\nversion: 1\ncovers: {tools: retail-care}\nrules: |\n"
        '  @id("closed")\n'
        '  forbid(principal, action == Action::"hand_over", resource)\n'
        "  when { context.depth > 2 };\n",
    )
    said = policy("coherence", CARE, loose, "--tools", TOOLS, "--json")
    assert said.code == 1
    broken = next(f for f in said.json["findings"] if f["kind"] == "broken promise")
    assert broken["promise"] == "the other desk can always be reached"
    assert broken["witness"]["request"]["depth"] > 2
    assert [rule["rule"] for rule in broken["witness"]["denied_by"]] == ["closed"]
    shown = policy("coherence", CARE, loose, "--tools", TOOLS)
    assert "is broken: this call is denied by loose/closed" in shown.out
    assert '  5 │   @id("closed")' in shown.out


def test_verdicts_are_kept_and_an_edit_proves_its_own_tools_anew(tmp_path: Path) -> None:
    rules = written(tmp_path / "refund-rules.yaml", REFUNDS.read_text())
    first = policy("coherence", CARE, rules, "--tools", TOOLS, "--json").json
    again = policy("coherence", CARE, rules, "--tools", TOOLS, "--json").json
    assert first["tools"] == {"proved": 7, "recalled": 0}
    assert again["tools"] == {"proved": 0, "recalled": 7}
    assert again["findings"] == first["findings"]
    written(rules, REFUNDS.read_text().replace("> 20000", "> 30000"))
    edited = policy("coherence", CARE, rules, "--tools", TOOLS, "--json").json
    assert edited["tools"] == {"proved": 1, "recalled": 6}
    anew = policy("coherence", CARE, rules, "--tools", TOOLS, "--json", "--no-cache").json
    assert anew["tools"] == {"proved": 7, "recalled": 0}
    assert anew["findings"] == edited["findings"]


@pytest.mark.parametrize("folder", ["XDG_CACHE_HOME", "XDG_STATE_HOME"])
def test_that_no_verdict_can_be_kept_is_one_line_on_standard_error(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(folder, str(written(tmp_path / "file", "no folder")))
    said = policy("coherence", CARE, REFUNDS, "--tools", TOOLS, "--json")
    [line] = said.err.splitlines()
    assert line.startswith("note: verdicts are not kept, and proved anew each time: ")
    assert str(tmp_path / "file") in line
    assert said.json["tools"]["proved"] == 7
    assert policy("coherence", CARE, REFUNDS, "--tools", TOOLS, "--no-cache").err == ""


def test_a_damaged_verdict_is_proved_anew(tmp_path: Path) -> None:
    first = policy("coherence", CARE, "--tools", TOOLS, "--json").json
    kept = list((tmp_path / "cache").rglob("*.verdict"))
    assert len(kept) >= first["tools"]["proved"]
    for each in kept:
        each.write_bytes(each.read_bytes()[:-20])
    again = policy("coherence", CARE, "--tools", TOOLS, "--json").json
    assert again["tools"] == first["tools"]
    assert again["findings"] == first["findings"]


def test_a_raised_cap_is_loosened_with_the_call_that_shows_it(tmp_path: Path) -> None:
    new = written(tmp_path / "new.yaml", REFUNDS.read_text().replace("> 20000", "> 30000"))
    said = policy("diff", REFUNDS, new, "--others", CARE, "--tools", TOOLS, "--json")
    assert (said.code, said.json["verdict"]) == (1, "loosened")
    (call,) = said.json["witnesses"]
    assert 20000 < call["request"]["arguments"]["amount_cents"] <= 30000
    assert (call["old"]["decision"], call["new"]["decision"]) == ("deny", "allow")
    assert "▲ loosened" in policy("diff", REFUNDS, new, "--others", CARE, "--tools", TOOLS).out
    back = policy("diff", new, REFUNDS, "--others", CARE, "--tools", TOOLS, "--json")
    assert (back.code, back.json["verdict"]) == (0, "tightened")


def test_another_severity_decides_nothing_and_is_told_with_a_call(tmp_path: Path) -> None:
    loud = REFUNDS.read_text()
    assert '@severity("critical")' in loud
    quiet = loud.replace('@severity("critical")', '@severity("info")')
    old, new = written(tmp_path / "old.yaml", loud), written(tmp_path / "new.yaml", quiet)
    said = policy("diff", old, new, "--others", CARE, "--tools", TOOLS, "--json")
    assert (said.code, said.json["verdict"], said.json["witnesses"]) == (0, "equal", [])
    told = said.json["charges"]
    assert told["undecided"] == []
    changed = {rule["rule"]: rule["severity"] for rule in told["rules"]}
    assert changed["refund-cap"] == {"old": "critical", "new": "info"}
    (call,) = told["calls"]
    assert (call["change"], call["severity"]["old"]) == ("quieter", "critical")
    assert call["old"]["decision"] == call["new"]["decision"] == "deny"
    shown = policy("diff", old, new, "--others", CARE, "--tools", TOOLS)
    assert "rule refund-rules/refund-cap: severity critical → info" in shown.out
    assert "= equal" in shown.out
    assert shown.out.splitlines()[-1].startswith("~ other severity: some calls that both deny")


RULES = """policy_set: p
version: {version}
covers: {{tools: retail-care}}
facts:
  identified: {{once: find_customer_by_email}}
  refunds: {{count: issue_refund, within: {window}}}
rules: |
  @id("refund") permit(principal, action == Action::"issue_refund", resource);
  @id("many") forbid(principal, action == Action::"issue_refund", resource)
  when {{ context.past.refunds > 2 }};
expect:
  - {{name: known, never: allow, when: "!context.past.identified", actions: issue_refund}}
"""


def test_what_decides_is_shown_whoever_reads_it(tmp_path: Path) -> None:
    old = written(tmp_path / "old.yaml", RULES.format(version=1, window="1h"))
    new = written(tmp_path / "new.yaml", RULES.format(version=2, window="2h"))
    shown = policy("coherence", old, "--tools", TOOLS).out
    assert "facts    identified=False, refunds=0" in shown  # only the promise reads the first
    shown = policy("diff", old, new, "--tools", TOOLS).out
    assert "refunds=0 (p v1), refunds=3 (p v2)" in shown
    (call,) = policy("diff", old, new, "--tools", TOOLS, "--json").json["witnesses"]
    by_version = call["request"]["past_by_version"]
    assert [by_version[version]["refunds"] for version in ("p v1", "p v2")] == [0, 3]


def test_a_comment_changes_nothing(tmp_path: Path) -> None:
    new = written(
        tmp_path / "new.yaml", REFUNDS.read_text().replace("rules: |\n", "rules: |\n  // x\n")
    )
    said = policy("diff", REFUNDS, new, "--tools", TOOLS, "--json")
    assert (said.code, said.json["verdict"], said.json["witnesses"]) == (0, "equal", [])


def test_without_the_solver_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without_z3(name: str, package: str | None = None) -> object:
        return None if name == "z3" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_z3)
    said = policy("coherence", CARE, "--tools", TOOLS)
    assert said.code == 1
    assert "pip install 'mythos-fleet[prove]'" in said.err


def test_a_suggested_change_is_a_patch_that_does_what_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    care = written(folder / "care-rules.yaml", CARE.read_text())
    rules = written(
        folder / "refund-rules.yaml",
        REFUNDS.read_text().replace(
            "\nexpect:\n",
            "\nexpect:\n  - {name: small, never: allow, actions: issue_refund, "
            "when: context.input.amount_cents > 9000}\n",
        ),
    )
    before = policy("coherence", care, rules, "--tools", TOOLS, "--json")
    assert before.code == 1
    change = before.json["suggested_changes"][0]
    assert (change["kind"], change["effect"]) == ("tighten rule", "tightened")
    assert [rule["rule"] for rule in change["rules"]] == ["confirmed-write"]
    (needless,) = change["raises"]
    assert "refund-cap changes no decision" in needless
    cured = [before.json["findings"][place]["kind"] for place in change["resolves"]]
    assert cured == ["broken promise"]
    subprocess.run(
        change["apply"].split(), input=change["patch"].encode(), check=True, capture_output=True
    )
    after = policy("coherence", care, rules, "--tools", TOOLS, "--json")
    assert after.code == 0
    assert after.json["coherence"] == change["coherence_after"]
    diff = policy("diff", CARE, care, "--others", rules, "--tools", TOOLS, "--json")
    assert diff.json["verdict"] == "tightened"


def test_a_suggestion_is_told_with_its_effect_and_its_patch() -> None:
    said = policy("coherence", CARE, REFUNDS, "--tools", TOOLS)
    assert "suggested changes, each applied and proved by itself:" in said.out
    assert "drop rule refund-rules/refund-positive: no call is decided otherwise" in said.out
    assert "= no call is decided otherwise; coherence 0.973 → 0.985" in said.out
    assert '│ -  @id("refund-positive")' in said.out


@pytest.mark.parametrize("command", ["coherence", "test"])
def test_sets_that_cover_none_of_the_tools_are_no_success(command: str, tmp_path: Path) -> None:
    text = REFUNDS.read_text().replace("{tools: retail-care}", "{tools: retial-care}")
    said = policy(command, written(tmp_path / "p.yaml", text), "--tools", TOOLS)
    assert said.code != 0
    assert "they cover retial-care, and the tools are those of retail-care" in said.err


def test_a_guard_that_newly_covers_a_tool_is_shown_by_a_call_that_does_not_fit(
    tmp_path: Path,
) -> None:
    rule = '@id("none") forbid(principal, action, resource) when { context.depth < 0 };'
    old, new = (
        written(
            tmp_path / f"{domain}.yaml",
            f"policy_set: {domain}\nversion: 1\ncovers: {{tools: {domain}}}\nrules: |\n  {rule}\n",
        )
        for domain in ("elsewhere", "retail-care")
    )
    said = policy("diff", old, new, "--tools", TOOLS, "--json")
    assert (said.code, said.json["verdict"]) == (0, "tightened")
    for call in said.json["witnesses"]:
        assert [call["old"]["decision"], call["new"]["decision"]] == ["allow", "deny"]
        assert call["new"]["misfits"][0] == "argument undeclared is not declared"
    shown = policy("diff", old, new, "--tools", TOOLS).out
    assert "deny: its arguments do not fit: argument undeclared is not declared" in shown


PRICES = """policy_set: prices
version: {version}
covers: {{tools: prices}}
facts:
  paid: {{sum: input.price, of: pay}}
  spent: {{sum: input.cents, of: pay}}
rules: |
  @id("pay") permit(principal, action == Action::"pay", resource);
  @id("cap") forbid(principal, action == Action::"pay", resource)
  when {{ context.past.paid.greaterThan(decimal("{paid}")) && context.run.untrusted }};
  @id("sum") forbid(principal, action == Action::"pay", resource)
  when {{ context.past.spent > {spent} && context.repeats > 2 }};
  @id("late") forbid(principal, action == Action::"pay", resource)
  when {{ context.depth > 5000 && context.now > datetime("2026-01-01T00:00:00.250Z") }};
expect:
  - {{name: never late, never: deny, when: context.depth > 5000}}
"""


def test_each_call_that_is_shown_can_be_pasted_as_a_test(tmp_path: Path) -> None:
    pay = {
        "name": "pay",
        "effect": "write",
        "parameters": {
            "type": "object",
            "properties": {"cents": {"type": "integer"}, "price": {"type": "number"}},
        },
    }
    tools = written(tmp_path / "t.json", json.dumps({"domain": "prices", "tools": [pay]}))
    texts = [
        PRICES.format(version=1, paid="900000000000000.0001", spent=9007199254740993),
        PRICES.format(version=2, paid="900000000000000.0003", spent=9007199254740995),
    ]
    old, new = (written(tmp_path / f"{n}.yaml", text) for n, text in enumerate(texts))
    found = policy("coherence", old, "--tools", tools, "--json", "--no-cache").json
    shown = [each["witness"] for each in found["findings"] if each["witness"]]
    assert {each["kind"] for each in found["findings"]} == {"override", "broken promise"}
    for witness in shown:
        [kept] = witness["expect"]
        assert (kept["file"], kept["entry"]["decision"]) == (str(old), witness["decision"])
        assert_holds(kept["entry"], texts[0], tools)
    differences = policy("diff", old, new, "--tools", tools, "--json").json["witnesses"]
    assert differences
    for call in differences:
        for kept, side, text in zip(call["expect"], ("old", "new"), texts, strict=True):
            assert kept["entry"]["decision"] == call[side]["decision"]
            assert_holds(kept["entry"], text, tools)
    [broken] = policy("test", old, "--tools", tools, "--json").json["results"]
    entry = {"name": "kept", "request": broken["call"], "decision": broken["got"]}
    assert_holds(entry, texts[0], tools)


def assert_holds(entry: Loose, text: str, tools: Path) -> None:
    """That an entry, pasted as it was printed, is the one promise of a document that is kept."""
    pasted = text.partition("expect:")[0] + f"expect:\n  - {json.dumps(entry)}\n"
    said = policy("test", written(tools.parent / "kept.yaml", pasted), "--tools", tools, "--json")
    assert (said.code, said.json["passed"]) == (0, 1), said
