"""`mythos workflow align`: how far do recorded runs stray from a workflow, and where?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, chosen
from mythos.cli.source_lines import plain
from mythos.cli.workflow_files import WorkflowFile, compiled, read_workflow
from mythos.cli.workflow_variants import CountedVariants, count_variants
from mythos.errors import UsageError

if TYPE_CHECKING:
    from mythos.cli.workflow_runs import AlignedRuns

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
WORST = 3
LISTED = 10


def _number(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and isnan(value):
        raise UsageError("--fail-under nan is no number", remedy="give one from 0 to 1")
    return value


@click.command(short_help="How far do recorded runs stray from a workflow, and where?")
@click.argument("file", metavar="FILE", type=READABLE)
@click.option(
    "--traces",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="OTLP as JSON lines or protobuf, plain or gzip; or a folder of them. Repeatable.",
)
@click.option(
    "--variants",
    type=READABLE,
    help='Instead of traces: {"variants": [{"trace": [labels], "count": n}]}, plain or gzip.',
)
@click.option(
    "--others",
    type=READABLE,
    multiple=True,
    help="A workflow that the runs may follow instead: each counts for the one it fits at least "
    "cost. Repeatable.",
)
@click.option(
    "--agent",
    type=READABLE,
    multiple=True,
    help="An agent document: that agent is held to the workflows it names. Repeatable. Any other "
    "agent is held to all.",
)
@click.option(
    "--agent-name",
    "agent_names",
    metavar="NAME",
    multiple=True,
    help="Look only at runs whose outermost agent has this name. Repeatable.",
)
@click.option(
    "--worst",
    type=click.IntRange(0, 1_000),
    default=WORST,
    show_default=True,
    help="How many of the runs that stray most are shown.",
)
@click.option(
    "--fail-under",
    metavar="X",
    type=click.FloatRange(0, 1),
    callback=_number,
    help="Exit 1 if the consistency is less than X, or may be, or cannot be said.",
)
@as_json
@click.pass_context
def align(
    ctx: click.Context,
    file: Path,
    traces: tuple[Path, ...],
    variants: Path | None,
    others: tuple[Path, ...],
    agent: tuple[Path, ...],
    agent_names: tuple[str, ...],
    worst: int,
    fail_under: float | None,
    as_json: bool,
) -> None:
    """Align recorded runs with the workflow FILE: which steps were done, skipped, extra?

    A run belongs to the workflow that it names; if it names none, to that of its agent's which it
    fits at least cost. Exits 0 however the runs strayed, unless --fail-under is given.
    """
    if bool(traces) == (variants is not None):
        raise UsageError(
            "the runs are missing" if not traces else "--traces and --variants exclude each other",
            remedy="name recorded spans with --traces, or label sequences with --variants",
        )
    if variants is not None and (others or agent or agent_names):
        raise UsageError(
            "variants are labels and tell of no agent and no workflow",
            remedy="leave --others, --agent and --agent-name out, or give --traces",
        )
    read = read_workflow(file)
    if variants is not None:
        counted = count_variants(compiled(read), variants)
        tally = counted.tally
        told = {"variants": counted.as_json(), **tally.as_json(read)}
        chosen(as_json, told, lambda: _tell_variants(read, counted, worst))
    else:
        asked = _Asked(others, agent, agent_names, worst)
        done = _aligned(read, traces, asked)
        tally = done.tally
        chosen(as_json, _as_json(read, done), lambda: _tell(read, done))
    if fail_under is not None and not tally.reaches(fail_under):
        ctx.exit(1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which runs to look at, and how many of them to show."""

    others: Sequence[Path]
    agents: Sequence[Path]
    agent_names: Sequence[str]
    worst: int


def _aligned(file: WorkflowFile, traces: Sequence[Path], asked: _Asked) -> AlignedRuns:
    from mythos.cli.documents import read_agents
    from mythos.cli.workflow_runs import aligned_runs
    from mythos.engines.judge.rulebook import make_rulebook
    from mythos.values.workflow import workflow_digest

    files = [file, *map(read_workflow, asked.others)]
    for each in files:
        compiled(each)  # an objection with its line
    agents = [
        (digest, agent.model_copy(update={"policies": ()}))
        for digest, agent in read_agents(asked.agents)
    ]
    return aligned_runs(
        make_rulebook([], [], [each.workflow for each in files], agents=agents),
        workflow_digest(file.workflow),
        traces,
        agents=frozenset(asked.agent_names),
        keep=asked.worst,
    )


def _as_json(file: WorkflowFile, done: AlignedRuns) -> dict[str, Any]:
    from mythos.cli.workflow_drawing import run_json

    return {
        **done.tally.as_json(file),
        "unfinished": done.unfinished,
        "archived": done.n_archived,
        "other_workflows": done.elsewhere,
        "unknown_workflows": done.strays,
        "skipped": _deviations(done, "skip"),
        "extra": _deviations(done, "extra"),
        "worst": [run_json(one) for one in done.worst],
    }


def _deviations(done: AlignedRuns, kind: str) -> list[dict[str, Any]]:
    """Labels with the number of runs that skipped or added them, most first."""
    counted = [(n, label) for (each, label), n in done.deviations.items() if each == kind]
    return [
        {"label": label, "runs": n} for n, label in sorted(counted, key=lambda c: (-c[0], c[1]))
    ]


def _tell(file: WorkflowFile, done: AlignedRuns) -> None:
    from mythos.cli.workflow_drawing import drawn

    for one in done.worst:
        for line in drawn(one, file):
            click.echo(line)
        click.echo()
    for line in _table(file, done):
        click.echo(line)
    for note in _notes(done):
        click.echo(f"note: {note}")
    for line in done.tally.lines(file):
        click.echo(line)


def _table(file: WorkflowFile, done: AlignedRuns) -> Iterator[str]:
    from mythos.cli.policy_files import as_table
    from mythos.cli.workflow_drawing import runs

    weights = file.workflow.weights
    weigh = {"skip": weights.skip_of, "extra": weights.extra_of}
    places = {step.act.act: step.line for step in reversed(file.steps())}
    for kind, title in (("skip", "skipped"), ("extra", "extra")):
        rows = [row for row in _deviations(done, kind) if weigh[kind](row["label"])]
        if not rows:
            continue
        yield f"most {title}"
        shown = [
            (
                f"  {plain(row['label'])}",
                runs(row["runs"]),
                f"{row['runs'] / done.tally.followed.counted:.0%}",
                f"line {places[row['label']]}" if places.get(row["label"]) else "no step of it",
            )
            for row in rows[:LISTED]
        ]
        yield from as_table(shown)
        if len(rows) > LISTED:
            yield f"  and {len(rows) - LISTED} more labels"


def _notes(done: AlignedRuns) -> Iterator[str]:
    if not done.n_archived:
        yield "the archive holds no runs"
    if done.unseen and done.n_archived:
        names = ", ".join(plain(name) for name in sorted(done.unseen))
        yield f"no run has an outermost agent of the name {names}"
    if done.elsewhere:
        yield f"{done.elsewhere:,} runs follow another workflow given, and are not counted"
    if done.strays:
        yield f"{done.strays:,} runs name a workflow that was not given, and are not counted"
    if done.unfinished:
        yield f"{done.unfinished:,} runs have no end here: their last steps may be missing"


def _tell_variants(file: WorkflowFile, counted: CountedVariants, worst: int) -> None:
    from mythos.cli.workflow_drawing import drawn_variant

    for place in counted.worst(worst):
        for line in drawn_variant(place, counted, file):
            click.echo(line)
        click.echo()
    for line in counted.tally.lines(file):
        click.echo(line)
