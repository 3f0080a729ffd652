"""`mythos policy import` and `export`: nobody is locked in."""

from __future__ import annotations

import json
from pathlib import Path

import cedarpy
import pytest

from tests.cli.policy_command import CARE, REFUNDS, TOOLS, policy, written

PLAIN = """\
// Refunds are small.
forbid(principal, action == Action::"issue_refund", resource)
when { context.input.amount_cents > 5 };
"""


@pytest.mark.parametrize("source", [CARE, REFUNDS])
def test_export_and_import_give_the_same_policy_set(tmp_path: Path, source: Path) -> None:
    out = policy("export", source, "--out", tmp_path, "--tools", TOOLS, "--json")
    assert out.code == 0
    cedar, schema = Path(out.json["cedar"]), Path(out.json["schema"])
    assert cedarpy.validate_policies(cedar.read_text(), schema.read_text()).validation_passed
    back = tmp_path / "back.yaml"
    said = policy("import", cedar, "--schema", schema, "--out", back, "--json")
    assert (said.code, said.json["digest"]) == (0, out.json["digest"])
    assert policy("check", back, "--tools", TOOLS).code == 0


@pytest.mark.parametrize("ending", ["cedar", "cedarschema.json"])
def test_export_replaces_nothing_unasked(tmp_path: Path, ending: str) -> None:
    mine = written(tmp_path / f"refund-rules.{ending}", "mine")
    asked = ("export", REFUNDS, "--out", tmp_path, "--tools", TOOLS)
    said = policy(*asked)
    assert (said.code, mine.read_text()) == (1, "mine")
    assert f"{mine}: there already" in said.err
    assert "--force" in said.err
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]
    assert policy(*asked, "--force").code == 0
    assert mine.read_text() != "mine"


def test_a_plain_file_gets_ids_a_name_and_what_it_covers(tmp_path: Path) -> None:
    cedar, out = written(tmp_path / "a.cedar", PLAIN), tmp_path / "p.yaml"
    said = policy(
        *("import", cedar, "--name", "caps", "--covers", "retail-care", "--guard"),
        *("--out", out, "--json"),
    )
    assert said.code == 0
    assert said.json["added_ids"] == [{"line": 2, "id": "forbid-issue_refund"}]
    assert out.read_text() == (
        'policy_set: caps\nversion: 1\ncovers: {"tools": "retail-care"}\nrules: |\n'
        '  // Refunds are small.\n  @id("forbid-issue_refund")\n'
        '  forbid(principal, action == Action::"issue_refund", resource)\n'
        "  when { context.input.amount_cents > 5 };\n"
    )
    assert policy("check", out, "--tools", TOOLS).code == 0


def test_what_is_wrong_is_told_at_the_lines_of_the_cedar_file(tmp_path: Path) -> None:
    cedar = written(
        tmp_path / "a.cedar",
        f"{PLAIN}permit(principal, action, resource)\nwhen {{ 1 = 2 }};\n"
        "permit(principal, action, resource) when { context.past.yes };\n",
    )
    said = policy("import", cedar, "--name", "caps", "--out", tmp_path / "p.yaml")
    assert said.code == 1
    assert f"{cedar}:5:10: " in said.err
    assert f"{cedar}:6:57: " in said.err
    assert not (tmp_path / "p.yaml").exists()


def test_a_file_that_its_schema_contradicts_is_refused(tmp_path: Path) -> None:
    out = policy("export", REFUNDS, "--out", tmp_path, "--tools", TOOLS, "--json").json
    cedar = written(tmp_path / "a.cedar", PLAIN.replace("amount_cents", "amount"))
    said = policy(
        *(
            "import",
            cedar,
            "--name",
            "caps",
            "--guard",
            "--schema",
            out["schema"],
            "--out",
            tmp_path / "p.yaml",
        )
    )
    assert (said.code, f"{cedar}:3:" in said.err, "input.amount" in said.err) == (1, True, True)
    bad = written(tmp_path / "s.json", "{}x")
    said = policy(
        "import", cedar, "--name", "x", "--guard", "--schema", bad, "--out", tmp_path / "p.yaml"
    )
    assert (said.code, "no Cedar schema" in said.err) == (1, True)


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    cedar, out = written(tmp_path / "a.cedar", PLAIN), written(tmp_path / "p.yaml", "mine")
    said = policy("import", cedar, "--name", "caps", "--out", out)
    assert (said.code, out.read_text()) == (1, "mine")


def test_a_plain_file_without_a_name_is_bad_usage(tmp_path: Path) -> None:
    cedar = written(tmp_path / "a.cedar", PLAIN)
    assert policy("import", cedar, "--out", tmp_path / "p.yaml").code == 2


def test_a_set_that_covers_none_of_the_tools_is_not_exported(tmp_path: Path) -> None:
    other = written(tmp_path / "p.yaml", REFUNDS.read_text().replace("retail-care", "toys"))
    said = policy("export", other, "--out", tmp_path, "--tools", TOOLS)
    assert (said.code, "covers none" in said.err) == (2, True)


