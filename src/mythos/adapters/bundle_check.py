"""Does a fleet's source tree mean something: do its parts fit each other?

Policy sets are compiled against the tools they govern, workflows against the tools and agents whose
calls are their steps, commands against what a node fills in.

`bundle_source` knows each file alone; here they meet. Nothing is asked that the bundle's bytes do
not answer, so what passes here can be judged by every node that launches it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Sequence

from mythos.adapters.bundle_source import all_of
from mythos.engines.bundle.plan import ParsedSource, Part
from mythos.engines.conformance.model import compile_blueprint
from mythos.engines.policy.check import check_against
from mythos.engines.policy.document import read_policy_document
from mythos.errors import AgentError, BundleSourceError, DocumentError, WorkflowError
from mythos.values.agent import PLACEHOLDERS, Agent
from mythos.values.block import Act, Block, inner_blocks
from mythos.values.bundle import ConstructKind
from mythos.values.marks import Path
from mythos.values.source import Document, read_document
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import Workflow, load_workflow

TOOL_NAME = "gen_ai.tool.name"
_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z_]+)\}")


def check_meaning(source: ParsedSource) -> None:
    """Check every policy set, workflow and agent against the rest of its tree.

    Args:
        source: a tree that was read.

    Raises:
        BundleSourceError: every problem of the tree, each with `file:line` and what to do.
    """
    catalogues = [
        ToolCatalogue.model_validate(part.body)
        for part in _parts(source, "tools")
        if isinstance(part.body, dict)
    ]
    problems = [
        *_refused(source, "policy_set", lambda part: _policy_set(source, part, catalogues)),
        *_refused(source, "workflow", lambda part: _workflow(source, part, catalogues)),
        *_refused(source, "agent", lambda part: _agent(source, part)),
    ]
    if problems:
        raise all_of(problems)


def _refused(
    source: ParsedSource, kind: ConstructKind, compiled: Callable[[Part], None]
) -> list[DocumentError]:
    problems = []
    for part in _parts(source, kind):
        try:
            compiled(part)
        except DocumentError as error:
            problems.append(error)
    return problems


def _policy_set(source: ParsedSource, part: Part, catalogues: Sequence[ToolCatalogue]) -> None:
    if not catalogues:
        raise BundleSourceError(
            f"policy set {part.name!r} has no tools to govern: tools/ is empty",
            remedy="add a tool catalogue to tools/, or leave the policy set out",
            where=part.path,
        )
    document = read_policy_document(_text(source, part), source=part.path)
    check_against(document.policy_set, catalogues, places=document.places)


def _workflow(source: ParsedSource, part: Part, catalogues: Sequence[ToolCatalogue]) -> None:
    text = _text(source, part)
    workflow = load_workflow(text, source=part.path)
    document = read_document(text, source=part.path, error=WorkflowError)
    _compiled(workflow, document)
    steps = dict(_steps(workflow.steps, "steps"))
    if catalogues:
        tools = frozenset[str]().union(*(one.names for one in catalogues))
        callees = tools | {one.name for one in _parts(source, "agent")}
        for block, act in steps.items():
            _check_step(block, act, tools=tools, callees=callees, document=document)
    _check_weights(workflow, {act.act for act in steps.values()}, document)


def _compiled(workflow: Workflow, document: Document) -> None:
    try:
        compile_blueprint(workflow)
    except WorkflowError as error:
        block, _, message = error.message.partition(": ")
        where = document.where_key(_path_of(block))
        raise WorkflowError(f"{block}: {message}", remedy=error.remedy, where=where) from error


def _steps(block: Block, path: str) -> Iterator[tuple[str, Act]]:
    """Every step of a workflow by the path of its block."""
    if isinstance(block, Act):
        yield path, block
    for inner, child in inner_blocks(block).items():
        yield from _steps(child, f"{path}/{inner}")


def _check_weights(workflow: Workflow, labels: set[str], document: Document) -> None:
    for label in workflow.weights.labels:
        if label not in labels:
            raise WorkflowError(
                f"weights/{label}: no step has that label",
                remedy=_nearest(label, labels) or "correct the label, or remove the weight",
                where=document.where_key(("weights", label)),
            )


def _check_step(
    block: str, act: Act, *, tools: frozenset[str], callees: frozenset[str], document: Document
) -> None:
    """A step that no call can make would count as skipped in every run."""
    name = act.match.get(TOOL_NAME) if act.match else act.act
    known = tools if act.match else callees
    if name is None or name in known:
        return
    what = "tool" if act.match else "tool or agent"
    raise WorkflowError(
        f"{block}: no {what} of this tree is called {str(name)!r}",
        remedy=_nearest(str(name), known)
        or "correct the name, or say with `match` which spans the step is",
        where=document.where(_path_of(block)),
    )


def _agent(source: ParsedSource, part: Part) -> None:
    agent = Agent.model_validate(part.body)
    for number, word in enumerate(agent.runtime.command):
        for name in _PLACEHOLDER.findall(word):
            if name not in PLACEHOLDERS and (meant := _nearest(name, PLACEHOLDERS, "{%s}")):
                document = read_document(_text(source, part), source=part.path, error=AgentError)
                raise AgentError(
                    f"runtime/command: {{{name}}} is nothing that a node fills in",
                    remedy=meant,
                    where=document.where(("runtime", "command", number)),
                )


def _nearest(name: str, known: Collection[str], form: str = "'%s'") -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"write {form % near[0]}" if near else ""


def _path_of(block: str) -> Path:
    """`steps/seq/2/map` as the path of that block in its document."""
    return tuple(int(step) if step.isdecimal() else step for step in block.split("/"))


def _parts(source: ParsedSource, kind: ConstructKind) -> list[Part]:
    return [part for part in source.parts if part.kind == kind]


def _text(source: ParsedSource, part: Part) -> str:
    return source.files[part.path].decode()
