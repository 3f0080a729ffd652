"""`mythos audit`: score the traces a user already has; nothing is installed, sent or kept.

Two passes: the archive is read whole into a spill on disk, so that a malformed line ends the audit
before anything is written, then each trace is judged on its own. All runs close at the end of the
archive, and its newest span is the moment of the score. Every policy set given is in force; without
any, the baseline is. An agent whose document is given is held to the policy sets and workflows that
it names; every other agent to all there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.documents import document_text, read_agents
from mythos.cli.output import as_json, chosen
from mythos.cli.policy_files import load_given
from mythos.cli.recorded_runs import RecordedTrace, recorded_traces, spill_archive
from mythos.errors import UsageError, WorkflowError

if TYPE_CHECKING:
    from mythos.cli.audit_ledger import AuditedNode, Ledger
    from mythos.engines.judge.rulebook import Rulebook
    from mythos.engines.policy.document import PolicyDocument
    from mythos.engines.resilience.baseline import Baseline

DOCUMENT = click.Path(path_type=Path, exists=True, dir_okay=False)
ARCHIVE = click.Path(path_type=Path, exists=True)
NS = 10**9
LEAST_RUNS = 20


@click.command(
    help="Judge traces you already have by policy sets and workflows, offline. Exits 1 if anything "
    "was found."
)
@click.option(
    "--traces",
    type=ARCHIVE,
    multiple=True,
    required=True,
    help="OTLP as JSON lines or protobuf, plain or gzip; or a folder of them. Repeatable.",
)
@click.option(
    "--policy",
    type=DOCUMENT,
    multiple=True,
    help="A policy set in force. Repeatable. Without any, the baseline that ships with MythOS.",
)
@click.option("--workflow", type=DOCUMENT, multiple=True, help="A workflow to follow. Repeatable.")
@click.option(
    "--tools",
    type=DOCUMENT,
    multiple=True,
    help="A tool catalogue: what each tool does. Repeatable. Without any, calls are undecidable.",
)
@click.option(
    "--agent",
    type=DOCUMENT,
    multiple=True,
    help="An agent document: that agent is held to the policy sets and workflows it names. "
    "Repeatable. Any other agent is held to all.",
)
@click.option(
    "--baseline",
    type=ARCHIVE,
    multiple=True,
    help="Traces of runs that are as they should be: workflows are compared with them, and drift "
    "is flagged. Repeatable.",
)
@click.option(
    "--per-run",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write one JSON line for each run to this file.",
)
@as_json
@click.pass_context
def audit(
    ctx: click.Context,
    traces: tuple[Path, ...],
    policy: tuple[Path, ...],
    workflow: tuple[Path, ...],
    tools: tuple[Path, ...],
    agent: tuple[Path, ...],
    baseline: tuple[Path, ...],
    per_run: Path | None,
    as_json: bool,
) -> None:
    """Audit, print, and exit 1 on a finding."""
    documents = _documents(policy, workflow, tools, agent)
    accepted = _baselines(documents, baseline) if baseline else ()
    done = _audited(documents, traces, per_run, baselines=accepted)
    chosen(as_json, _as_json(done), lambda: _tell(done))
    if any(node.found for node in done.nodes):
        ctx.exit(1)


@dataclass(frozen=True, slots=True)
class _Documents:
    """What is judged by: the policy documents by digest, and all of it compiled."""

    policies: dict[str, PolicyDocument]
    rulebook: Rulebook


@dataclass(frozen=True, slots=True)
class _Done:
    """A finished audit. `as_of` is the end of the newest span."""

    documents: _Documents
    ledger: Ledger
    nodes: list[AuditedNode]
    as_of: datetime
    n_spans: int
    n_unassigned: int


def _documents(
    policy: Sequence[Path], workflow: Sequence[Path], tools: Sequence[Path], agent: Sequence[Path]
) -> _Documents:
    from mythos.adapters.baseline import baseline_text
    from mythos.engines.judge.rulebook import make_rulebook
    from mythos.engines.policy.document import read_policy_document
    from mythos.engines.policy.identity import digest
    from mythos.values.workflow import load_workflow

    found = load_given(policy, tools)
    found.refuse()
    read = found.documents or [read_policy_document(baseline_text(), source="baseline.yaml")]
    workflows = [load_workflow(document_text(p, WorkflowError), source=str(p)) for p in workflow]
    sets = [document.policy_set for document in read]
    return _Documents(
        policies={digest(document.policy_set): document for document in read},
        rulebook=make_rulebook(sets, found.catalogues, workflows, agents=read_agents(agent)),
    )


def _baselines(documents: _Documents, archives: Sequence[Path]) -> tuple[Baseline, ...]:
    """How the workflows were run in archives of good runs.

    Raises:
        UsageError: they hold fewer than 20 finished runs of every workflow.
    """
    from mythos.engines.conformance.drift import finished

    seen = _audited(documents, archives, None).ledger.baselines()
    enough = tuple(each for each in seen if finished(each.summary) >= LEAST_RUNS)
    if not enough:
        most = max((finished(each.summary) for each in seen), default=0)
        raise UsageError(
            f"the baseline holds at most {most} finished runs of a workflow given",
            remedy=f"give --workflow, and traces of at least {LEAST_RUNS} runs that follow it",
        )
    return enough


def _audited(
    documents: _Documents,
    traces: Sequence[Path],
    per_run: Path | None,
    *,
    baselines: Sequence[Baseline] = (),
) -> _Done:
    from mythos.adapters.lines_file import lines_file
    from mythos.adapters.span_spill import SpanSpill
    from mythos.cli.audit_ledger import Ledger

    with SpanSpill() as spill:
        n_traces = spill_archive(spill, traces)
        as_of = datetime.fromtimestamp(spill.newest_ns / NS, UTC)
        ledger = Ledger(documents.rulebook, as_of=as_of)
        ledger.compare_with(baselines)
        with lines_file(per_run) if per_run else nullcontext() as write:
            recorded = recorded_traces(spill, n_traces=n_traces)
            n_spans, n_unassigned = _judge(recorded, ledger, write=write)
        return _Done(
            documents=documents,
            ledger=ledger,
            nodes=ledger.nodes(),
            as_of=as_of,
            n_spans=n_spans,
            n_unassigned=n_unassigned,
        )


def _judge(
    traces: Iterable[RecordedTrace], ledger: Ledger, *, write: Callable[[bytes], object] | None
) -> tuple[int, int]:
    """Judge trace by trace; the number of different spans, and of those in no run."""
    import orjson

    n_spans = n_unassigned = 0
    for trace in traces:
        n_spans += trace.n_spans
        n_unassigned += trace.n_unassigned
        for run in trace.runs:
            line = ledger.enter(run)
            if write is not None:
                write(orjson.dumps(line) + b"\n")
    return n_spans, n_unassigned


def _as_json(done: _Done) -> dict[str, Any]:
    from mythos.engines.resilience.moment import written

    return {
        "as_of": written(done.as_of),
        "runs": done.ledger.n_runs,
        "unfinished_runs": done.ledger.n_timed_out,
        "spans": done.n_spans,
        "unassigned_spans": done.n_unassigned,
        "policies": [
            {"name": document.policy_set.policy_set, "digest": digest}
            for digest, document in done.documents.policies.items()
        ],
        "workflows": [
            {"name": one.document.name, "digest": digest}
            for digest, one in done.documents.rulebook.workflows.items()
        ],
        "agents": [
            {"name": one.name, "digest": one.digest}
            for one in done.documents.rulebook.agents.values()
        ],
        "nodes": [_node_json(node) for node in done.nodes],
    }


def _node_json(node: AuditedNode) -> dict[str, Any]:
    from mythos.values.outcome import Outcome

    reading = node.reading.model_dump(mode="json")
    return {
        "node_id": reading.pop("node"),
        "environment": reading.pop("environment"),
        "state": reading.pop("state"),
        "reason": reading.pop("reason"),
        "resilience": reading.pop("resilience"),
        "runs": node.runs,
        "outcomes": {outcome.value: node.outcomes[outcome] for outcome in Outcome},
        "claimed": node.outcomes[Outcome.BLOCKED],  # by the trace; no decision point was asked
        "components": reading.pop("components"),
        "flags": reading.pop("flags"),
        "drift": reading.pop("drift"),
        **{
            name: reading[name]
            for name in ("target", "coverage", "unknown_components", "window_s", "observed_only")
        },
    }


def _tell(done: _Done) -> None:
    from mythos.cli.audit_text import Told, tell

    names = ", ".join(one.policy_set.policy_set for one in done.documents.policies.values())
    when = f" up to {done.as_of:%Y-%m-%d %H:%M:%S}Z"
    tell(
        Told(
            nodes=done.nodes,
            facts=done.ledger.facts,
            documents=done.documents.policies,
            title=f"{done.ledger.n_runs:,} runs of {done.n_spans:,} spans{when}, by {names}",
            notes=_notes(done),
        )
    )


def _notes(done: _Done) -> list[str]:
    from mythos.engines.policy.check import covers
    from mythos.values.outcome import Outcome

    catalogues = done.documents.rulebook.catalogues
    notes = [
        f"{one.policy_set.policy_set} covers none of the tool catalogues given: it judged nothing"
        for one in done.documents.policies.values()
        if catalogues and not any(covers(one.policy_set, each) for each in catalogues)
    ]
    if not catalogues:
        notes.append(
            "without --tools no policy set can tell what a call does: but for loops and the like, "
            "all is undecidable"
        )
    if claimed := sum(node.outcomes[Outcome.BLOCKED] for node in done.nodes):
        notes.append(f"blocked is what the traces claim ({claimed:,}): no decision point was asked")
    return notes
