"""What is wrong with documents, as commands tell it: every objection with the line it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.source_lines import file_lines, marked_line, plain

if TYPE_CHECKING:
    from mythos.errors import DocumentError

_PLACE = re.compile(r"(?P<file>.*?)(?::(?P<line>[0-9]+)(?::(?P<column>[0-9]+))?)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Finding:
    """One objection. `line` and `column` count from 1; 0 is the file as a whole."""

    file: str
    line: int
    column: int
    message: str
    remedy: str

    @property
    def place(self) -> str:
        """`file:line:column`, as far as it is known."""
        at = (str(number) for number in (self.line, self.column) if number)
        return ":".join((self.file, *at))

    def as_json(self) -> dict[str, Any]:
        """The keys every command gives."""
        return asdict(self)


def findings_of(error: DocumentError, *, file: str = "") -> list[Finding]:
    """Every objection of an error.

    Args:
        error: one objection or several.
        file: where an objection stands that does not say so.
    """
    return [_finding(each, file) for each in error.each]


def _finding(error: DocumentError, file: str) -> Finding:
    place = _PLACE.fullmatch(error.where)
    named = place["file"] if place else error.where
    line, column = (int(place[key] or 0) if place else 0 for key in ("line", "column"))
    return Finding(named or file, line, column, error.message, error.remedy)


def tell_findings(findings: Iterable[Finding], *, word: str = "error") -> None:
    """Print each objection after a word for how bad it is, its source line and what to do."""
    read: dict[str, list[str]] = {}
    for finding in findings:
        if finding.file not in read:
            read[finding.file] = file_lines(finding.file)
        click.echo(f"{word}  {plain(finding.place)}: {plain(finding.message)}")
        for line in marked_line(read[finding.file], finding.line, finding.column):
            click.echo(line)
        click.echo(f"  → {plain(finding.remedy)}")
