"""`mythos policy coherence`: can every rule matter, and does every promise hold, for all calls?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, bar, chosen
from mythos.cli.policy_files import (
    READABLE,
    Loaded,
    governing,
    notes_json,
    refuse_versions,
    sources,
    tell_notes,
    tools_option,
)
from mythos.cli.policy_suggested import suggested, suggestion_json, tell_suggestions
from mythos.cli.policy_witness import Sets, witness_json, witness_lines
from mythos.cli.policy_workflow import (
    added_json,
    checked_workflows,
    is_stopped,
    tell_workflow,
    workflow_json,
)
from mythos.cli.source_lines import plain
from mythos.errors import UnavailableError

if TYPE_CHECKING:
    from mythos.engines.coherence.coherence import Coherence
    from mythos.engines.coherence.finding import CoherenceFinding
    from mythos.engines.coherence.memory import Memory
    from mythos.engines.coherence.suggest.suggest import Suggested
    from mythos.engines.policy.compile import PolicyEngine

_MARKS = {"error": "✖ error", "warning": "! warning", "info": "· info"}


@click.command(short_help="Can every rule matter, and does every promise hold?")
@sources
@click.option("--workflow", type=READABLE, multiple=True, help="A workflow to check them against.")
@tools_option
@click.option("--no-cache", is_flag=True, help="Prove everything anew, and keep nothing.")
@as_json
@click.pass_context
def coherence(
    ctx: click.Context,
    files: tuple[Path, ...],
    workflow: tuple[Path, ...],
    tools: tuple[Path, ...],
    no_cache: bool,
    as_json: bool,
) -> None:
    """Check policy sets that are in force together, over all requests.

    Exits 1 if any finding is an error: a broken promise, a forbid that can fail, a workflow that
    cannot finish or holds a step that nobody may take.
    """
    need_solver()
    found = governing(files, tools)
    refuse_versions(found.documents)
    engines = compiled(found)
    with _memory(no_cache=no_cache) as memory:
        result = _checked(engines, memory)
        cures = suggested(engines, result, memory)
    walked = checked_workflows(workflow, engines)
    sets = Sets(found.documents, engines)
    body = {
        **_as_json(found, result, cures, sets),
        "workflows": [workflow_json(one.verdict) for one in walked],
    }
    body["suggested_changes"] += [added_json(one, added) for one in walked for added in one.added]

    def tell() -> None:
        for one in walked:
            tell_workflow(one)
            click.echo()
        _tell(found, result, cures, sets)

    chosen(as_json, body, tell)
    if result.has_errors or any(is_stopped(one.verdict) for one in walked):
        ctx.exit(1)


def need_solver() -> None:
    """See that z3 is there.

    Raises:
        UnavailableError: it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("z3") is None:
        raise UnavailableError(
            "questions about all requests need the solver z3, which is not installed",
            remedy="pip install 'mythos-fleet[prove]'",
        )


def compiled(found: Loaded) -> list[PolicyEngine]:
    """Every policy set compiled for each catalogue."""
    from mythos.engines.policy.compile import compile_policies

    sets = [document.policy_set for document in found.documents]
    return [compile_policies(sets, catalogue) for catalogue in found.catalogues]


@contextmanager
def _memory(*, no_cache: bool) -> Iterator[Memory]:
    """Where verdicts are kept; that they could not be is told once, at the end."""
    from mythos.adapters.verdict_folder import VerdictFolder, default_folder, default_secret
    from mythos.engines.coherence.memory import NO_MEMORY, Notebook

    if no_cache:
        yield Notebook(NO_MEMORY)
        return
    try:
        folder = VerdictFolder(default_folder(), default_secret())
    except OSError as refused:
        yield Notebook(NO_MEMORY)
        _say_forgotten(refused)
        return
    yield Notebook(folder)
    if folder.refused:
        _say_forgotten(folder.refused)


def _say_forgotten(refused: OSError) -> None:
    click.echo(
        f"note: verdicts are not kept, and proved anew each time: {refused.filename}: "
        f"{refused.strerror}",
        err=True,
    )


def _checked(engines: list[PolicyEngine], memory: Memory) -> Coherence:
    from mythos.engines.coherence.coherence import check_coherence, n_tools

    with bar("checking", total=n_tools(engines)) as progress:

        def step(tool: str) -> None:
            progress.say(f"checking {tool}")
            progress.advance()

        return check_coherence(engines, memory=memory, on_tool=step)


def _as_json(found: Loaded, result: Coherence, cures: Suggested, sets: Sets) -> dict[str, Any]:
    return {
        "coherence": round(result.coherence, 6),
        "obligations": result.n_obligations,
        "findings": [_finding(each, sets) for each in result.findings],
        "suggested_changes": [suggestion_json(one, result, sets) for one in cures.suggestions],
        "tools": {"proved": result.n_proved, "recalled": result.n_recalled},
        "notes": notes_json(found),
    }


def _finding(each: CoherenceFinding, sets: Sets) -> dict[str, Any]:
    keys = each.rules or ((each.promise,) if each.promise else ())
    return {
        "kind": each.kind.value,
        "severity": each.gravity.value,
        "policy_sets": list(dict.fromkeys(sets.name(digest) for digest, _ in keys)),
        "rules": [sets.as_json(key) for key in each.rules],
        "promise": each.promise[1] if each.promise else None,
        "sentence": each.sentence,
        "names_violations": each.names,
        "witness": witness_json(each.witness, sets) if each.witness else None,
    }


def _tell(found: Loaded, result: Coherence, cures: Suggested, sets: Sets) -> None:
    for each in result.findings:
        click.echo(f"{_MARKS[each.gravity.value]}  {each.kind.value}: {plain(each.sentence)}")
        for key in each.rules[:3]:
            for line in sets.lines(key):
                click.echo(line)
        if each.witness:
            for line in witness_lines(each.witness, sets):
                click.echo(line)
        click.echo()
    tell_suggestions(cures, result, sets)
    tell_notes(found)
    click.echo(
        f"coherence {result.coherence:.3f} over {result.n_obligations} obligations "
        "(checked by SMT, witness-replayed)"
    )
