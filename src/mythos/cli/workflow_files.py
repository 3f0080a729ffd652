"""Workflow files as commands read them, with the line of every block."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mythos.cli.documents import document_text
from mythos.errors import WorkflowError

if TYPE_CHECKING:
    from mythos.engines.conformance.model import Model
    from mythos.values.block import Act
    from mythos.values.source import Document
    from mythos.values.workflow import Workflow

_BLOCK = re.compile(r"(?P<block>steps\S*): ")


@dataclass(frozen=True, slots=True)
class FileStep:
    """One step: the path of its block, and its line, 0 if that is not known."""

    act: Act
    block: str
    line: int


@dataclass(frozen=True, slots=True)
class WorkflowFile:
    """A workflow that was read, and where it stands."""

    path: Path
    document: Document
    workflow: Workflow

    def place(self, block: str) -> str:
        """`file:line:column` of a block or step, named by its path."""
        return self.document.where(_keys(self.document.value, block))

    def mark(self, block: str) -> tuple[int, int]:
        """Its line and column; (0, 0) if it stands nowhere."""
        return self.document.marks.values.get(_keys(self.document.value, block), (0, 0))

    def steps(self) -> list[FileStep]:
        """The steps of the normal form, in the order in which they were written."""
        from mythos.values.process import normal_form

        found: list[FileStep] = []
        pending = [normal_form(self.workflow.steps)]
        while pending:
            process = pending.pop()
            if process.act is not None:
                found.append(FileStep(process.act, process.path, self.mark(process.path)[0]))
            pending += process.children
        return sorted(found, key=lambda step: (self.mark(step.block), step.block))


def read_workflow(path: Path) -> WorkflowFile:
    """Read a workflow.

    Raises:
        WorkflowError: every objection with its line, column and block path.
    """
    from mythos.values.source import read_document, validated
    from mythos.values.workflow import Workflow

    text = document_text(path, WorkflowError)
    document = read_document(text, source=str(path), error=WorkflowError)
    return WorkflowFile(path, document, validated(Workflow, document, WorkflowError))


def compiled(file: WorkflowFile) -> Model:
    """What runs are aligned with.

    Raises:
        WorkflowError: the engine cannot judge by it; with the place of the block.
    """
    from mythos.engines.conformance.model import compile_blueprint

    try:
        return compile_blueprint(file.workflow)
    except WorkflowError as error:
        named = _BLOCK.match(error.message)
        where = error.where or file.place(named["block"] if named else "")
        raise WorkflowError(error.message, remedy=error.remedy, where=where) from error


def _keys(value: object, block: str) -> tuple[str | int, ...]:
    """The keys that lead to a block; names of graph nodes may hold a slash."""
    parts, found = block.split("/") if block else [], list[str | int]()
    while parts:
        if isinstance(value, list) and parts[0].isdecimal() and int(parts[0]) < len(value):
            key, n_used = int(parts[0]), 1
            value = value[key]
            found.append(key)
        elif isinstance(value, dict):
            n_used = next((n for n in range(1, len(parts) + 1) if "/".join(parts[:n]) in value), 0)
            if not n_used:
                break
            found.append(name := "/".join(parts[:n_used]))
            value = value[name]
        else:
            break
        parts = parts[n_used:]
    return tuple(found)
