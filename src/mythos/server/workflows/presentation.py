"""What the workflow pages answer: reads, then pure functions, then one frozen value a page."""

from __future__ import annotations

from datetime import datetime

from mythos.server.documents import queries as documents
from mythos.server.documents.in_force import in_force_of
from mythos.server.documents.list_page import PER_PAGE
from mythos.server.documents.selection import SPANS, Selection
from mythos.server.resilience.pages.drift_shown import accepting
from mythos.server.web.paging import pages_of, rows_on
from mythos.server.workflows import page_queries as queries
from mythos.server.workflows.pages import listing, workflow
from mythos.server.workflows.pages.drift_state import (
    beside_valid,
    drift_state,
    host_drifts,
    listed,
)
from mythos.server.workflows.pages.facts import WORKFLOWS
from mythos.server.workflows.pages.match import match_of
from mythos.server.workflows.pages.steps import steps_of
from mythos.server.workflows.pages.worst_runs import worst_runs


def show_workflows(selection: Selection, *, at: datetime) -> listing.WorkflowsPage:
    """The list of workflows."""
    rows = listing.rows_of(
        queries.workflows(),
        documents.hosts(WORKFLOWS),
        documents.rollouts(WORKFLOWS),
        queries.followed(at=at, span_s=SPANS[selection.span]),
        drifts=queries.drifts(),
        baselines=queries.baseline_counts(),
        selection=selection,
    )
    return listing.WorkflowsPage(
        at=at,
        command=selection.command("/workflows"),
        selection=selection,
        span=selection.span,
        spans=tuple(SPANS),
        rows=rows_on(rows, selection.page, limit=PER_PAGE),
        total=len(rows),
        running=sum(row.hosts > 0 for row in rows),
        page=selection.page,
        pages=pages_of(len(rows), limit=PER_PAGE),
        first_step=None if rows else listing.NO_WORKFLOW,
    )


def show_workflow(
    digest: str, selection: Selection, *, at: datetime, barred: str = ""
) -> workflow.WorkflowPage:
    """The page of one workflow; `barred` says why its reader may not act.

    Raises:
        NotFoundError: no workflow has that digest.
    """
    here = queries.workflow(digest)
    hosts, rollouts = documents.hosts(WORKFLOWS), documents.rollouts(WORKFLOWS)
    document, span_s = here.workflow, SPANS[selection.span]
    followed = queries.followed(at=at, span_s=span_s, digest=here.digest)
    baselines = listed(queries.baselines(here.digest))
    accepted = [each.baseline for each in baselines]
    known = [each for each in queries.drifts() if each.drift.workflow == here.digest]
    drifts = beside_valid(known, accepted)
    strayed = queries.strayed_runs(here.digest, at=at, span_s=span_s)
    return workflow.WorkflowPage(
        at=at,
        command=selection.command(f"/workflows/{here.digest}"),
        selection=selection,
        span=selection.span,
        spans=tuple(SPANS),
        name=here.name,
        version=here.version,
        digest=here.digest,
        unreadable=here.unreadable,
        bundles=here.bundles,
        known_since=here.known_since,
        document=here.document,
        critical=document is not None and document.critical,
        extra=document.extra if document else "count",
        default_weight=document.weights.default if document else 1,
        skew_ms=document.order.skew_ms if document else 0,
        match=match_of(followed),
        steps=steps_of(document, followed) if document else (),
        hosts=workflow.hosts_of(followed),
        in_force=in_force_of(here.digest, hosts, rollouts),
        runs=worst_runs(strayed, document.weights) if document else (),
        drift=drift_state(drifts, baselines=sum(not each.withdrawn for each in accepted)),
        drifts=host_drifts(drifts, accepted),
        baselines=baselines,
        accepting=accepting(first=None, at=at, barred=barred),
        versions=workflow.versions_of(here, queries.versions(here.name)),
    )
