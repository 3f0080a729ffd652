"""`mythos policy check`: every problem of every file, with its place, its line and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.policy_command import CARE, EXAMPLE, REFUNDS, TOOLS, policy, written

BAD = """\
policy_set: bad
version: 1
covers: {tools: retail-care}
rules: |
  @id("typo")
  permit(principal, action == Action::"canel_order", resource);
"""


def test_a_good_set_is_listed_with_its_rules_facts_and_digest() -> None:
    said = policy("check", CARE, REFUNDS, "--tools", TOOLS, "--json")
    assert said.code == 0
    assert (said.json["ok"], said.json["problems"], said.json["affected"]) == (True, [], [])
    care, refunds = said.json["files"]
    assert (care["file"], care["policy_set"], care["version"]) == (str(CARE), "care-rules", 1)
    assert care["digest"].startswith("sha256:")
    assert [rule["id"] for rule in refunds["rules"]] == ["refund-cap", "refund-positive"]
    line = CARE.read_text().splitlines().index('  @id("explicit-yes")') + 1
    assert care["rules"][-1] == {
        "id": "explicit-yes",
        "effect": "forbid",
        "severity": "critical",
        "line": line,
        "actions": ["cancel_order", "issue_refund", "return_order"],
        "explain": care["rules"][-1]["explain"],
    }
    assert care["facts"][0] == {
        "name": "identified",
        "line": 7,
        "declared": {"once": "find_customer_by_email"},
    }


def test_the_tools_of_the_source_tree_are_found_and_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(EXAMPLE / "policies")
    said = policy("check", "care-rules.yaml", "--json")
    assert said.json["notes"] == ["tools are those of ../tools/retail-care.json"]


def test_problems_of_all_files_are_told_with_place_and_remedy(tmp_path: Path) -> None:
    bad = written(tmp_path / "bad.yaml", BAD)
    worse = written(tmp_path / "worse.yaml", "policy_set: worse\nversion: 1\nrule: x\n")
    said = policy("check", bad, worse, CARE, "--tools", TOOLS, "--json")
    assert (said.code, said.json["ok"]) == (1, False)
    problems = said.json["problems"]
    assert [(one["file"], one["line"], one["column"]) for one in problems] == [
        (str(bad), 6, 39),
        (str(worse), 1, 1),
        (str(worse), 3, 1),
    ]
    assert "names the tool 'canel_order'" in problems[0]["message"]
    assert all(one["remedy"] for one in problems)
    assert [one["policy_set"] for one in said.json["files"]] == ["bad", "care-rules"]


def test_people_see_the_line_and_a_mark_under_the_word(tmp_path: Path) -> None:
    said = policy("check", written(tmp_path / "bad.yaml", BAD), "--tools", TOOLS)
    shown = said.out.splitlines()
    place = next(number for number, line in enumerate(shown) if line.startswith("error"))
    assert shown[place + 1] == (
        '    6 │   permit(principal, action == Action::"canel_order", resource);'
    )
    assert shown[place + 2].index("^") == shown[place + 1].index('"canel_order"')
    assert shown[place + 3].startswith("  → ")
    assert shown[-1] == "NOT ok: 1 problems in 1 files"


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ('"retail-care"', '"retail\\u001b[31m"'),
        ('"retail-care"', '" "'),
        ('"sinks": []', '"sinks": [" "]'),
    ],
)
def test_a_catalogue_with_a_name_that_nobody_can_say_is_refused(
    was: str, now: str, tmp_path: Path
) -> None:
    tools = written(tmp_path / "t.json", TOOLS.read_text().replace(was, now, 1))
    said = policy("check", CARE, "--tools", tools)
    assert said.code == 1
    assert "is no name" in said.out
    assert "\x1b" not in said.out


def test_a_set_that_covers_nothing_given_is_noted(tmp_path: Path) -> None:
    other = written(tmp_path / "p.yaml", BAD.replace("retail-care", "toys"))
    said = policy("check", other, "--tools", TOOLS, "--json")
    assert (said.code, said.json["ok"]) == (0, True)
    assert said.json["notes"] == ["bad covers toys, and none of the tools given (retail-care)"]
    assert said.json["covers_nothing"] == ["bad"]
    people = policy("check", CARE, other, "--tools", TOOLS).out.splitlines()
    assert people[-1].startswith("ok: 2 policy sets")
    assert people[-1].endswith(", 1 of no tools given")
    assert policy("check", CARE, "--tools", TOOLS, "--json").json["covers_nothing"] == []


def test_without_any_tools_names_are_not_checked_and_that_is_said(tmp_path: Path) -> None:
    said = policy("check", written(tmp_path / "bad.yaml", BAD), "--json")
    assert said.code == 0
    assert said.json["notes"] == ["bad: no tool catalogue, so names and types were not checked"]


def test_where_one_of_several_catalogues_is_missing_only_types_are_checked(tmp_path: Path) -> None:
    text = BAD.replace("retail-care}", "[retail-care, toys]}") + (
        '  @id("type") forbid(principal, action == Action::"issue_refund", resource)\n'
        "  when { context.input.amount > 5 };\n"
    )
    said = policy("check", written(tmp_path / "p.yaml", text), "--tools", TOOLS, "--json")
    [problem] = said.json["problems"]
    assert (problem["line"], "input.amount" in problem["message"]) == (8, True)
    assert said.json["notes"] == ["bad: names of tools of toys were not checked"]


def test_a_changed_catalogue_lists_what_it_touches(tmp_path: Path) -> None:
    catalogue = json.loads(TOOLS.read_text())
    refund = next(tool for tool in catalogue["tools"] if tool["name"] == "issue_refund")
    del refund["parameters"]["properties"]["amount_cents"]
    was = written(tmp_path / "was.json", json.dumps(catalogue))
    said = policy("check", CARE, REFUNDS, "--tools", TOOLS, "--was", was, "--json")
    assert said.code == 0
    assert [(one["policy_set"], one["name"]) for one in said.json["affected"]] == [
        ("refund-rules", "refund-cap"),
        ("refund-rules", "refund-positive"),
    ]
    [change] = said.json["affected"][0]["changes"]
    assert (change["tool"], change["what"], change["argument"]) == (
        "issue_refund",
        "argument new",
        "amount_cents",
    )


def test_a_rule_that_the_new_catalogue_breaks_is_a_problem_and_affected(tmp_path: Path) -> None:
    catalogue = json.loads(TOOLS.read_text())
    catalogue["tools"] = [one for one in catalogue["tools"] if one["name"] != "hand_over"]
    now = written(tmp_path / "now.json", json.dumps(catalogue))
    said = policy("check", CARE, "--tools", now, "--was", TOOLS)
    assert said.code == 1
    assert "names the tool 'hand_over'" in said.out
    assert "affected  rule front-desk" in said.out
    assert "hand_over: tool gone" in said.out


def test_a_malformed_catalogue_is_a_problem_beside_the_others(tmp_path: Path) -> None:
    broken = written(tmp_path / "t.json", '{"domain": "x",\n "tools": [{"nam": "a"}]}')
    bad = written(tmp_path / "bad.yaml", "policy_set: p\nversion: 1\nrules: 7\n")
    said = policy("check", bad, "--tools", broken, "--json")
    assert [(one["file"], one["line"]) for one in said.json["problems"]] == [
        (str(broken), 2),
        (str(bad), 3),
    ]


def test_what_no_call_is_held_to_is_noted_once_a_tool(tmp_path: Path) -> None:
    catalogue = json.loads(TOOLS.read_text())
    first, second, *_ = catalogue["tools"]
    for tool in (first, second):
        name, *_ = tool["parameters"]["properties"]
        tool["parameters"]["properties"][name] = {"type": "string", "pattern": "^W"}
    first["parameters"]["properties"]["any"] = {"type": ["string", "integer"]}
    tools = written(tmp_path / "t.json", json.dumps(catalogue))
    said = policy("check", CARE, "--tools", tools, "--json")
    told = [note for note in said.json["notes"] if "is held to" in note]
    assert [first["name"] in told[0], second["name"] in told[1], len(told)] == [True, True, 2]
    assert "; type of any that its schema gives" in told[0]
    elsewhere = written(tmp_path / "e.json", json.dumps(catalogue | {"domain": "elsewhere"}))
    said = policy("check", CARE, "--tools", TOOLS, "--tools", elsewhere, "--json")
    assert [note for note in said.json["notes"] if "is held to" in note] == []


def test_a_set_that_only_forbids_is_told_to_allow_the_rest(tmp_path: Path) -> None:
    said = policy("check", CARE, REFUNDS, "--tools", TOOLS, "--json")
    assert [note.partition(",")[0] for note in said.json["notes"]] == ["refund-rules has no permit"]
    assert "allows whatever it does not forbid" in policy("check", REFUNDS, "--tools", TOOLS).out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"#" * (2 * 2**20), "longer than the 1048576 bytes"),
        (b"# " + "é".encode() * 2**20, "longer than the 1048576 bytes"),
        (b"\xff\xfe" * 2**20, "longer than the 1048576 bytes"),
        (b"policy_set: \xff\n", "byte 12 is not UTF-8"),
    ],
)
def test_a_file_that_is_too_long_is_not_told_to_be_no_text(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "p.yaml").write_bytes(content)
    [problem] = policy("check", tmp_path / "p.yaml", "--json").json["problems"]
    assert message in problem["message"]
    assert problem["remedy"]


def test_a_device_that_never_ends_is_read_no_further_than_a_document() -> None:
    said = policy("check", "/dev/zero")
    assert (said.code, "longer than" in said.out) == (1, True)


def test_a_file_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    assert policy("check", tmp_path / "none.yaml").code == 2


FLEET = """\
policy_set: caps
version: 1
covers: {tools: retail-care}
facts:
  spent: {sum: input.amount_cents, of: issue_refund, within: 1d, scope: fleet}
