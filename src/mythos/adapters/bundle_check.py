"""Does a fleet's source tree mean something: do its policies fit its tools, do its workflows run?

`bundle_source` knows each file alone; here they meet. Nothing is asked that the bundle's bytes do
not answer, so what passes here can be judged by every node that launches it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mythos.adapters.bundle_source import all_of
from mythos.engines.bundle.plan import ParsedSource, Part
from mythos.engines.conformance.model import compile_blueprint
from mythos.engines.policy.check import check_against
from mythos.engines.policy.document import read_policy_document
from mythos.errors import BundleSourceError, DocumentError, WorkflowError
from mythos.values.bundle import ConstructKind
from mythos.values.marks import Path
from mythos.values.source import read_document
from mythos.values.tools import ToolCatalogue
from mythos.values.workflow import load_workflow


def check_meaning(source: ParsedSource) -> None:
    """Compile every policy set against the tools it governs, and every workflow.

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
        *_refused(source, "workflow", lambda part: _workflow(source, part)),
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


def _workflow(source: ParsedSource, part: Part) -> None:
    text = _text(source, part)
    try:
        compile_blueprint(load_workflow(text, source=part.path))
    except WorkflowError as error:
        document = read_document(text, source=part.path, error=WorkflowError)
        block, _, message = error.message.partition(": ")
        where = document.where_key(_path_of(block))
        raise WorkflowError(f"{block}: {message}", remedy=error.remedy, where=where) from error


def _path_of(block: str) -> Path:
    """`steps/seq/2/map` as the path of that block in its document."""
    return tuple(int(step) if step.isdecimal() else step for step in block.split("/"))


def _parts(source: ParsedSource, kind: ConstructKind) -> list[Part]:
    return [part for part in source.parts if part.kind == kind]


def _text(source: ParsedSource, part: Part) -> str:
    return source.files[part.path].decode()
