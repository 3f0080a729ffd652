"""One digest for what a policy set says, wherever it is read."""

from __future__ import annotations

from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import canonical, digest

RULE = '@id("a") permit(principal, action, resource);'
YAML = f"policy_set: p\nversion: 1\nrules: |\n  {RULE}\n"


def of(text: str) -> str:
    return digest(load_policy_set(text, source="p.yaml"))


def test_json_and_yaml_of_one_document_have_one_digest() -> None:
    as_json = f'{{"rules": {RULE!r}, "version": 1, "policy_set": "p"}}'
    as_json = as_json.replace(repr(RULE), '"' + RULE.replace('"', '\\"') + '"')
    assert of(as_json) == of(YAML)


def test_line_ends_blank_ends_and_repeated_defaults_are_invisible() -> None:
    assert of(YAML.replace("\n", "\r\n")) == of(YAML)
    assert of(YAML + "\n\n") == of(YAML)
    assert of(YAML + "critical: false\ncovers: {tools: '*'}\n") == of(YAML)


def test_a_changed_comment_is_a_changed_policy_set() -> None:
    assert of(YAML.replace("  @id", "  // new\n  @id")) != of(YAML)


def test_rules_stay_text_in_the_canonical_form() -> None:
    assert canonical(load_policy_set(YAML, source="p.yaml")) == {
        "policy_set": "p",
        "version": 1,
        "rules": RULE + "\n",
    }


def test_the_digest_does_not_drift() -> None:
    assert of(YAML) == ("sha256:b7700b54ca71e347fbd40928012975f464522545641ea4a18a6518132f5b0a56")
