"""`/api/v1/workflows`: workflows, where they are in force and how runs follow them. Reads only."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from mythos.server.documents.selection import Span
from mythos.server.web.paging import Limit, PageNumber
from mythos.server.workflows import listing
from mythos.values.base import Digest
from mythos.values.problem import REFUSALS, Problem

router = Router(tags=["workflows"], by_alias=True)


@router.get("/workflows", response={200: listing.WorkflowPage, REFUSALS: Problem})
def list_workflows(
    request: HttpRequest, window: Span = "24h", page: PageNumber = 1, limit: Limit = 50
) -> listing.WorkflowPage:
    """Every known workflow with its runs in the window, newest first; at most 200 a page."""
    return listing.workflows(span=window, page=page, limit=limit, at=timezone.now())


@router.get("/workflows/{digest}", response={200: listing.WorkflowDocument, REFUSALS: Problem})
def read_workflow(
    request: HttpRequest, digest: Digest, window: Span = "24h"
) -> listing.WorkflowDocument:
    """One workflow with its document, and how runs in the window strayed from each step."""
    return listing.workflow(digest, span=window, at=timezone.now())
