"""Policy sets and tool catalogues named on a command line, read and checked together.

Law: what is wrong is gathered over all files before anything is said. Where no catalogue is named,
the fleet's own are taken: `tools/*.json` beside the `policies/` folder, and a note says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.documents import document_text, read_catalogues
from mythos.cli.source_lines import plain
from mythos.errors import DocumentError, PolicyError, UsageError

if TYPE_CHECKING:
    from mythos.engines.policy.document import PolicyDocument
    from mythos.values.tools import ToolCatalogue

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
sources = click.argument("files", metavar="FILE...", nargs=-1, type=READABLE, required=True)
tools_option = click.option(
    "--tools",
    type=READABLE,
    multiple=True,
    help="A tool catalogue. Repeatable. Without any, tools/*.json beside the policies/ folder.",
)


@dataclass(slots=True)
class Loaded:
    """What was read: documents in the order given, what is wrong, and what one should know.

    `idle` are the documents that cover none of the catalogues: here they decide nothing.
    """

    documents: list[PolicyDocument] = field(default_factory=list)
    catalogues: list[ToolCatalogue] = field(default_factory=list)
    problems: list[DocumentError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    idle: list[PolicyDocument] = field(default_factory=list)

    def refuse(self) -> None:
        """Raise every problem as one error; nothing when there is none.

        Raises:
            DocumentError: any file is wrong.
        """
        if self.problems:
            from mythos.engines.policy.problem import together

            raise together(self.problems)


def load(files: Sequence[Path], tools: Sequence[Path]) -> Loaded:
    """Read policy sets and catalogues, and check each set against those it covers.

    Args:
        files: policy sets; one given twice is read once.
        tools: catalogues; none means those of the fleet's source tree.
    """
    found = Loaded()
    return _filled(found, files, tools or _of_the_tree(files, found))


def load_given(files: Sequence[Path], tools: Sequence[Path]) -> Loaded:
    """Like `load`, with the catalogues that are named and no others."""
    return _filled(Loaded(), files, tools)


def _filled(found: Loaded, files: Sequence[Path], tools: Sequence[Path]) -> Loaded:
    _read_tools(found, tools)
    for path in dict.fromkeys(files):
        _read_set(found, path)
    for document in found.documents:
        _fit(found, document)
        found.notes.extend(_deferred(document))
    return found


def loaded(files: Sequence[Path], tools: Sequence[Path]) -> Loaded:
    """Read what must be right to go on.

    Raises:
        DocumentError: any file is wrong; lists every objection.
        UsageError: no catalogue says what the tools are.
    """
    found = load(files, tools)
    found.refuse()
    if not found.catalogues:
        raise UsageError(
            "no tool catalogue says which tools there are",
            remedy="name one with --tools FILE, or keep the policy sets in policies/ and the "
            "catalogues in tools/ beside it",
        )
    return found


def governing(files: Sequence[Path], tools: Sequence[Path]) -> Loaded:
    """Like `loaded`, of sets that govern something: what is proved of no call would hold.

    Raises:
        DocumentError: any file is wrong; lists every objection.
        UsageError: no catalogue says what the tools are, or no set covers any of them.
    """
    found = loaded(files, tools)
    if len(found.idle) < len(found.documents):
        return found
    wanted = dict.fromkeys(name for each in found.documents for name in covered_domains(each))
    given = ", ".join(one.domain for one in found.catalogues)
    raise UsageError(
        f"no policy set covers any of the tools given: they cover {', '.join(wanted)}, "
        f"and the tools are those of {given}",
        remedy="correct `covers`, or name the catalogue that is meant with --tools",
    )


def refuse_versions(documents: Iterable[PolicyDocument]) -> None:
    """Of one policy set one version is in force.

    Raises:
        UsageError: two files are versions of one.
    """
    named: dict[str, str] = {}
    for document in documents:
        name, source = document.policy_set.policy_set, document.places.source
        if name in named:
            raise UsageError(
                f"{named[name]} and {source} are both the policy set {plain(name)}",
                remedy="give one of them; `mythos policy diff` and `backtest` compare versions",
            )
        named[name] = source


def versions_of(found: Loaded, old: Path, new: Path) -> tuple[PolicyDocument, PolicyDocument]:
    """The two documents that are compared; each stands beside the others, never beside itself.

    Raises:
        UsageError: another file is a version of the set compared.
    """
    by_file = {document.places.source: document for document in found.documents}
    sides = by_file[str(old)], by_file[str(new)]
    others = [document for document in found.documents if document not in sides]
    for side in sides:
        refuse_versions([side, *others])
    return sides


def _of_the_tree(files: Sequence[Path], found: Loaded) -> list[Path]:
    beside = {
        os.path.relpath(path.resolve().parent.parent / "tools")
        for path in files
        if path.resolve().parent.name == "policies"
    }
    paths = sorted(each for folder in beside for each in Path(folder).glob("*.json"))
    if paths:
        found.notes.append(f"tools are those of {', '.join(map(str, paths))}")
    return paths


def _read_tools(found: Loaded, tools: Iterable[Path]) -> None:
    read: list[Path] = []
    for path in tools:
        try:
            found.catalogues = read_catalogues([*read, path])
        except DocumentError as error:
            found.problems.append(error)
        else:
            read.append(path)


def _read_set(found: Loaded, path: Path) -> None:
    """Read a set and check it; one that only its tools contradict is kept all the same."""
    from mythos.engines.policy.document import read_policy_document

    source = str(path)
    try:
        text = document_text(path, PolicyError)
    except DocumentError as error:
        found.problems.append(error)
        return
    try:
        document = read_policy_document(text, source=source, catalogues=found.catalogues)
        found.documents.append(document)
    except DocumentError as error:
        found.problems.append(error)
        with suppress(DocumentError):
            found.documents.append(read_policy_document(text, source=source))


def _fit(found: Loaded, document: PolicyDocument) -> None:
    """Check a set against the catalogues it covers, as far as they are at hand."""
    from mythos.engines.policy.check import covered_by

    name = document.policy_set.policy_set
    covered, absent = covered_by(document.policy_set, found.catalogues)
    if not found.catalogues:
        found.notes.append(f"{name}: no tool catalogue, so names and types were not checked")
    elif not covered:
        given = ", ".join(one.domain for one in found.catalogues)
        wanted = ", ".join(covered_domains(document))
        found.idle.append(document)
        found.notes.append(f"{name} covers {wanted}, and none of the tools given ({given})")
    elif absent:
        found.notes.append(f"{name}: names of tools of {', '.join(absent)} were not checked")
        try:
            _check_types(document, covered)
        except DocumentError as error:
            found.problems.append(error)


def _deferred(document: PolicyDocument) -> Iterator[str]:
    """What no single host can know, and the rules that wait for the monitor because of it."""
    for name, fact in document.policy_set.facts.items():
        if fact.scope in {"node", "fleet"}:
            reading = [rule.id for rule in document.rules if name in rule.use.facts]
            yield (
                f"{document.policy_set.policy_set}: the fact {name} is of scope {fact.scope}, "
                f"which only the monitor knows; left to it: {', '.join(reading) or 'no rule'}"
            )


def _check_types(document: PolicyDocument, covered: Iterable[ToolCatalogue]) -> None:
    from mythos.engines.policy.check import type_problems
    from mythos.engines.policy.problem import refuse

    wrong = [
        problem
        for catalogue in covered
        for problem in type_problems(document.policy_set, document.rules, catalogue)
    ]
    refuse(tuple(dict.fromkeys(wrong)), document.places)


def covered_domains(document: PolicyDocument) -> tuple[str, ...]:
    """The catalogue domains that a policy set says it covers."""
    named = document.policy_set.covers.tools
    return (named,) if isinstance(named, str) else named


def notes_json(found: Loaded) -> list[str]:
    """The notes, each once."""
    return list(dict.fromkeys(found.notes))


def tell_notes(found: Loaded) -> None:
    """Print each note once."""
    for note in notes_json(found):
        click.echo(f"note: {note}")


def as_table(rows: Sequence[Sequence[Any]]) -> Iterable[str]:
    """Rows as lines, every column but the last as wide as its widest cell."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)][:-1]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join((*padded, row[-1])).rstrip()
