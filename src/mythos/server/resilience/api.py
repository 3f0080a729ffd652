"""`/api/v1/nodes`: how every host stands, and the evidence it is judged by. Reads only."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router
from pydantic import Field

from mythos.engines.resilience.reading import WINDOW_S
from mythos.server.resilience import listing, readings
from mythos.server.resilience.queries import newest_readings
from mythos.server.web.paging import Limit
from mythos.values.base import Count
from mythos.values.evidence import NodeName, UnixSeconds
from mythos.values.problem import REFUSALS, Problem
from mythos.values.reading import Reading

router = Router(tags=["nodes"], by_alias=True)

WindowS = Annotated[int, Field(ge=60, le=90 * 86_400)]


@router.get("/nodes", response={200: listing.NodePage, REFUSALS: Problem})
def list_nodes(request: HttpRequest, after: Count = 0, limit: Limit = 50) -> listing.NodePage:
    """Every enrolled node with its newest score; at most 200 a page."""
    return listing.nodes(after=after, limit=limit)


@router.get("/nodes/{node_id}/resilience", response={200: Reading, REFUSALS: Problem})
def read_resilience(
    request: HttpRequest, node_id: NodeName, window_s: WindowS = WINDOW_S
) -> Reading:
    """Score one node from the evidence of its last `window_s` seconds; stores nothing."""
    node = listing.node_called(node_id)
    newest = newest_readings([node_id]).get(node_id)
    return readings.read(node, at=timezone.now(), window_s=window_s, previous=newest)


@router.get("/nodes/{node_id}/baselines", response={200: listing.BaselineList, REFUSALS: Problem})
def list_baselines(request: HttpRequest, node_id: NodeName) -> listing.BaselineList:
    """Accepted baselines of a node and of its environment, newest first; at most 200."""
    return listing.baselines(listing.node_called(node_id))


@router.get("/nodes/{node_id}/evidence", response={200: listing.EvidencePage, REFUSALS: Problem})
def list_evidence(
    request: HttpRequest,
    node_id: NodeName,
    since: UnixSeconds = 0,
    after: Count = 0,
    limit: Limit = 50,
) -> listing.EvidencePage:
    """Merged evidence rows of one node, as nodes send them; at most 200 a page."""
    node = listing.node_called(node_id)
    return listing.evidence(node, since=since, after=after, limit=limit)
