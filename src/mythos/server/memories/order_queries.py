"""Reads of orders to accept keys of a memory log."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Max, Q

from mythos.server.memories.pages.facts import LogFact, OrderFact
from mythos.server.resilience.log_models import LogRestart, MemoryOrder
from mythos.values.accept_order import AcceptOrder

MAX_ENDED = 50
"""Orders shown that were answered or withdrawn."""


def orders_about(log: LogFact) -> list[OrderFact]:
    """Orders about a log, the newest first: all that wait, and the newest that do not."""
    ours = MemoryOrder.objects.filter(node_id=log.host.node_id, origin=log.origin)
    restarts = LogRestart.objects.filter(node_id=log.host.node_id, origin=log.origin)
    began: datetime | None = restarts.aggregate(last=Max("restarted_at"))["last"]
    waits = Q(withdrawn_at=None, answered_at=None)
    found = {each.pk: each for each in (*ours.filter(waits), *ours.exclude(waits)[:MAX_ENDED])}
    return [order_fact(found[pk], began=began) for pk in sorted(found, reverse=True)]


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
