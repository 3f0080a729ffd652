"""Documents with other rules: the edit reads as the edited set, and the rest stays verbatim."""

from __future__ import annotations

import difflib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.document import read_policy_document
from mythos.engines.policy.document_edit import edited_text
from mythos.values.policy import PolicySet

EXAMPLES = Path(__file__).resolve().parents[3] / "examples/retail-care/policies"
LOOK = '@id("look") permit (principal, action, resource);'
MORE = '@id("more")\nforbid (principal, action, resource)\nwhen { context.depth > 3 };'
BLOCK = f"""\
# Ours.
policy_set: p  # the name
version: 9
rules: |
    // Look "here".
    {LOOK}

expect:  # promises
  - {{name: one, never: allow, when: "context.depth > 3"}}
"""


def edited(text: str, rules: str, source: str = "p.yaml") -> tuple[str | None, PolicySet]:
    document = read_policy_document(text, source=source)
    version = document.policy_set.version + 1
    wanted = document.policy_set.model_copy(update={"rules": rules, "version": version})
    return edited_text(text, document, wanted), wanted


def changed_lines(before: str, after: str) -> list[str]:
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in diff if line[:1] in "+-" and line[:3] not in {"+++", "---"}]


def test_a_block_keeps_its_indent_and_every_other_line() -> None:
    made, _ = edited(BLOCK, f'// Look "here".\n{LOOK}\n\n{MORE}\n')
    assert made is not None
    more = "".join(f"    {line}\n" for line in MORE.split("\n"))
    expected = BLOCK.replace("version: 9", "version: 10")
    assert made == expected.replace(f"    {LOOK}\n", f"    {LOOK}\n\n{more}")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_an_example_with_one_more_rule_changes_in_that_rule_alone(path: Path) -> None:
    text = path.read_text("utf-8")
    rules = read_policy_document(text, source=path.name).policy_set.rules
    made, _ = edited(text, f"{rules}\n{MORE}\n")
    assert made is not None
    gone = [line for line in changed_lines(text, made) if line.startswith("-")]
    assert len(gone) == 1
    assert gone[0].startswith("-version: ")


def test_a_json_document_keeps_its_layout() -> None:
    text = json.dumps({"policy_set": "p", "version": 1, "rules": f"{LOOK}\n"}, indent=2)
    made, wanted = edited(text, f"{LOOK}\n{MORE}\n", source="p.json")
    assert made is not None
    assert json.loads(made)["rules"] == wanted.rules
    assert len(changed_lines(text, made)) == 4


def test_windows_line_ends_stay() -> None:
    made, _ = edited(BLOCK.replace("\n", "\r\n"), f"{MORE}\n")
    assert made is not None
    assert "\n" not in made.replace("\r\n", "")


def test_rules_in_a_form_that_is_not_edited_are_written_anew() -> None:
    text = f"policy_set: p\nversion: 1\nrules: >\n  {LOOK}\n"
    made, wanted = edited(text, f"{LOOK}\n{MORE}\n")
    assert made is not None
    assert read_policy_document(made, source="p.yaml").policy_set == wanted


WORDS = st.text(st.sampled_from("ab \t\n/\"\\'{}#:é"), max_size=12)


@given(st.lists(WORDS, min_size=1, max_size=3), st.sampled_from(["|", "|-", "|+", "json"]))
def test_what_is_given_back_reads_as_the_edited_set(words: list[str], form: str) -> None:
    rules = "".join(
        f'@id("r{n}") @explain({json.dumps(word, ensure_ascii=False)})\n'
        "permit (principal, action, resource);\n"
        for n, word in enumerate(words)
    )
    if form == "json":
        text = json.dumps({"policy_set": "p", "version": 1, "rules": LOOK}, ensure_ascii=False)
    else:
        text = f"policy_set: p\nversion: 1\nrules: {form}\n  {LOOK}\n"
    made, wanted = edited(text, rules)
    assert made is not None
    assert read_policy_document(made, source="p.yaml").policy_set == wanted
