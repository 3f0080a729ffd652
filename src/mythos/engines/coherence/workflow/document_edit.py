"""Edits of a workflow document: its text with more steps and the next version, all else as it was.

A step in a `seq` gets the new ones before it; one that is a block's only child, such as the `do` of
a `loop`, becomes a `seq` with them. Blocks of YAML, its `{…}` and JSON are each edited as they are.

Law: what is given back reads as the workflow with the steps. Where no such edit is found there is
none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from mythos.engines.coherence.workflow.inserted import place_of
from mythos.engines.coherence.workflow.suggest import AddedSteps
from mythos.errors import DocumentError
from mythos.values.marks import Mark, Marks
from mythos.values.source import read_document
from mythos.values.workflow import load_workflow

_FLOW = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|[{}\[\]]')


class _Edit(NamedTuple):
    """The text from `start` to `stop`, as characters, becomes another."""

    start: int
    stop: int
    text: str


def edited_text(text: str, added: AddedSteps, *, source: str) -> str:
    """The document's text with the added steps and the version of the workflow that has them.

    Args:
        text: what the workflow was read from.
        added: steps that it was missing.
        source: what the document is called; a `.json` one is read as JSON alone.

    Returns:
        The text; empty where no edit of it reads as that workflow.
    """
    marks = read_document(text, source=source).marks
    place = place_of(added.original, added.before.step.path)
    start = _offset(text, marks.values.get(place))
    if start is None:
        return ""
    steps = [json.dumps(step, ensure_ascii=False) for step in added.steps]
    edits = [
        _with_steps(text, start, steps, in_seq=place[-2:-1] == ("seq",)),
        _with_version(text, marks, added.original.version, added.workflow.version),
    ]
    made = text
    for edit in sorted((each for each in edits if each), reverse=True):
        made = made[: edit.start] + edit.text + made[edit.stop :]
    try:
        same = load_workflow(made, source=source) == added.workflow
    except DocumentError:
        return ""
    return made if same else ""


def _offset(text: str, mark: Mark | None) -> int | None:
    """Where a mark stands in the text, in characters."""
    if mark is None:
        return None
    lines = text.splitlines(keepends=True)
    line, column = mark
    return sum(map(len, lines[: line - 1])) + column - 1 if 0 < line <= len(lines) else None


def _head(text: str, start: int) -> str:
    """What stands before a place on its line."""
    return text[text.rfind("\n", 0, start) + 1 : start]


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _with_steps(text: str, start: int, steps: Sequence[str], *, in_seq: bool) -> _Edit | None:
    """The steps put in before the block at `start`, or around it."""
    head, end = _head(text, start), _line_end(text)
    in_flow = text.startswith("{", start)
    if in_seq and head.strip() == "-":
        first = start - len(head)
        return _Edit(first, first, "".join(f"{head}{step}{end}" for step in steps))
    if in_seq and in_flow:
        between = ", " if head.strip() else f",{end}{head}"
        return _Edit(start, start, "".join(step + between for step in steps))
    if in_flow:
        stop = _flow_end(text, start)
        return _Edit(start, stop, f'{{"seq": [{", ".join((*steps, text[start:stop]))}]}}')
    stop = _block_end(text, start)
    pad = " " * len(head)
    first_line, *more = text[start:stop].splitlines(keepends=True)
    items = "".join(f"{pad}  - {step}{end}" for step in steps)
    rest = "".join(f"    {line}" if line.strip() else line for line in more)
    return _Edit(start, stop, f"seq:{end}{items}{pad}  - {first_line}{rest}")


def _flow_end(text: str, start: int) -> int:
    """Where a `{…}` ends."""
    depth = 0
    for found in _FLOW.finditer(text, start):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found.group(), 0)
        if not depth:
            return found.end()
    return len(text)


def _block_end(text: str, start: int) -> int:
    """Where a mapping of lines ends: before the first line that stands further left."""
    column = len(_head(text, start))
    stop = end = text.find("\n", start) + 1 or len(text)
    for line in text[stop:].splitlines(keepends=True):
        if line.strip() and len(line) - len(line.lstrip(" ")) < column:
            break
        end += len(line)
        stop = end if line.strip() else stop
    return stop


def _with_version(text: str, marks: Marks, was: int, version: int) -> _Edit | None:
    """Another version in its place; a document without one gets one before its steps."""
    start = _offset(text, marks.values.get(("version",)))
    if start is not None:
        return _Edit(start, start + len(str(was)), str(version))
    start = _offset(text, marks.keys.get(("steps",)))
    if start is None:
        return None
    head = _head(text, start)
    in_flow = text[start - len(head) :].lstrip().startswith(('"', "{"))
    comma = "," if in_flow else ""
    key = '"version"' if in_flow else "version"
    after = " " if head.strip() else f"{_line_end(text)}{head}"
    return _Edit(start, start, f"{key}: {version}{comma}{after}")
