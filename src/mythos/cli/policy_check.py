"""`mythos policy check`: is a policy set well formed, and does it fit the tools it governs?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.findings import Finding, findings_of, tell_findings
from mythos.cli.output import as_json, chosen
from mythos.cli.policy_files import (
    READABLE,
    Loaded,
    as_table,
    load,
    notes_json,
    sources,
    tell_notes,
    tools_option,
)
from mythos.cli.source_lines import file_lines, marked_line, plain
from mythos.errors import UsageError

if TYPE_CHECKING:
    from mythos.engines.policy.affected import Affected
    from mythos.engines.policy.document import PolicyDocument


@dataclass(frozen=True, slots=True)
class _Checked:
    """What was read and found; `affected` with the document each belongs to."""

    loaded: Loaded
    findings: Sequence[Finding]
    affected: Sequence[tuple[PolicyDocument, Affected]]


@click.command(short_help="Check policy sets, and against the tools they govern.")
@sources
@tools_option
@click.option(
    "--was",
    type=READABLE,
    multiple=True,
    help="A tool catalogue as it was: list the rules and facts that its changes touch. Repeatable.",
)
@as_json
@click.pass_context
def check(
    ctx: click.Context,
    files: tuple[Path, ...],
    tools: tuple[Path, ...],
    was: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Check policy sets, each against the tool catalogues it covers.

    Every problem of every file is told, with its line. Exits 1 if there is any. A set that covers
    none of the catalogues is well formed and decides nothing: a note says so.
    """
    found = load(files, tools)
    found.notes.extend(_guards(found))
    found.notes.extend(_unheld(found))
    touched = list(_affected(found, was))
    findings = [each for problem in found.problems for each in findings_of(problem)]
    checked = _Checked(found, findings, touched)
    chosen(as_json, _as_json(checked), lambda: _tell(checked))
    if findings:
        ctx.exit(1)


def _guards(found: Loaded) -> Iterator[str]:
    for document in found.documents:
        if document.rules and not any(rule.permits for rule in document.rules):
            yield (
                f"{document.policy_set.policy_set} has no permit, so it is a guard: on its own it "
                "allows whatever it does not forbid; add a permit to deny the rest"
            )


def _unheld(found: Loaded) -> Iterator[str]:
    """For each tool what of its schema no call is held to, so that nobody relies on it."""
    from mythos.engines.policy.check import covers
    from mythos.engines.policy.shape import unheld_keywords

    for catalogue in found.catalogues:
        if not any(covers(each.policy_set, catalogue) for each in found.documents):
            continue
        for tool in catalogue.tools:
            told = [
                f"{keyword} of {', '.join(path or 'the arguments' for path in paths)}"
                for keyword, paths in unheld_keywords(tool.parameters).items()
            ]
            if told:
                yield (
                    f"{catalogue.domain}: no call of {tool.name} is held to the "
                    f"{'; '.join(told)} that its schema gives; forbid in a rule what matters"
                )


def _affected(found: Loaded, was: Sequence[Path]) -> Iterator[tuple[PolicyDocument, Affected]]:
    from mythos.cli.documents import read_catalogues
    from mythos.engines.policy.affected import affected
    from mythos.engines.policy.catalogue_change import catalogue_changes
    from mythos.engines.policy.check import covers

    if not was or (not found.catalogues and found.problems):
        return
    if not found.catalogues:
        raise UsageError(
            "--was says what the tools were, and nothing what they are",
            remedy="name the tool catalogue as it is now with --tools FILE",
        )
    before = read_catalogues(was)
    for document in found.documents:
        old, new = (
            [one for one in catalogues if covers(document.policy_set, one)]
            for catalogues in (before, found.catalogues)
        )
        changes = catalogue_changes(old, new)
        for each in affected(document.rules, document.policy_set.facts, changes):
            yield document, each


def _as_json(checked: _Checked) -> dict[str, Any]:
    return {
        "ok": not checked.findings,
        "files": [_file(document) for document in checked.loaded.documents],
        "problems": [finding.as_json() for finding in checked.findings],
        "covers_nothing": [each.policy_set.policy_set for each in checked.loaded.idle],
        "affected": [_touched(document, each) for document, each in checked.affected],
        "notes": notes_json(checked.loaded),
    }


def _file(document: PolicyDocument) -> dict[str, Any]:
    from mythos.engines.policy.identity import digest

    policy_set = document.policy_set
    return {
        "file": document.places.source,
        "policy_set": policy_set.policy_set,
        "version": policy_set.version,
        "digest": digest(policy_set),
        "rules": [
            {
                "id": rule.id,
                "effect": rule.effect,
                "severity": rule.severity.value,
                "line": document.places.line(rule.line),
                "actions": None if rule.actions is None else sorted(rule.actions),
                "explain": rule.explanation,
            }
            for rule in document.rules
        ],
        "facts": [
            {
                "name": name,
                "line": document.places.fact_line(name),
                "declared": fact.model_dump(mode="json", exclude_defaults=True),
            }
            for name, fact in policy_set.facts.items()
        ],
    }


def _touched(document: PolicyDocument, each: Affected) -> dict[str, Any]:
    return {
        "file": document.places.source,
        "policy_set": document.policy_set.policy_set,
        "kind": each.kind,
        "name": each.name,
        "line": _line(document, each),
        "changes": [
            {
                "tool": change.tool,
                "what": change.what.value,
                "argument": change.argument,
                "was": change.was,
                "now": change.now,
            }
            for change in each.changes
        ],
    }


def _line(document: PolicyDocument, each: Affected) -> int:
    places = document.places
    return places.line(each.line) if each.kind == "rule" else places.fact_line(each.name)


def _tell(checked: _Checked) -> None:
    for document in checked.loaded.documents:
        _tell_file(_file(document))
    tell_notes(checked.loaded)
    tell_findings(checked.findings)
    for document, each in checked.affected:
        place = f"{document.places.source}:{_line(document, each)}"
        click.echo(f"affected  {each.kind} {each.name}  {place}")
        for line in marked_line(file_lines(document.places.source), _line(document, each), 0):
            click.echo(line)
        for change in each.changes:
            click.echo(f"  {plain(str(change))}")
    click.echo(_summary(checked))


def _tell_file(file: dict[str, Any]) -> None:
    click.echo(f"{plain(file['policy_set'])} version {file['version']}  {file['file']}")
    click.echo(f"  {file['digest']}")
    rows = [
        (
            f"  {rule['line']:>5}",
            rule["effect"],
            rule["id"],
            rule["severity"],
            "every tool" if rule["actions"] is None else ", ".join(map(plain, rule["actions"])),
        )
        for rule in file["rules"]
    ]
    for line in as_table(rows):
        click.echo(line)


def _summary(checked: _Checked) -> str:
    documents = checked.loaded.documents
    n_rules = sum(len(document.rules) for document in documents)
    if checked.findings:
        n_files = len({finding.file for finding in checked.findings})
        return f"NOT ok: {len(checked.findings)} problems in {n_files} files"
    touched = f", {len(checked.affected)} affected" if checked.affected else ""
    idle = len(checked.loaded.idle)
    unused = f", {idle} of no tools given" if idle else ""
    return f"ok: {len(documents)} policy sets, {n_rules} rules{touched}{unused}"
