"""Documents as a person wrote them, and how two of them differ.

A stored document is canonical JSON; it is shown as YAML with long texts in block form, so that a
prompt or a rule reads, and differs, by the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

import yaml
from pydantic import JsonValue

CONTEXT = 2
MAX_LINES = 300
MAX_DIFFERING = 80


@dataclass(frozen=True, slots=True)
class Line:
    """One line with its number in the newer text (the older one for removed lines).

    `mark` is `+`, `-`, a blank, or `…` where equal lines are left out.
    """

    mark: str
    number: int
    text: str


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines in block form."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def text_of(document: JsonValue) -> str:
    """A document as YAML, keys in the order they are stored."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)


def lines_of(document: JsonValue) -> tuple[Line, ...]:
    """A document as numbered lines, at most 300."""
    found = text_of(document).splitlines()
    lines = [Line(" ", at, text) for at, text in enumerate(found[:MAX_LINES], 1)]
    if len(found) > MAX_LINES:
        lines.append(Line("…", MAX_LINES, f"{len(found) - MAX_LINES} lines more"))
    return tuple(lines)


def difference(old: JsonValue, new: JsonValue) -> tuple[Line, ...]:
    """The lines that differ between two documents, with two lines around each, at most 80."""
    return differing_lines(text_of(old), text_of(new))


def differing_lines(old: str, new: str) -> tuple[Line, ...]:
    """The lines that differ between two texts, with two lines around each, at most 80."""
    found = list(_differing(old.splitlines(), new.splitlines()))
    if len(found) > MAX_DIFFERING:
        more = len(found) - MAX_DIFFERING
        found[MAX_DIFFERING:] = [Line("…", found[MAX_DIFFERING].number, f"{more} lines more")]
    return tuple(found)


def _differing(before: list[str], after: list[str]) -> Iterator[Line]:
    groups = SequenceMatcher(a=before, b=after, autojunk=False).get_grouped_opcodes(CONTEXT)
    for index, group in enumerate(groups):
        if index:
            yield Line("…", group[0][3], "")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (Line(" ", j + 1, after[j]) for j in range(j1, j2))
                continue
            yield from (Line("-", i + 1, before[i]) for i in range(i1, i2))
            yield from (Line("+", j + 1, after[j]) for j in range(j1, j2))