rules: |
  @id("cap") forbid(principal, action == Action::"issue_refund", resource)
  when { context.past.spent + context.input.amount_cents > 50000 };
"""


def test_rules_that_only_the_monitor_can_judge_are_noted(tmp_path: Path) -> None:
    said = policy("check", written(tmp_path / "caps.yaml", FLEET), "--tools", TOOLS, "--json")
    assert said.code == 0
    note, _ = said.json["notes"]
    assert "spent is of scope fleet" in note
    assert note.endswith("left to it: cap")


def test_facts_over_a_tool_that_is_new_are_listed_and_the_rules_that_read_them(
    tmp_path: Path,
) -> None:
    text = (
        "policy_set: p\nversion: 1\ncovers: {tools: d}\nfacts:\n  paid: {count: pay}\n"
        'rules: |\n  @id("few") permit(principal, action == Action::"look", resource)\n'
        "  when { context.past.paid < 2 };\n"
    )
    look, pay = {"name": "look", "effect": "read"}, {"name": "pay", "effect": "write"}
    was = written(tmp_path / "was.json", json.dumps({"domain": "d", "tools": [look]}))
    now = written(tmp_path / "now.json", json.dumps({"domain": "d", "tools": [look, pay]}))
    rules = written(tmp_path / "p.yaml", text)
    said = policy("check", rules, "--tools", now, "--was", was, "--json").json
    touched = [(each["kind"], each["name"], each["line"]) for each in said["affected"]]
    assert touched == [("rule", "few", 7), ("fact", "paid", 5)]
    assert [each["changes"][0]["what"] for each in said["affected"]] == ["tool new"] * 2


def test_catalogues_of_old_say_nothing_without_those_of_now(tmp_path: Path) -> None:
    rules = written(tmp_path / "care.yaml", CARE.read_text())
    said = policy("check", rules, "--was", TOOLS)
    assert said.code == 2
    assert "--was says what the tools were" in said.err
    assert "--tools FILE" in said.err
