"""Steps of a workflow, each by its place, and the automaton that says in which order they come.

Two acts of one label are two steps here, since each is asked about on its own. What a step does:

- it calls a tool if its `match` names one as `gen_ai.tool.name`, or else if its label is a tool of
  the catalogue. Other attributes of `match` are not interpreted: the call may have any arguments;
- it is something the user does if its label is `user.message` or `user.confirm`;
- else it is an agent, a model call or a span of another kind: no policy set decides about it, and
  it is no event of any fact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mythos.engines.conformance.automaton import automaton_of
from mythos.engines.conformance.tree import numbered
from mythos.engines.policy.facts.declared import USER_EVENTS
from mythos.errors import WorkflowError
from mythos.values.block import Act
from mythos.values.process import Process, normal_form
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import Workflow

TOOL_NAME = "gen_ai.tool.name"
CONFIRM = "user.confirm"


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """One act: where it stands, its label, and the tool it calls or what the user does in it."""

    path: str
    label: str
    tool: str = ""
    user: str = ""

    @property
    def plain(self) -> bool:
        """Whether no policy set decides about it."""
        return not self.tool and not self.user


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of a workflow by number, and in which order they may come.

    `rows[q]` maps the number of a step to the state after it; the start is 0. `asks` says that the
    steps themselves tell where the user may confirm.
    """

    steps: tuple[WorkflowStep, ...]
    rows: tuple[dict[int, int], ...]
    final: tuple[bool, ...]
    asks: bool


def plan_of(workflow: Workflow, catalogue: ToolCatalogue) -> Plan:
    """The steps of a workflow, for an agent that has the tools of a catalogue.

    Args:
        workflow: as it was read.
        catalogue: tells which labels are tools and which tools ask the user.

    Returns:
        The plan. A block that no run enters has no steps in it, and equal branches of one `xor`
        are one branch.

    Raises:
        WorkflowError: the order cannot be laid out, because of a block that has no automaton or
            of too many steps at the same time.
    """
    acts: list[Process] = []
    distinct = _told_apart(normal_form(workflow.steps), acts)
    tree = numbered(distinct, skip_of=lambda _: 1)
    automaton = automaton_of(tree)
    if automaton is None:
        raise WorkflowError(
            f"workflow {workflow.name}: too many orders of its {len(tree.labels)} steps",
            remedy="take fewer steps at the same time, or split the workflow",
        )
    steps = tuple(_step(acts[int(label)], catalogue) for label in tree.labels)
    return Plan(
        steps=steps,
        rows=automaton.rows,
        final=automaton.final,
        asks=any(_asks(each, catalogue) for each in steps),
    )


def tools_named(workflow: Workflow, catalogue: ToolCatalogue) -> tuple[int, int]:
    """How many steps call a tool of the catalogue, and how many a tool it does not declare."""
    acts: list[Process] = []
    _told_apart(normal_form(workflow.steps), acts)
    tools = [step.tool for each in acts if (step := _step(each, catalogue)).tool]
    known = sum(tool in catalogue.names for tool in tools)
    return known, len(tools) - known


def _told_apart(process: Process, acts: list[Process]) -> Process:
    """The process with each act labelled by its number."""
    if process.act is not None:
        acts.append(process)
        return replace(process, act=Act(act=str(len(acts) - 1)))
    return replace(process, children=tuple(_told_apart(each, acts) for each in process.children))


def _step(process: Process, catalogue: ToolCatalogue) -> WorkflowStep:
    act = process.act
    assert act is not None  # noqa: S101 - only acts are collected
    named = (act.match or {}).get(TOOL_NAME)
    if isinstance(named, str):
        return WorkflowStep(process.path, act.act, tool=named)
    if act.act in catalogue.names:
        return WorkflowStep(process.path, act.act, tool=act.act)
    return WorkflowStep(process.path, act.act, user=act.act if act.act in USER_EVENTS else "")


def _asks(step: WorkflowStep, catalogue: ToolCatalogue) -> bool:
    tool = catalogue.find(step.tool) if step.tool else None
    return step.user == CONFIRM or (tool is not None and tool.user)
