"""Orders of the machine API: what is asked and what is told, bounded."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from mythos.server.memories.listing import LogName
from mythos.server.memories.order_queries import began_in, order_fact
from mythos.server.memories.page_queries import kept_of
from mythos.server.memories.pages.orders import InLog, OrderShown, OrderState, shown
from mythos.server.resilience.listing import node_called
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.web.paging import page_after
from mythos.values.accept_order import OrderId
from mythos.values.base import Count, StrictCount, Value
from mythos.values.memory import MAX_KEY_CHARS, BadClass, ShownHash

KeyName = Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARS)]


class AcceptRequest(Value):
    """A wrong key as it was shown: `seq` and `found` as in `log_says`, null where there is none."""

    log: LogName
    key: KeyName
    seq: StrictCount | None
    found: ShownHash | None
    why: Annotated[str, Field(min_length=1, max_length=1_000)]


class OrderDocument(Value):
    """An order and what became of it.

    `entry` is the number of the host's log entry, `answer` why there is none. `withdrawn_at` may
    be set beside an answer: the host had carried it out already. `in_log` says of one that the host
    says it accepted whether entry `entry` of the log says so too: `yes`, `no`, or `unseen` where
    what is kept and proved of the log does not reach it; it is null of others.
    """

    id: OrderId
    log: str
    key: str
    kind: BadClass
    seq: Count | None
    found: ShownHash | None
    by: str
    why: str
    ordered_at: datetime
    state: OrderState
    withdrawn_at: datetime | None
    answered_at: datetime | None
    entry: Count | None
    answer: str
    in_log: InLog | None


class OrderPage(Value):
    """Some orders, the newest first; `next` is the `page` behind this one, null on the last."""

    items: tuple[OrderDocument, ...]
    next: int | None


def orders(node_id: str, log: str | None, *, page: int, limit: int) -> OrderPage:
    """Orders to a host, a page at a time.

    Raises:
        NotFoundError: there is no such host.
    """
    name = node_called(node_id).node_id
    found = MemoryOrder.objects.filter(node_id=name)
    if log is not None:
        found = found.filter(origin=log)
    start = (page - 1) * limit
    rows = list(found[start : start + limit])
    began = began_in(name)
    kept = kept_of(name, {row.origin for row in rows if row.outcome == "accepted"})
    proved = {origin: each.tail for origin, each in kept.items() if not each.problem}
    return OrderPage(
        items=tuple(
            _document(
                row, shown(order_fact(row, began=began.get(row.origin)), proved.get(row.origin))
            )
            for row in rows
        ),
        next=page_after(page, n=found.count(), limit=limit),
    )


def document_of(row: MemoryOrder) -> OrderDocument:
    """An order that was not answered, in wire form."""
    return _document(row, shown(order_fact(row)))


def _document(row: MemoryOrder, order: OrderShown) -> OrderDocument:
    told = {name: getattr(order, name) for name in OrderDocument.model_fields if name != "log"}
    return OrderDocument(log=row.origin, **told)
