"""Workflows against policy sets, as `policy coherence --workflow` shows them.

A workflow is checked with the catalogue that declares most of its tools. Exits 1 where it cannot
finish, or where a step can never be taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.documents import document_text
from mythos.cli.output import bar
from mythos.cli.patch import Edit, Patch, patch_of
from mythos.cli.source_lines import call_line, plain
from mythos.errors import WorkflowError

if TYPE_CHECKING:
    from mythos.engines.coherence.workflow.suggest import AddedSteps
    from mythos.engines.coherence.workflow.verdict import (
        Blocked,
        StepVerdict,
        Taken,
        WorkflowVerdict,
    )
    from mythos.engines.policy.compile import PolicyEngine
    from mythos.values.workflow import Workflow

_MARKS = {
    "reachable": "✔",
    "sometimes blocked": "~",
    "never permitted": "✖",
    "behind a blocked step": "⊘",
    "undecided": "?",
}
NO_PATCH = "no patch: no careful edit of this text was found; write the steps in by hand"
_STOPPED = frozenset({"never permitted", "behind a blocked step"})


@dataclass(frozen=True, slots=True)
class Walked:
    """One workflow: its file, what was found of it, and steps that it was missing."""

    path: Path
    verdict: WorkflowVerdict
    added: tuple[AddedSteps, ...]


def checked_workflows(paths: Sequence[Path], engines: Sequence[PolicyEngine]) -> list[Walked]:
    """Read workflows, check each against the policy sets, and seek the steps it is missing.

    Raises:
        WorkflowError: a file is no workflow.
    """
    from mythos.engines.coherence.workflow.check import check_workflow
    from mythos.engines.coherence.workflow.steps import tools_named
    from mythos.engines.coherence.workflow.suggest import suggested_steps
    from mythos.values.workflow import load_workflow

    workflows = [load_workflow(document_text(p, WorkflowError), source=str(p)) for p in paths]

    def fit(workflow: Workflow, engine: PolicyEngine) -> tuple[int, int]:
        known, unknown = tools_named(workflow, engine.catalogue)
        return known, -unknown

    found = []
    with bar("walking", total=len(workflows)) as progress:
        for path, workflow in zip(paths, workflows, strict=True):
            progress.say(f"walking {workflow.name}")
            engine = max(engines, key=lambda one: fit(workflow, one))
            verdict = check_workflow(workflow, engine)
            found.append(Walked(path, verdict, suggested_steps(workflow, engine, verdict)))
            progress.advance()
    return found


def is_stopped(verdict: WorkflowVerdict) -> bool:
    """Whether the workflow cannot finish, or some step of it can never be taken."""
    stopped = any(step.status in _STOPPED for step in verdict.steps)
    return verdict.can_finish is False or stopped


def added_json(walked: Walked, added: AddedSteps) -> dict[str, Any]:
    """Steps to add, with the paths of the steps that can be taken then, and a patch or why none."""
    patch = _patch(walked.path, added)
    return {
        "kind": "add step",
        "sentence": added.sentence,
        "workflow": walked.verdict.name,
        "before": added.before.step.path,
        "steps": list(added.steps),
        "resolves": list(added.resolves),
        "can_finish": added.verdict.can_finish,
        "patch": patch.text,
        "apply": patch.apply,
        "no_patch": "" if patch.lines else NO_PATCH,
    }


def _patch(path: Path, added: AddedSteps) -> Patch:
    """The edit of the file; empty where its text cannot be edited with care."""
    from mythos.engines.coherence.workflow.document_edit import edited_text

    try:
        before = document_text(path, WorkflowError)
    except WorkflowError:
        return patch_of([])
    after = edited_text(before, added, source=str(path))
    return patch_of([Edit(path, before, after)] if after else [])


def workflow_json(verdict: WorkflowVerdict) -> dict[str, Any]:
    """A verdict with its steps, paths and the calls that were decided."""
    return {
        "name": verdict.name,
        "catalogue": verdict.domain,
        "can_finish": verdict.can_finish,
        "why": verdict.why,
        "path": _texts(verdict.path),
        "steps": [_step_json(step) for step in verdict.steps],
        "deferred": list(verdict.deferred),
        "unjudged": list(verdict.unjudged),
    }


def _step_json(step: StepVerdict) -> dict[str, Any]:
    return {
        "path": step.step.path,
        "label": step.step.label,
        "tool": step.step.tool,
        "status": step.status,
        "reached_by": _texts(step.path),
        "behind": step.behind or None,
        "why": step.why,
        "permitted": dict(step.permitted.arguments or {}) if step.permitted else None,
        "denied": dict(step.denial.request.arguments or {}) if step.denial else None,
        "blocked": [
            {"facts": [_fact(each) for each in one.facts], "path": _texts(one.path)}
            for one in step.blocked
        ],
        "missing": [
            {"policy_set": m.policy_set, "fact": m.fact, "is": m.value, "wanted": m.wanted}
            for m in step.missing
        ],
    }


def _fact(state: Any) -> dict[str, str]:  # noqa: ANN401 - FactState is imported for types only
    return {"policy_set": state.policy_set, "fact": state.fact, "value": state.value}


def _texts(path: Iterable[Taken]) -> list[str]:
    return [taken.text for taken in path]


def tell_workflow(walked: Walked) -> None:
    """Print the workflow's steps, each with a mark, what stands in their way, and what would do."""
    verdict = walked.verdict
    word = {True: "can finish", False: "CANNOT finish", None: "undecided"}[verdict.can_finish]
    click.echo(f"workflow {plain(verdict.name)}: {word}")
    if verdict.why:
        click.echo(f"  {plain(verdict.why)}")
    if verdict.path:
        click.echo(f"  one way  {' → '.join(map(plain, _texts(verdict.path)))}")
    for step in verdict.steps:
        click.echo(f"  {_MARKS[step.status]} {plain(step.step.label)}  {step.status}")
        for line in _lines(step):
            click.echo(f"      {line}")
    for rule in verdict.deferred:
        click.echo(f"  left to the monitor: {plain(rule)}")
    for added in walked.added:
        finish = ", and then it can finish" if added.verdict.can_finish else ""
        click.echo(f"  suggested, and proved: {plain(added.sentence)}{finish}")
        for line in _patch(walked.path, added).lines or [NO_PATCH]:
            click.echo(f"      │ {plain(line.rstrip())}".rstrip())


def _lines(step: StepVerdict) -> Iterator[str]:
    if step.status == "reachable":
        return
    if step.path:
        yield f"after    {' → '.join(map(plain, _texts(step.path)))}"
    if step.behind:
        yield f"behind   {step.behind}"
    if step.why:
        yield f"why      {plain(step.why)}"
    for lack in step.missing:
        yield f"missing  {lack.policy_set}/{lack.fact} is {lack.value}, wanted {lack.wanted}"
    for one in step.blocked[:3]:
        yield f"blocked  {_state(one)}"
    if step.denial:
        request = step.denial.request
        yield f"denied   {call_line(request.tool, request.arguments)}"


def _state(one: Blocked) -> str:
    return ", ".join(f"{fact.policy_set}/{fact.fact}={fact.value}" for fact in one.facts)
