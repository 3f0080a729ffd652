"""A policy set written as the YAML document that people keep: rules as a block, line by line.

Law: reading what is written gives the same policy set, so the same digest. Rules that no block can
hold (a carriage return, a line that YAML would fold away) are written as a JSON string instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from mythos.errors import DocumentError
from mythos.values.policy import PolicySet
from mythos.values.yaml_text import parse_yaml

_INDENT = "  "


def written(policy_set: PolicySet) -> str:
    """The YAML document of a policy set; what equals its default is left out."""
    body = policy_set.model_dump(mode="json", exclude_defaults=True)
    lines = [f"policy_set: {_scalar(policy_set.policy_set)}", f"version: {policy_set.version}"]
    if policy_set.critical:
        lines.append("critical: true")
    if "covers" in body:
        lines.append(f"covers: {_flow(body['covers'])}")
    facts = body.get("facts")
    if isinstance(facts, Mapping):
        lines += ["facts:", *(f"{_INDENT}{name}: {_flow(fact)}" for name, fact in facts.items())]
    lines.append(f"rules: {_block(policy_set.rules)}")
    expect = body.get("expect")
    if isinstance(expect, list):
        lines += ["expect:", *(f"{_INDENT}- {_flow(entry)}" for entry in expect)]
    return "\n".join(lines) + "\n"


def _flow(value: JsonValue) -> str:
    """JSON, which is YAML on one line; YAML spells rare characters in its own way."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in text)


def _scalar(text: str) -> str:
    """A text without quotes where YAML reads it back as the same text."""
    return text if _reads_as(text, text) and "#" not in text else _flow(text)


def _block(rules: str) -> str:
    """The rules as a literal block below its key, else as a JSON string."""
    chomping = (
        "" if rules.endswith("\n") and not rules.endswith("\n\n") else "-+"[rules.endswith("\n")]
    )
    body = "\n".join(_indented(rules.removesuffix("\n")))
    for head in ("|", "|2"):
        if _reads_as(f"{head}{chomping}\n{body}", rules):
            return f"{head}{chomping}\n{body}"
    return _flow(rules)


def _indented(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield f"{_INDENT}{line}" if line else ""


def _reads_as(written_text: str, value: str) -> bool:
    try:
        return parse_yaml(f"x: {written_text}\n").value == {"x": value}
    except DocumentError:
        return False
