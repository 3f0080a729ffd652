"""Workflows with more steps: blocks put in before a step, and where each block stands then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from pydantic import JsonValue

from mythos.values.block import Act, Block, inner_blocks
from mythos.values.marks import Path
from mythos.values.workflow import Workflow, workflow_of

ROOT = "steps"


def with_steps(workflow: Workflow, path: str, steps: Sequence[JsonValue]) -> Workflow:
    """The next version of a workflow, with steps right before the step at a path.

    Args:
        workflow: as it was read.
        path: of an act, as verdicts name it.
        steps: blocks in their JSON form, in order.

    Returns:
        A workflow; the step's own `seq` has the new blocks, or there is one around them.

    Raises:
        WorkflowError: it has too many steps then.
    """
    form = workflow.model_dump(mode="json")
    form["version"] = workflow.version + 1
    form[ROOT] = _with(workflow.steps, ROOT, path, steps)
    return workflow_of(form, source=workflow.name)


def _with(block: Block, at: str, path: str, steps: Sequence[JsonValue]) -> JsonValue:
    form: JsonValue = block.model_dump(mode="json")
    if isinstance(block, Act):
        return {"seq": [*steps, form]} if path == f"{at}/act" else form
    for key, child in inner_blocks(block).items():
        if not path.startswith(f"{at}/{key}/"):
            continue
        operator, *rest = key.split("/", 2)
        if operator == "seq" and path == f"{at}/{key}/act":
            siblings = cast("dict[str, list[JsonValue]]", form)["seq"]
            siblings[int(rest[0]) : int(rest[0])] = steps
        else:
            _put(form, [operator, *rest], _with(child, f"{at}/{key}", path, steps))
    return form


def place_of(workflow: Workflow, path: str) -> Path:
    """The keys in a document that lead to the step at a path; empty if there is no such step."""
    return _place(workflow.steps, ROOT, path) or ()


def _place(block: Block, at: str, path: str) -> Path | None:
    """A node of a graph may be called anything, so the path by itself does not tell the keys."""
    if isinstance(block, Act):
        return (ROOT,) if path == f"{at}/act" else None
    for key, child in inner_blocks(block).items():
        inner = _place(child, f"{at}/{key}", path)
        if inner is not None:
            operator, *rest = key.split("/", 2)
            keys = (int(each) if len(rest) == 1 and each.isdecimal() else each for each in rest)
            return (ROOT, operator, *keys, *inner[1:])
    return None


def _put(form: JsonValue, keys: list[str], value: JsonValue) -> None:
    for key in keys[:-1]:
        form = form[int(key)] if isinstance(form, list) else cast("dict[str, JsonValue]", form)[key]
    if isinstance(form, list):
        form[int(keys[-1])] = value
    elif isinstance(form, dict):
        form[keys[-1]] = value


def moved(path: str, before: str, n_steps: int) -> str:
    """Where the block at a path stands when `n_steps` blocks were put in before another step."""
    place = before.removesuffix("/act")
    parent, _, last = place.rpartition("/")
    if not parent.endswith("/seq"):
        return path.replace(place, f"{place}/seq/{n_steps}", 1) if _inside(path, place) else path
    head = f"{parent}/"
    if not path.startswith(head):
        return path
    index, slash, rest = path[len(head) :].partition("/")
    if int(index) < int(last):
        return path
    return f"{head}{int(index) + n_steps}{slash}{rest}"


def _inside(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")
