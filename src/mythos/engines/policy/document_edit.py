"""Edits of a policy-set document: its text with other rules, all else as it was written.

Law: what is given back reads as the edited set. A text for which no careful edit is found is
written anew (`written`), or, as JSON, not at all.
"""

from __future__ import annotations

import json

from mythos.engines.policy.document import PolicyDocument, load_policy_set
from mythos.engines.policy.problem import Places
from mythos.engines.policy.written import written
from mythos.errors import DocumentError
from mythos.values.policy import PolicySet


def edited_text(text: str, document: PolicyDocument, edited: PolicySet) -> str | None:
    """The document's text as it reads with other rules and another version.

    Args:
        text: what `document` was read from.
        document: the policy set that was read, and where its parts stand.
        edited: the same set with other rules and another version.

    Returns:
        The text; None for a JSON document that cannot be edited.
    """
    source = document.places.source
    lines = text.removeprefix("\ufeff").splitlines(keepends=True)
    _renumber(lines, document, edited.version)
    if document.places.verbatim:
        candidate = _block(lines, document.places, document.policy_set.rules, edited.rules)
    else:
        candidate = _literal(lines, document.places, edited.rules)
    if candidate and _reads_as(candidate, edited, source):
        return candidate
    anew = written(edited)
    return None if source.endswith(".json") or not _reads_as(anew, edited, source) else anew


def _reads_as(text: str, edited: PolicySet, source: str) -> bool:
    try:
        return load_policy_set(text, source=source) == edited
    except DocumentError:
        return False


def _renumber(lines: list[str], document: PolicyDocument, version: int) -> None:
    marks = document.places.document.marks.values if document.places.document else {}
    line, column = marks.get(("version",), (0, 0))
    if 0 < line <= len(lines):
        head, tail = lines[line - 1][: column - 1], lines[line - 1][column - 1 :]
        was = str(document.policy_set.version)
        lines[line - 1] = head + tail.replace(was, str(version), 1)


def _block(lines: list[str], places: Places, before: str, after: str) -> str:
    """The rules as a YAML block, line by line."""
    first = places.first_line - 1
    end = "\r\n" if lines and lines[first - 1].endswith("\r\n") else "\n"
    n_lines = before.rstrip("\n").count("\n") + 1
    block = after.rstrip("\n").split("\n")
    made = [f"{' ' * places.indent}{each}{end}" if each.strip() else end for each in block]
    return "".join([*lines[:first], *made, *lines[first + n_lines :]])


def _literal(lines: list[str], places: Places, after: str) -> str:
    """The rules as a JSON string on one line."""
    line = places.first_line - 1
    head, tail = lines[line][: places.indent], lines[line][places.indent :]
    if not places.literal or not tail.startswith(places.literal):
        return ""
    made = head + json.dumps(after, ensure_ascii=False) + tail[len(places.literal) :]
    return "".join([*lines[:line], made, *lines[line + 1 :]])
