"""`/api/v1/policies`: policy sets, where they judge and what they found. Reads only."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from mythos.server.documents.selection import Span
from mythos.server.policies import listing
from mythos.server.web.paging import Limit, PageNumber
from mythos.values.base import Digest
from mythos.values.problem import REFUSALS, Problem

router = Router(tags=["policies"], by_alias=True)


@router.get("/policies", response={200: listing.PolicyPage, REFUSALS: Problem})
def list_policies(
    request: HttpRequest, window: Span = "24h", page: PageNumber = 1, limit: Limit = 50
) -> listing.PolicyPage:
    """Every known policy set with its outcomes in the window, newest first; at most 200 a page."""
    return listing.policies(span=window, page=page, limit=limit, at=timezone.now())


@router.get("/policies/{digest}", response={200: listing.PolicyDocument, REFUSALS: Problem})
def read_policy(
    request: HttpRequest, digest: Digest, window: Span = "24h"
) -> listing.PolicyDocument:
    """One policy set with its document and the outcomes of each rule in the window."""
    return listing.policy(digest, span=window, at=timezone.now())
