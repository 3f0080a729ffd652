"""Source lines as commands show them: after their number, with nothing a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mythos.engines.policy.document import PolicyDocument
    from mythos.engines.policy.rule import Rule

MAX_SHOWN = 160
MAX_VALUE = 60


def plain(text: str) -> str:
    """A text with a dot for each character that a terminal would not print."""
    return "".join(c if c.isprintable() else "·" for c in text)


def shortened(value: object) -> str:
    """A value as Python writes it, cut to what fits a line."""
    shown = plain(repr(value))
    return shown if len(shown) <= MAX_VALUE else f"{shown[: MAX_VALUE - 1]}…"


def call_line(tool: str, arguments: Mapping[str, object] | None) -> str:
    """A call in one line: `tool(name=value, …)`."""
    if arguments is None:
        return f"{plain(tool)}(arguments not captured)"
    given = ", ".join(f"{plain(name)}={shortened(value)}" for name, value in arguments.items())
    return f"{plain(tool)}({given})"


def wanted_rule(document: PolicyDocument, tool: str) -> Rule | None:
    """The `permit` that a call without any was probably after: one that names its tool, if any."""
    about = [rule for rule in document.rules if rule.permits and rule.about(tool)]
    return min(about, key=lambda rule: rule.actions is None, default=None)


def rule_lines(document: PolicyDocument, rule: Rule) -> Iterator[str]:
    """The rule's lines, each after its number in the file."""
    first = document.places.first_line + rule.line - 1
    for number, line in enumerate(rule.text.rstrip().splitlines(), start=first):
        yield _numbered(str(number) if document.places.verbatim else "", line)


def file_lines(file: str) -> list[str]:
    """The lines of a file; none where it is gone, too long or no text: nothing can be shown."""
    from mythos.values.source import MAX_BYTES

    path = Path(file)
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return []
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError):
        return []


def marked_line(lines: Sequence[str], number: int, column: int) -> Iterator[str]:
    """One line of a file after its number, with a mark under its column.

    Args:
        lines: of the file.
        number: counted from 1; a line that is not there is not shown.
        column: counted from 1; 0 marks nothing. Only what is near it of a long line is shown.
    """
    if not 1 <= number <= len(lines):
        return
    line = plain(lines[number - 1].replace("\t", " "))
    begin = max(0, column - MAX_SHOWN // 2) if len(line) > MAX_SHOWN else 0
    yield _numbered(str(number), line[begin : begin + MAX_SHOWN])
    if column:
        yield _numbered("", " " * (column - 1 - begin) + "^")


def _numbered(number: str, line: str) -> str:
    return f"{number:>5} │ {plain(line)}"