def test_windows_line_ends_of_a_plain_file_do_not_reach_the_document(tmp_path: Path) -> None:
    cedar = tmp_path / "a.cedar"
    cedar.write_bytes(b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode())
    policy("import", cedar, "--name", "caps", "--guard", "--out", tmp_path / "p.yaml")
    assert b"\r" not in (tmp_path / "p.yaml").read_bytes()
    assert "rules: |\n  // Refunds" in (tmp_path / "p.yaml").read_text()


@pytest.mark.parametrize("head", ["", "\ufeff", "// nothing\r\n"])
def test_a_file_without_rules_is_never_taken(tmp_path: Path, head: str) -> None:
    cedar, out = tmp_path / "a.cedar", tmp_path / "p.yaml"
    cedar.write_text(head, newline="")
    for more in ([], ["--guard"]):
        said = policy("import", cedar, "--name", "x", "--out", out, *more)
        assert (said.code, f"{cedar}:1:1: it holds no rule" in said.err) == (1, True)
        assert not out.exists()


def test_a_file_that_only_forbids_is_taken_when_that_is_meant(tmp_path: Path) -> None:
    cedar, out = written(tmp_path / "a.cedar", PLAIN), tmp_path / "p.yaml"
    said = policy("import", cedar, "--name", "caps", "--out", out)
    assert (said.code, f"{cedar}:2:1: it only forbids" in said.err) == (1, True)
    assert "--guard" in said.err
    assert not out.exists()
    assert policy("import", cedar, "--name", "caps", "--out", out, "--guard").code == 0


FOREIGN = [
    ("permit(principal, action, resource) when { principal.role == 1 };", "principal.role"),
    ("permit(principal, action, resource) when { principal has role };", "principal.role"),
    ('permit(principal, action, resource) when { resource["owner"] == principal };', "owner"),
    ('permit(principal in Group::"x", action, resource);', "the type Group"),
    ('permit(principal == Acme::User::"x", action, resource);', "the type Acme"),
    ("permit(principal is User, action, resource);", "the type User"),
    ('permit(principal, action in Action::"writes", resource);', "an action group"),
]


@pytest.mark.parametrize(("rule", "message"), FOREIGN)
def test_what_mythos_never_supplies_is_refused_at_its_place(
    tmp_path: Path, rule: str, message: str
) -> None:
    cedar = tmp_path / "a.cedar"
    cedar.write_bytes(f"// one\r\n{rule}\r\n".encode())
    said = policy("import", cedar, "--name", "x", "--out", tmp_path / "p.yaml", "--json")
    assert said.code == 1
    assert message in said.out
    assert f"{cedar}:2:" in said.out
    assert not (tmp_path / "p.yaml").exists()


def test_all_that_mythos_never_supplies_is_told_at_once(tmp_path: Path) -> None:
    cedar = written(tmp_path / "a.cedar", "".join(f"{rule}\n" for rule, _ in FOREIGN))
    said = policy("import", cedar, "--name", "x", "--out", tmp_path / "p.yaml")
    assert all(f"{cedar}:{line}:" in said.err for line in range(1, len(FOREIGN) + 1))


def test_an_action_that_the_schema_makes_a_group_is_refused(tmp_path: Path) -> None:
    types = {"principalTypes": ["Agent"], "resourceTypes": ["Tool"]}
    member = {"memberOf": [{"id": "writes"}], "appliesTo": types}
    actions = {"writes": {}, "pay": member, "look": {"appliesTo": types}}
    body = {"": {"entityTypes": {"Agent": {}, "Tool": {}}, "actions": actions}}
    schema = written(tmp_path / "s.json", json.dumps(body))
    rule = 'permit(principal, action in [Action::"look", Action::"writes"], resource);'
    cedar = written(tmp_path / "a.cedar", rule)
    options = ("--name", "x", "--schema", schema, "--out", tmp_path / "p.yaml")
    said = policy("import", cedar, *options)
    place = rule.index('"writes"') + 1
    assert (said.code, f"{cedar}:1:{place}: " in said.err) == (1, True)


def test_an_exported_file_whose_line_ends_were_changed_is_still_that_policy_set(
    tmp_path: Path,
) -> None:
    out = policy("export", CARE, "--out", tmp_path, "--tools", TOOLS, "--json").json
    cedar = Path(out["cedar"])
    cedar.write_bytes(cedar.read_bytes().replace(b"\n", b"\r\n"))
    said = policy("import", cedar, "--out", tmp_path / "back.yaml", "--json")
    assert (said.code, said.json["digest"]) == (0, out["digest"])


def test_an_exported_file_whose_header_is_garbled_is_not_taken_for_plain_rules(
    tmp_path: Path,
) -> None:
    exported = policy("export", CARE, "--out", tmp_path, "--tools", TOOLS, "--json").json["cedar"]
    text = Path(exported).read_text()
    line = text[: text.index("//! document: ")].count("\n") + 1
    garbled = written(tmp_path / "a.cedar", text.replace("//! document: {", "//! document: ", 1))
    out = tmp_path / "p.yaml"
    said = policy("import", garbled, "--name", "care", "--out", out)
    assert (said.code, out.exists()) == (1, False)
    assert f"{garbled}:{line}: " in said.err
    assert "take the file from the export again" in said.err
