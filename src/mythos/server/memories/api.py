"""`/api/v1/memories`: memory logs, what audits found, what is witnessed, and orders to accept keys.

Operators give and withdraw orders, with the session's CSRF token; everything else only reads.
"""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router
from ninja.responses import Status
from pydantic import Field

from mythos.server.documents.selection import Span
from mythos.server.memories import entry_listing, listing, order_listing
from mythos.server.memories.entry_proof import proof_of
from mythos.server.memories.pages.entry_selection import MAX_KEY_TEXT, RUN, EntrySelection
from mythos.server.resilience.memory_orders import Seen, order, withdraw
from mythos.server.web.paging import Limit, PageNumber
from mythos.server.web.roles import require_operator
from mythos.values.accept_order import OrderId
from mythos.values.base import Count
from mythos.values.evidence import NodeName
from mythos.values.memory import MemoryOp, MemorySource
from mythos.values.problem import CHANGE_REFUSALS, REFUSALS, Problem

router = Router(tags=["memories"], by_alias=True)
KeyText = Annotated[str, Field(max_length=MAX_KEY_TEXT, pattern=r"^[^\x00]*$")]
RunText = Annotated[str, Field(pattern=RUN)]
_TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}}


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


@router.get(
    "/memories/{node_id}/entries", response={200: entry_listing.EntryPage, REFUSALS: Problem}
)
def list_entries(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    request: HttpRequest,
    node_id: NodeName,
    log: listing.LogName,
    source: MemorySource | None = None,
    op: MemoryOp | None = None,
    trace: RunText | None = None,
    key: KeyText = "",
    page: PageNumber = 1,
    limit: Limit = 50,
) -> entry_listing.EntryPage:
    """The newest entries of a log, newest first, of a source, an operation, a run or a key."""
    chosen = EntrySelection(page=page, source=source or "", op=op or "", trace=trace or "", key=key)
    return entry_listing.entries(node_id, log, chosen, limit=limit)


@router.get(
    "/memories/{node_id}/proof",
    response={200: None, REFUSALS: Problem},
    openapi_extra={"responses": {200: _TEXT}},
)
def read_proof(
    request: HttpRequest, node_id: NodeName, log: listing.LogName, seq: Count
) -> HttpResponse:
    """The proof of one entry, as text for `mythos memory verify`."""
    _, text = proof_of(node_id, log, seq)
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@router.get(
    "/memories/{node_id}/orders", response={200: order_listing.OrderPage, REFUSALS: Problem}
)
def list_orders(
    request: HttpRequest,
    node_id: NodeName,
    log: listing.LogName | None = None,
    page: PageNumber = 1,
    limit: Limit = 50,
) -> order_listing.OrderPage:
    """Orders to a host to accept keys, the newest first, of one `log` or of all."""
    return order_listing.orders(node_id, log, page=page, limit=limit)


@router.post(
    "/memories/{node_id}/orders",
    response={201: order_listing.OrderDocument, CHANGE_REFUSALS: Problem},
)
def accept_key(
    request: HttpRequest, node_id: NodeName, asked: order_listing.AcceptRequest
) -> Status[order_listing.OrderDocument]:
    """Order a host to accept a key as it was shown; the host carries it out and answers."""
    user = require_operator(request.user)
    seen = Seen(node_id, asked.log, asked.key, asked.seq, asked.found)
    made = order(seen, why=asked.why, by=user.get_username(), at=timezone.now())
    return Status(201, order_listing.document_of(made))


@router.delete(
    "/memories/{node_id}/orders/{order_id}",
    response={200: order_listing.OrderDocument, CHANGE_REFUSALS: Problem},
)
def withdraw_order(
    request: HttpRequest, node_id: NodeName, order_id: OrderId
) -> order_listing.OrderDocument:
    """Take an order back before its host has answered."""
    user = require_operator(request.user)
    made = withdraw(node_id, order_id, by=user.get_username(), at=timezone.now())
    return order_listing.document_of(made)
