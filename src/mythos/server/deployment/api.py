"""`/api/v1/bundles` and `/environments`: what is genuine, and what runs where. Reads only."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router

from mythos.server.deployment import listing
from mythos.server.web.paging import Limit
from mythos.values.base import Count, Digest
from mythos.values.problem import REFUSALS, Problem

router = Router(tags=["deployment"], by_alias=True)


@router.get("/bundles", response={200: listing.BundlePage, REFUSALS: Problem})
def list_bundles(request: HttpRequest, before: Count = 0, limit: Limit = 50) -> listing.BundlePage:
    """Genuine bundles, newest first; at most 200 a page."""
    return listing.bundles(before=before, limit=limit)


@router.get("/bundles/{digest}", response={200: listing.BundleDocument, REFUSALS: Problem})
def read_bundle(request: HttpRequest, digest: Digest) -> listing.BundleDocument:
    """One bundle with its index of constructs."""
    return listing.bundle(digest)


@router.get("/environments", response={200: listing.EnvironmentPage, REFUSALS: Problem})
def list_environments(
    request: HttpRequest, after: Count = 0, limit: Limit = 50
) -> listing.EnvironmentPage:
    """Every environment with its labels, its nodes and what it was told to run."""
    return listing.environments(after=after, limit=limit)
