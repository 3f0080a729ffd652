"""From what a run did to the labels its workflow speaks of.

A step is an `act` if all the act's `match` attributes are equal, or, for an act without `match`,
if the step bears its name. Tool calls and nested agent runs that no act matches are extra labels
under their own name; model calls and the rest are never extra.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from mythos.values.workflow import Workflow

StepKind = Literal["tool", "agent", "model", "other"]
_COUNTED = frozenset({"tool", "agent"})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a run did: its name (of the tool or agent), kind and span attributes."""

    name: str
    kind: StepKind
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Act:
    label: str
    match: Mapping[str, object]

    def matches(self, step: Step) -> bool:
        if not self.match:
            return step.kind in _COUNTED and step.name == self.label
        return all(step.attributes.get(key) == value for key, value in self.match.items())


def labels_of(workflow: Workflow, steps: Iterable[Step]) -> list[str]:
    """Labels of a run, in the order of its steps.

    Args:
        workflow: names the acts; the first of the document that matches a step wins.
        steps: what the run did, in order.

    Returns:
        One label for each step that an act matches or that counts as extra.
    """
    acts = list(_acts(workflow.steps))
    found = (_label(acts, step) for step in steps)
    return [label for label in found if label]


def _label(acts: list[_Act], step: Step) -> str:
    matched = next((act.label for act in acts if act.matches(step)), "")
    return matched or (step.name if step.kind in _COUNTED else "")


def _acts(block: object) -> Iterator[_Act]:
    """Every act of a block, in document order."""
    if isinstance(block, BaseModel):
        label = getattr(block, "act", None)
        if isinstance(label, str):
            yield _Act(label, getattr(block, "match", None) or {})
        else:
            for name in type(block).model_fields:
                yield from _acts(getattr(block, name))
    elif isinstance(block, Mapping):
        for inner in block.values():
            yield from _acts(inner)
    elif isinstance(block, list | tuple):
        for inner in block:
            yield from _acts(inner)
