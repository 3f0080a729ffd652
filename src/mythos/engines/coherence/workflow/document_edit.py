"""Edits of a workflow document: its text with more steps, all else as it was written.

Law: what is given back reads as the workflow with the steps.
"""

from __future__ import annotations

import json

from mythos.engines.coherence.workflow.suggest import AddedSteps
from mythos.errors import DocumentError
from mythos.values.marks import Path
from mythos.values.source import read_document
from mythos.values.workflow import load_workflow


def edited_text(text: str, added: AddedSteps, *, source: str) -> str:
    """The document's text with the added steps, each on a line before the step they precede.

    Args:
        text: what the workflow was read from.
        added: steps that it was missing.
        source: what the document is called; a `.json` one is read as JSON alone.

    Returns:
        The text; empty where the step does not stand as an item of its own on a line.
    """
    place = added.before.step.path.removesuffix("/act").split("/")
    path: Path = tuple(int(each) if each.isdecimal() else each for each in place)
    line, column = read_document(text, source=source).marks.values.get(path, (0, 0))
    lines = text.splitlines(keepends=True)
    if not 0 < line <= len(lines):
        return ""
    head = lines[line - 1][: column - 1]
    end = "\r\n" if lines[line - 1].endswith("\r\n") else "\n"
    if head.strip() != "-":
        return ""
    new = [f"{head}{json.dumps(step, ensure_ascii=False)}{end}" for step in added.steps]
    made = "".join([*lines[: line - 1], *new, *lines[line - 1 :]])
    try:
        same = load_workflow(made, source=source) == added.workflow
    except DocumentError:
        return ""
    return made if same else ""
