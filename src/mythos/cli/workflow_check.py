"""`mythos workflow check`: is a workflow well formed, and what was understood of it?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.findings import Finding, findings_of, tell_findings
from mythos.cli.output import as_json, chosen
from mythos.cli.source_lines import plain
from mythos.cli.workflow_files import FileStep, WorkflowFile, compiled, read_workflow
from mythos.errors import DocumentError, WorkflowError

if TYPE_CHECKING:
    from mythos.engines.conformance.model import Model
    from mythos.values.tools import ToolCatalogue

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)


@dataclass(slots=True)
class _Checked:
    """What was read, what is wrong, and what may be."""

    files: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)


@click.command(short_help="Check workflows, and say what was understood.")
@click.argument("files", metavar="FILE...", nargs=-1, type=READABLE, required=True)
@click.option(
    "--tools",
    type=READABLE,
    multiple=True,
    help="A tool catalogue: steps that none of its tools can be are told. Repeatable. Without any, "
    "tools/*.json beside the workflows/ folder.",
)
@as_json
@click.pass_context
def check(
    ctx: click.Context, files: tuple[Path, ...], tools: tuple[Path, ...], as_json: bool
) -> None:
    """Check workflows, and say of each what was understood.

    Every problem of every file is told, with its line and the path of its block. Exits 1 if there
    is any; a warning alone is none.
    """
    from mythos.cli.documents import read_catalogues

    checked = _Checked()
    catalogues = []
    try:
        catalogues = read_catalogues(tools or _of_the_tree(files))
    except DocumentError as error:
        checked.problems += findings_of(error)
    for path in dict.fromkeys(files):
        try:
            file = read_workflow(path)
            model = compiled(file)
        except DocumentError as error:
            checked.problems += findings_of(error, file=str(path))
        else:
            checked.files.append(_understood(file, model))
            checked.warnings += _warnings(file, catalogues)
    chosen(as_json, _as_json(checked), lambda: _tell(checked))
    if checked.problems:
        ctx.exit(1)


def _of_the_tree(files: Sequence[Path]) -> list[Path]:
    beside = {
        os.path.relpath(path.resolve().parent.parent / "tools")
        for path in files
        if path.resolve().parent.name == "workflows"
    }
    return sorted(each for folder in beside for each in Path(folder).glob("*.json"))


def _understood(file: WorkflowFile, model: Model) -> dict[str, Any]:
    from mythos.engines.conformance.model import compile_blueprint
    from mythos.values.workflow import Weights, workflow_digest

    workflow = file.workflow
    unweighted = compile_blueprint(workflow.model_copy(update={"weights": Weights()}))
    return {
        "file": str(file.path),
        "workflow": workflow.name,
        "version": workflow.version,
        "digest": workflow_digest(workflow),
        "critical": workflow.critical,
        "steps": [_step(file, step) for step in file.steps()],
        "shortest_run": [move.label for move in unweighted.align(()).moves],
        "route": "automaton" if model.n_states else "search",
        "states": model.n_states,
    }


def _step(file: WorkflowFile, step: FileStep) -> dict[str, Any]:
    label, weights = step.act.act, file.workflow.weights
    return {
        "label": label,
        "match": step.act.match,
        "block": step.block,
        "line": step.line,
        "skip": weights.skip_of(label),
        "extra": weights.extra_of(label),
    }


def _warnings(file: WorkflowFile, catalogues: Sequence[ToolCatalogue]) -> Iterator[Finding]:
    from mythos.engines.telemetry.table import TOOL_KEYS

    yield from _stranded(file)
    yield from _never_redone(file)
    steps = file.steps()
    labels = {step.act.act for step in steps}
    for label, weight in file.workflow.weights.labels.items():
        if weight.skip is not None and label not in labels:
            yield _warning(
                file,
                f"weights/{label}",
                "no step has this label, so nothing of it can be skipped",
                "correct the label, or delete the weight",
            )
    names = {name for catalogue in catalogues for name in catalogue.names}
    domains = ", ".join(catalogue.domain for catalogue in catalogues)
    for step in steps if catalogues else ():
        match = step.act.match or {}
        wanted = next((str(match[key]) for key in TOOL_KEYS if key in match), "")
        if wanted and wanted not in names:
            yield _warning(
                file,
                step.block,
                f"no tool of {domains} is called {wanted!r}, so no call is this step",
                "correct the name in `match`, or add the tool to the catalogue",
            )
        elif not match and step.act.act not in names:
            yield _warning(
                file,
                step.block,
                f"no tool of {domains} is called {step.act.act!r}: only a nested agent of that "
                "name is this step",
                "correct the label, or add `match` with what the step's spans bear",
            )


def _stranded(file: WorkflowFile) -> Iterator[Finding]:
    from mythos.engines.conformance.stranded import stranded_in

    for node in stranded_in(file.workflow.steps):
        if node.reached:
            message = f"node {node.name!r} is a dead end: no edge leads on to an end"
            remedy = "add the edge that leads on, or name the node among `ends`"
        else:
            message = f"no walk comes to node {node.name!r}: no edge leads there from a start"
            remedy = "add the edge that leads there, name the node in `start`, or delete it"
        yield _warning(file, node.path, f"{message}, so nothing of it is a step", remedy)


def _never_redone(file: WorkflowFile) -> Iterator[Finding]:
    from mythos.values.block import Loop, inner_blocks

    pending = [("steps", file.workflow.steps)]
    while pending:
        path, block = pending.pop()
        if isinstance(block, Loop) and block.body.max == 1 and block.body.redo:
            yield _warning(
                file,
                f"{path}/loop/redo",
                "`do` is taken once where `max` is 1, so `redo` never is",
                "raise `max` to 2 or more, or delete `redo`",
            )
        inner = [(f"{path}/{key}", child) for key, child in inner_blocks(block).items()]
        pending += reversed(inner)


def _warning(file: WorkflowFile, block: str, message: str, remedy: str) -> Finding:
    where = file.place(block)
    return findings_of(WorkflowError(f"{block}: {message}", remedy=remedy, where=where))[0]


def _as_json(checked: _Checked) -> dict[str, Any]:
    return {
        "ok": not checked.problems,
        "files": checked.files,
        "problems": [finding.as_json() for finding in checked.problems],
        "warnings": [finding.as_json() for finding in checked.warnings],
    }


def _tell(checked: _Checked) -> None:
    for file in checked.files:
        for line in _lines(file):
            click.echo(line)
    tell_findings(checked.problems)
    tell_findings(checked.warnings, word="warning")
    if checked.problems:
        n_files = len({finding.file for finding in checked.problems})
        click.echo(f"NOT ok: {len(checked.problems)} problems in {n_files} files")
    else:
        n_steps = sum(len(file["steps"]) for file in checked.files)
        warned = f", {len(checked.warnings)} warnings" if checked.warnings else ""
        click.echo(f"ok: {len(checked.files)} workflows, {n_steps} steps{warned}")


def _lines(file: dict[str, Any]) -> Iterator[str]:
    from mythos.cli.policy_files import as_table

    critical = ", critical" if file["critical"] else ""
    yield f"{plain(file['workflow'])} version {file['version']}{critical}  {plain(file['file'])}"
    yield f"  {file['digest']}"
    yield from as_table([_row(step) for step in file["steps"]])
    run = " → ".join(map(plain, file["shortest_run"])) or "nothing"
    yield f"  shortest run  {len(file['shortest_run'])} steps: {run}"
    states = file["states"]
    route = f"automaton of {states} states" if states else "search (too large for an automaton)"
    yield f"  compared by   {route}"


def _row(step: dict[str, Any]) -> tuple[str, ...]:
    match = ", ".join(f"{name}={value}" for name, value in (step["match"] or {}).items())
    return (
        f"  {step['line']:>5}",
        plain(step["label"]),
        f"skip {step['skip']} extra {step['extra']}",
        plain(match) or "a tool or agent of this name",
    )
