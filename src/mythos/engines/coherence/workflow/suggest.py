"""Suggestions for a workflow: the steps that are missing before one that is never permitted.

The facts that stand in its way say which events would change them. Steps for these are put in,
the workflow is checked again, and only what cures the step and blocks no other is offered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import cast

from pydantic import JsonValue

from mythos.engines.coherence.workflow.check import check_workflow, facts_of
from mythos.engines.coherence.workflow.inserted import moved, with_steps
from mythos.engines.coherence.workflow.permits import SolvedPermits
from mythos.engines.coherence.workflow.steps import CONFIRM, TOOL_NAME
from mythos.engines.coherence.workflow.verdict import Lack, StepVerdict, WorkflowVerdict
from mythos.engines.policy.compile import PolicyEngine
from mythos.errors import WorkflowError
from mythos.values.block import Act, Block, inner_blocks
from mythos.values.workflow import Workflow

MAX_STEPS_CURED = 8
_MAX_TRIED = 6
_OPEN = frozenset({"reachable", "sometimes blocked"})


@dataclass(frozen=True, slots=True)
class AddedSteps:
    """Steps, as blocks in their JSON form, that the step at `before` was missing.

    `original` is the workflow as it was, `workflow` its next version, with the steps; `verdict` is
    what is said of that; `resolves` are the paths, as they were, of steps that nobody could take
    and that can be taken now.
    """

    original: Workflow
    before: StepVerdict
    steps: tuple[JsonValue, ...]
    workflow: Workflow
    verdict: WorkflowVerdict
    resolves: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What to do, for a person."""
        names = " and ".join(cast("dict[str, str]", step)["act"] for step in self.steps)
        lacks = " and ".join(
            f"{each.policy_set}/{each.fact} to be {each.wanted}" for each in self.before.missing
        )
        step = self.before.step
        return f"add {names} before {step.label} ({step.path}), which needs {lacks}"


def suggested_steps(
    workflow: Workflow, engine: PolicyEngine, verdict: WorkflowVerdict
) -> tuple[AddedSteps, ...]:
    """Steps to add to a workflow, each suggestion proved by itself.

    Args:
        workflow: as it was read.
        engine: the policy sets it was checked against.
        verdict: of that check.

    Returns:
        At most one suggestion for each step that is never permitted; none for one that an
        earlier suggestion opens.

    Raises:
        ImportError: z3 is not installed.
    """
    seeker = _Seeker(workflow, engine, verdict)
    found: list[AddedSteps] = []
    stopped = [each for each in verdict.steps if each.status == "never permitted"]
    for step in stopped[:MAX_STEPS_CURED]:
        if not any(step.step.path in each.resolves for each in found):
            found.extend(islice(seeker.of(step), 1))
    return tuple(found)


class _Seeker:
    def __init__(self, workflow: Workflow, engine: PolicyEngine, verdict: WorkflowVerdict) -> None:
        self._workflow, self._engine, self._verdict = workflow, engine, verdict
        self._permits = SolvedPermits(engine, facts_of(engine))
        self._written = list(_acts(workflow.steps))

    def of(self, step: StepVerdict) -> Iterator[AddedSteps]:
        choices = [list(self._blocks(lack)) for lack in step.missing]
        if not choices or not all(choices):
            return
        for steps in islice(product(*choices), _MAX_TRIED):
            unlike = [s for n, s in enumerate(steps) if s not in steps[:n]]
            found = self._tried(step, unlike)
            if found is not None:
                yield found

    def _tried(self, step: StepVerdict, steps: Sequence[JsonValue]) -> AddedSteps | None:
        path = step.step.path
        try:
            made = with_steps(self._workflow, path, steps)
        except WorkflowError:
            return None
        verdict = check_workflow(made, self._engine, permits=self._permits)
        statuses = {each.step.path: each.status for each in verdict.steps}
        resolved = []
        for old in self._verdict.steps:
            now = statuses.pop(moved(old.step.path, path, len(steps)), "")
            if old.status in _OPEN and now not in _OPEN:
                return None
            if old.status not in _OPEN and now in _OPEN:
                resolved.append(old.step.path)
        lost = self._verdict.can_finish and not verdict.can_finish
        if lost or path not in resolved or not _OPEN.issuperset(statuses.values()):
            return None
        return AddedSteps(
            original=self._workflow,
            before=step,
            steps=tuple(steps),
            workflow=made,
            verdict=verdict,
            resolves=tuple(resolved),
        )

    def _blocks(self, lack: Lack) -> Iterator[JsonValue]:
        """Steps that may make a fact what it has to be."""
        owner = next(e for e in self._engine.compiled if e.policy_set.policy_set == lack.policy_set)
        plan = owner.plans[lack.fact]
        off = lack.wanted in {"false", "0", "absent"}
        for event in sorted(plan.resets if off else plan.events):
            yield from self._steps_for(event)

    def _steps_for(self, event: str) -> Iterator[JsonValue]:
        """Steps that are this event: one as the workflow writes it already, else a plain one."""
        tools = [tool for tool in self._engine.catalogue.tools if tool.name == event]
        if event == CONFIRM:
            tools = [tool for tool in self._engine.catalogue.tools if tool.user]
        for tool in tools:
            same = (act for act in self._written if _tool_of(act) == tool.name)
            act = next(same, None)
            yield act.model_dump(mode="json") if act else {"act": tool.name}
        if event == CONFIRM and not tools:
            yield {"act": CONFIRM}


def _acts(block: Block) -> Iterator[Act]:
    if isinstance(block, Act):
        yield block
    for child in inner_blocks(block).values():
        yield from _acts(child)


def _tool_of(act: Act) -> str:
    named = (act.match or {}).get(TOOL_NAME)
    return named if isinstance(named, str) else act.act
