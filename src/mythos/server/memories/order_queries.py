"""Reads of orders to accept keys of a memory log."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max, Q

from mythos.engines.memory.ordered import orders_in
from mythos.server.memories.pages.facts import KeptFact, LogFact, OrderFact
from mythos.server.resilience.log_models import LogRestart, MemoryOrder
from mythos.values.accept_order import AcceptOrder

MAX_ENDED = 50
"""Orders shown that were answered or withdrawn."""


def orders_about(log: LogFact) -> list[OrderFact]:
    """Orders about a log, the newest first: all that wait, and the newest that do not."""
    ours = MemoryOrder.objects.filter(node_id=log.host.node_id, origin=log.origin)
    began = began_in(log.host.node_id).get(log.origin)
    waits = Q(withdrawn_at=None, answered_at=None)
    found = {each.pk: each for each in (*ours.filter(waits), *ours.exclude(waits)[:MAX_ENDED])}
    return [order_fact(found[pk], began=began) for pk in sorted(found, reverse=True)]


def orders_named(node_id: str, kept: KeptFact | None) -> dict[str, AcceptOrder]:
    """The orders to a host, by id, that entries kept of one of its logs name."""
    named = orders_in(kept.tail) if kept else set()
    found = MemoryOrder.objects.filter(node_id=node_id, order_id__in=sorted(named))
    documents = found.values_list("order_id", "order")
    return {order_id: AcceptOrder.model_validate(document) for order_id, document in documents}


def began_in(node_id: str) -> dict[str, datetime]:
    """When each log of a host that began anew did so last."""
    restarts = LogRestart.objects.filter(node_id=node_id).order_by().values("origin")
    return dict(restarts.annotate(last=Max("restarted_at")).values_list("origin", "last"))


def order_fact(row: MemoryOrder, *, began: datetime | None = None) -> OrderFact:
    """One order as a plain value; `began` is when its log last began anew."""
    return OrderFact(
        order=AcceptOrder.model_validate(row.order),
        ordered_at=row.ordered_at,
        withdrawn_at=row.withdrawn_at,
        answered_at=row.answered_at,
        outcome=row.outcome,
        entry=row.entry,
        answer=row.answer,
        of_before=began is not None and row.ordered_at <= began,
    )
