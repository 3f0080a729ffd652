"""The steps of a workflow, each with what it weighs and how often runs strayed from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mythos.server.workflows.pages.facts import Followed
from mythos.values.block import Act, Block, Scalar, inner_blocks
from mythos.values.workflow import Workflow


@dataclass(frozen=True, slots=True)
class StepShown:
    """A label: at how many places it stands, its weights, and the runs that skipped or added it.

    `places` 0: the workflow does not name it. Runs are counted by label, over all its places.
    """

    label: str
    places: int
    match: Mapping[str, Scalar]
    skip_weight: int
    extra_weight: int
    skipped: int
    extra: int


def steps_of(workflow: Workflow, parts: Iterable[Followed]) -> tuple[StepShown, ...]:
    """Steps in the order of the document, then labels that were only extra, most first."""
    runs: Counter[str] = Counter()
    for each in parts:
        runs.update(each.deviations)
    named: dict[str, Act] = {}
    places: Counter[str] = Counter()
    for act in acts_of(workflow.steps):
        named.setdefault(act.act, act)
        places[act.act] += 1
    strays = {key.partition(":")[2] for key in runs} - set(named)
    strange = sorted(strays, key=lambda label: (-runs[f"extra:{label}"], label))
    return tuple(
        StepShown(
            label=label,
            places=places[label],
            match=(named[label].match or {}) if label in named else {},
            skip_weight=workflow.weights.skip_of(label),
            extra_weight=workflow.weights.extra_of(label),
            skipped=runs[f"skip:{label}"],
            extra=runs[f"extra:{label}"],
        )
        for label in (*named, *strange)
    )


def acts_of(block: Block) -> list[Act]:
    """Every act in the order of the document."""
    if isinstance(block, Act):
        return [block]
    return [act for child in inner_blocks(block).values() for act in acts_of(child)]
