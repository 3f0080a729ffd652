"""`/api/v1/memories`: memory logs, what audits found and what is witnessed. Reads only."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router

from mythos.server.documents.selection import Span
from mythos.server.memories import listing
from mythos.server.web.paging import Limit, PageNumber
from mythos.values.evidence import NodeName
from mythos.values.problem import REFUSALS, Problem

router = Router(tags=["memories"], by_alias=True)


@router.get("/memories", response={200: listing.MemoryLogPage, REFUSALS: Problem})
def list_memories(
    request: HttpRequest, page: PageNumber = 1, limit: Limit = 50
) -> listing.MemoryLogPage:
    """Every memory log with its newest audit, the worst first; at most 200 a page."""
    return listing.memories(page=page, limit=limit, at=timezone.now())


@router.get("/memories/{node_id}/log", response={200: listing.MemoryLogDocument, REFUSALS: Problem})
def read_memory(
    request: HttpRequest, node_id: NodeName, log: listing.LogName, window: Span = "24h"
) -> listing.MemoryLogDocument:
    """One memory log, by its name, with its audits in the window and what the witness knows."""
    return listing.memory(node_id, log, span=window, at=timezone.now())
