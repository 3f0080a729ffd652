"""From what a run did to the labels its workflow speaks of.

A step gets the label of an `act` whose `match` attributes it bears, or, where no act matches, its
own name if it is a tool call or a nested agent run: that is the label of an act without `match`,
and else an extra one. Model calls and other spans count only where an act matches them.

If several acts match, the one with the most attributes is meant, then the first by label: never
the first in the document, because the order of branches is not part of a workflow's digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from mythos.values.block import Act, Block, inner_blocks
from mythos.values.workflow import Workflow

StepKind = Literal["tool", "agent", "model", "other"]
_NAMED = frozenset({"tool", "agent"})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a run did: its name (of the tool or agent), kind and span attributes."""

    name: str
    kind: StepKind
    attributes: Mapping[str, object] = field(default_factory=dict)


class Labeller:
    """The acts of one workflow, ready to label the steps of many runs."""

    def __init__(self, workflow: Workflow) -> None:
        """Sort the acts of a workflow by how closely they look."""
        acts = list(acts_of(workflow.steps))
        matching = [(act.match, act.act) for act in acts if act.match]
        self._matching = sorted(matching, key=lambda act: (-len(act[0]), act[1], repr(act[0])))
        by_name = {act.act for act in acts if not act.match}
        self._only_matched = {act.act for act in acts} - by_name

    def labels(self, steps: Iterable[Step]) -> list[str]:
        """Labels of a run, in the order of its steps; see `labels_of`."""
        return [label for _, label in self.numbered(steps)]

    def numbered(self, steps: Iterable[Step]) -> Iterator[tuple[int, str]]:
        """The same labels, each with the index of the step it stands for."""
        for i, step in enumerate(steps):
            label = self._label(step)
            if label:
                yield i, label

    def _label(self, step: Step) -> str:
        for match, label in self._matching:
            if all(_is(step.attributes.get(key), value) for key, value in match.items()):
                return label
        if step.kind not in _NAMED:
            return ""
        name = step.name or step.kind
        # an act that asks for attributes is not satisfied by its name
        return f"{step.kind}:{name}" if name in self._only_matched else name


def labels_of(workflow: Workflow, steps: Iterable[Step]) -> list[str]:
    """Labels of a run, in the order of its steps.

    Args:
        workflow: names the acts.
        steps: what the run did, in order. For many runs keep a `Labeller`.

    Returns:
        One label for each step that an act matches or that is a tool call or an agent run. A step
        that bears the name of an act, but not the attributes it asks for, is labelled with its
        kind before its name, so that it is an extra.
    """
    return Labeller(workflow).labels(steps)


def acts_of(block: Block) -> Iterator[Act]:
    """Every act of a block, at any depth, in no particular order."""
    pending = [block]
    while pending:
        block = pending.pop()
        if isinstance(block, Act):
            yield block
        pending += inner_blocks(block).values()


def _is(seen: object, wanted: object) -> bool:
    """Equality in which true is not 1."""
    return isinstance(seen, bool) == isinstance(wanted, bool) and seen == wanted
