"""Reads of the machine API about workflows: the pages' own values in wire form, bounded."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue

from mythos.server.documents import queries as documents
from mythos.server.documents.selection import SPANS, Selection, Span
from mythos.server.web.paging import page_after, rows_on
from mythos.server.workflows import page_queries as queries
from mythos.server.workflows.pages.facts import WORKFLOWS, Followed, WorkflowFact
from mythos.server.workflows.pages.listing import WorkflowRow, rows_of
from mythos.server.workflows.pages.steps import steps_of
from mythos.server.workflows.pages.workflow import hosts_of
from mythos.values.base import Count, Digest, Share, Value, Version
from mythos.values.evidence import EnvironmentName, NodeName

MAX_HOSTS = 1_000


class RunsFollowed(Value):
    """Runs in the window; consistency and fitting share are null until enough have finished."""

    runs: Count
    finished: Count
    fitting: Count
    open: Count
    inexact: Count
    consistency: Share | None
    low: Share
    high: Share
    fitting_share: Share | None


class WorkflowPlace(Value):
    """An environment that runs a workflow; `hosts` 0: told to, and no host has said so yet."""

    environment: EnvironmentName
    hosts: Count
    hosts_total: Count
    since: datetime | None


class DriftSummary(Value):
    """Accepted baselines, hosts compared with one, and those of them that moved."""

    baselines: Count
    compared: Count
    moved: Count


class WorkflowSummary(Value):
    """One version of a workflow: where it is in force, and how runs follow it."""

    digest: Digest
    name: str
    version: Version
    critical: bool
    steps: Count
    bundles: tuple[str, ...]
    known_since: datetime | None
    in_force: tuple[WorkflowPlace, ...]
    match: RunsFollowed
    drift: DriftSummary


class WorkflowPage(Value):
    """Some workflows, newest first; `next` is the `page` behind this one, null on the last."""

    items: tuple[WorkflowSummary, ...]
    next: int | None


class StepFollowed(Value):
    """A label: at how many places it stands (0: extra only), its weights, the runs that strayed."""

    label: str
    places: Count
    skip_weight: Count
    extra_weight: Count
    skipped: Count
    extra: Count


class HostFollowed(Value):
    """One host's runs."""

    host: NodeName
    environment: EnvironmentName
    match: RunsFollowed


class WorkflowDocument(WorkflowSummary):
    """A workflow with its document, its steps, and its least consistent 1,000 hosts."""

    document: JsonValue
    by_step: tuple[StepFollowed, ...]
    by_host: tuple[HostFollowed, ...]


def workflows(*, span: Span, page: int, limit: int, at: datetime) -> WorkflowPage:
    """Workflows, newest first, a page at a time."""
    rows = _rows(queries.workflows(), queries.followed(at=at, span_s=SPANS[span]), span)
    return WorkflowPage(
        items=tuple(map(_summary, rows_on(rows, page, limit=limit))),
        next=page_after(page, n=len(rows), limit=limit),
    )


def workflow(digest: str, *, span: Span, at: datetime) -> WorkflowDocument:
    """One workflow, whole.

    Raises:
        NotFoundError: none has that digest.
    """
    found = queries.workflow(digest)
    followed = queries.followed(at=at, span_s=SPANS[span], digest=found.digest)
    (row,) = _rows([found], followed, span)
    steps = steps_of(found.workflow, followed) if found.workflow else ()
    hosts = hosts_of(followed)[:MAX_HOSTS]
    return WorkflowDocument(
        **dict(_summary(row)),
        document=found.document,
        by_step=tuple(StepFollowed.model_validate(each, from_attributes=True) for each in steps),
        by_host=tuple(HostFollowed.model_validate(each, from_attributes=True) for each in hosts),
    )


def _rows(found: list[WorkflowFact], followed: list[Followed], span: Span) -> list[WorkflowRow]:
    return rows_of(
        found,
        documents.hosts(WORKFLOWS),
        documents.rollouts(WORKFLOWS),
        followed,
        drifts=queries.drifts(),
        baselines=queries.baseline_counts(),
        selection=Selection(span=span, order="newest"),
    )


def _summary(row: WorkflowRow) -> WorkflowSummary:
    return WorkflowSummary.model_validate(row, from_attributes=True)
