"""The list of workflows as one value: what each is, where it is in force, how runs follow it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mythos.server.documents.facts import HostFact, RolloutFact
from mythos.server.documents.in_force import InForce, in_force_of
from mythos.server.documents.list_page import DocumentShown, FirstStep, ListPage, in_order
from mythos.server.documents.selection import Selection
from mythos.server.workflows.pages.drift_state import DriftState, drift_state
from mythos.server.workflows.pages.facts import DriftFact, Followed, WorkflowFact
from mythos.server.workflows.pages.match import Match, match_of
from mythos.server.workflows.pages.steps import acts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRow(DocumentShown):
    """One version of a workflow. `hosts` say that they run it."""

    steps: int
    hosts: int
    match: Match
    drift: DriftState


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowsPage(ListPage[WorkflowRow]):
    """`/workflows`."""

    running: int


NO_WORKFLOW = FirstStep(
    "No workflow yet",
    "A workflow comes with a bundle: it says in which order an agent's steps are expected, and "
    "what a skipped or an extra step costs. Check yours or the example's, build the bundle and "
    "sign it; its workflows then stand here, and every run is compared with them.",
    (
        "mythos workflow check examples/retail-care/workflows/return-order.yaml",
        "mythos bundle build examples/retail-care --out layout",
        "mythos trust sign layout",
    ),
)


def rows_of(
    workflows: Sequence[WorkflowFact],
    hosts: Sequence[HostFact],
    rollouts: Sequence[RolloutFact],
    followed: Sequence[Followed],
    *,
    drifts: Sequence[DriftFact],
    baselines: Mapping[str, int],
    selection: Selection,
) -> list[WorkflowRow]:
    """All rows in the order that was asked for.

    Args:
        workflows: every known version.
        hosts, rollouts: what they run; a workflow is in force where it stands among `enforced`.
        followed: sums of runs in the window.
        drifts: of the newest readings.
        baselines: how many were accepted, by digest.
        selection: says the order.
    """
    parts: dict[str, list[Followed]] = defaultdict(list)
    for each in followed:
        parts[each.digest].append(each)
    moved: dict[str, list[DriftFact]] = defaultdict(list)
    for fact in drifts:
        moved[fact.drift.workflow].append(fact)
    rows = [
        _row(
            each,
            in_force_of(each.digest, hosts, rollouts),
            match_of(parts[each.digest]),
            drift_state(moved[each.digest], baselines=baselines.get(each.digest, 0)),
        )
        for each in workflows
    ]
    return in_order(rows, selection, badness=_badness)


def _row(
    fact: WorkflowFact, in_force: tuple[InForce, ...], match: Match, drift: DriftState
) -> WorkflowRow:
    return WorkflowRow(
        name=fact.name,
        version=fact.version,
        digest=fact.digest,
        critical=fact.workflow is not None and fact.workflow.critical,
        unreadable=fact.unreadable,
        steps=len(acts_of(fact.workflow.steps)) if fact.workflow else 0,
        bundles=fact.bundles,
        known_since=fact.known_since,
        in_force=in_force,
        hosts=sum(each.hosts for each in in_force),
        match=match,
        drift=drift,
    )


def _badness(row: WorkflowRow) -> tuple[float, ...]:
    """Least consistent first, then those that drifted; with too few runs to say last."""
    unknown = row.match.consistency is None
    return (unknown, row.match.consistency or 0.0, -row.drift.moved, -row.match.runs, -row.hosts)
