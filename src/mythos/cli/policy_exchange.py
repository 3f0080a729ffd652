"""`mythos policy import` and `mythos policy export`: plain Cedar in, plain Cedar out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.documents import document_text
from mythos.cli.output import as_json, chosen
from mythos.cli.policy_files import READABLE, loaded, tools_option
from mythos.errors import ConflictError, DocumentError, PolicyError, UsageError

if TYPE_CHECKING:
    from mythos.engines.policy.cedar_file import CedarFile, Named
    from mythos.engines.policy.problem import Problem
    from mythos.values.policy import PolicySet


@click.command("import", short_help="Make a policy set of a plain Cedar file.")
@click.argument("file", metavar="FILE", type=READABLE)
@click.option("--schema", type=READABLE, help="Cedar schema (JSON) to check the file by.")
@click.option("--name", default="", help="Name of the policy set; an exported file tells its own.")
@click.option(
    "--covers",
    metavar="DOMAIN",
    multiple=True,
    help="A tool catalogue whose tools it governs. Repeatable. Without any: every tool.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The document to write (YAML); one that is there is not replaced.",
)
@click.option(
    "--guard",
    is_flag=True,
    help="Take a file that only forbids: it will allow what it does not forbid.",
)
@as_json
def import_(
    file: Path,
    schema: Path | None,
    name: str,
    covers: tuple[str, ...],
    out: Path,
    guard: bool,
    as_json: bool,
) -> None:
    """Make a policy set of a plain Cedar file.

    Rules without an id get one; nothing else is changed. A file that `export` wrote becomes the
    policy set that it was. What MythOS never supplies, such as roles and groups, is refused.
    """
    from mythos.adapters.atomic_file import write_atomically
    from mythos.engines.policy.cedar_file import read_cedar_file, with_ids
    from mythos.engines.policy.cedar_text import plain_newlines
    from mythos.engines.policy.foreign import none_permits
    from mythos.engines.policy.identity import digest
    from mythos.engines.policy.written import written

    if out.exists():
        raise ConflictError(f"{out} is there already", remedy="name another file with --out")
    given = document_text(file, PolicyError).removeprefix("\ufeff")
    cedar = read_cedar_file(given, source=str(file))
    text, named = (cedar.rules, ()) if cedar.head else with_ids(plain_newlines(cedar.rules))
    policy_set = _policy_set(cedar, text, name=name, covers=covers)
    found = [
        *none_permits(text, guard=guard or bool(cedar.head)),
        *_problems(cedar, policy_set, schema),
    ]
    _refuse(file, cedar, named, list(dict.fromkeys(found)))
    write_atomically(out, written(policy_set).encode())
    result: dict[str, Any] = {
        "file": str(out),
        "policy_set": policy_set.policy_set,
        "version": policy_set.version,
        "digest": digest(policy_set),
        "added_ids": [{"line": each.line + cedar.first_line - 1, "id": each.id} for each in named],
    }
    chosen(as_json, result, lambda: _say_imported(result))


def _policy_set(cedar: CedarFile, rules: str, *, name: str, covers: Sequence[str]) -> PolicySet:
    from mythos.values.policy import PolicySet
    from mythos.values.source import document_of, validated

    body = {"version": 1, **cedar.head, "rules": rules}
    if name:
        body["policy_set"] = name
    if covers:
        body["covers"] = {"tools": covers[0] if len(covers) == 1 else list(covers)}
    if "policy_set" not in body:
        raise UsageError(
            "the file does not say what the policy set is called", remedy="say it with --name"
        )
    return validated(PolicySet, document_of(body, source="the document"), PolicyError)


def _problems(cedar: CedarFile, policy_set: PolicySet, schema: Path | None) -> Iterator[Problem]:
    from mythos.engines.policy.check import schema_problems
    from mythos.engines.policy.document import undeclared_facts
    from mythos.engines.policy.foreign import action_groups, foreign_problems
    from mythos.engines.policy.rule import read_rules

    rules, problems = read_rules(policy_set.rules)
    text = "" if schema is None else document_text(schema, DocumentError)
    yield from problems
    yield from undeclared_facts(policy_set, rules)
    if not cedar.head:
        yield from foreign_problems(rules, groups=action_groups(text))
    if schema is None or problems:
        return
    try:
        yield from list(schema_problems(rules, text))
    except ValueError as error:
        raise DocumentError(
            f"this is no Cedar schema: {error}",
            remedy="give the schema in Cedar's JSON format",
            where=str(schema),
        ) from error


def _refuse(
    file: Path, cedar: CedarFile, named: Sequence[Named], problems: Sequence[Problem]
) -> None:
    """Raise what is wrong, at the lines of the Cedar file."""
    from mythos.engines.policy.cedar_file import line_before
    from mythos.engines.policy.problem import together

    errors = []
    for each in problems:
        line = line_before(each.line, named) + cedar.first_line - 1
        where = f"{file}:{line}:{each.column}"
        errors.append(PolicyError(each.message, remedy=each.remedy, where=where))
    if errors:
        raise together(errors)


def _say_imported(result: dict[str, Any]) -> None:
    click.echo(f"{result['file']}  {result['policy_set']} version {result['version']}")
    click.echo(f"  {result['digest']}")
    for added in result["added_ids"]:
        click.echo(f'  line {added["line"]}: @id("{added["id"]}") added')


@click.command(short_help="Write a policy set as plain Cedar, with its schema.")
@click.argument("file", metavar="FILE", type=READABLE)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder to write NAME.cedar and NAME.cedarschema.json to.",
)
@tools_option
@click.option("--force", is_flag=True, help="Replace files that are there.")
@as_json
def export(file: Path, out: Path, tools: tuple[Path, ...], force: bool, as_json: bool) -> None:
    """Write a policy set as plain Cedar with the schema of what its rules may speak of.

    Any Cedar engine reads the two. A comment at the top says what it must supply with a request.
    """
    import orjson

    from mythos.adapters.atomic_file import write_atomically
    from mythos.engines.policy.cedar_file import cedar_schema, cedar_text
    from mythos.engines.policy.check import covered_by
    from mythos.engines.policy.identity import digest

    found = loaded([file], tools)
    policy_set = found.documents[0].policy_set
    covered, _ = covered_by(policy_set, found.catalogues)
    if not covered:
        raise UsageError(
            "the policy set covers none of the tool catalogues given",
            remedy="name one that it covers with --tools",
        )
    schema = orjson.dumps(cedar_schema(policy_set, covered), option=orjson.OPT_INDENT_2)
    stem = policy_set.policy_set.replace(" ", "-")
    result: dict[str, Any] = {
        "policy_set": policy_set.policy_set,
        "digest": digest(policy_set),
        "cedar": str(out / f"{stem}.cedar"),
        "schema": str(out / f"{stem}.cedarschema.json"),
    }
    if not force:
        _refuse_present(Path(result["cedar"]), Path(result["schema"]))
    write_atomically(Path(result["cedar"]), cedar_text(policy_set, covered).encode())
    write_atomically(Path(result["schema"]), schema + b"\n")
    chosen(as_json, result, lambda: _say_exported(result))


def _refuse_present(*files: Path) -> None:
    there = [str(file) for file in files if file.exists()]
    if there:
        raise ConflictError(
            f"{' and '.join(there)}: there already",
            remedy="name another folder with --out, or replace them with --force",
        )


def _say_exported(result: dict[str, Any]) -> None:
    for name, value in result.items():
        click.echo(f"{name:<10}  {value}")
