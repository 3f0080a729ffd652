"""Reads of the monitor: evidence rows of a node, newest readings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from django.db.models import Max, Q, QuerySet, TextField
from django.db.models.functions import Cast

from mythos.engines.evidence.row import BODIES, EvidenceRow, RowKey
from mythos.engines.evidence.window import DAY_S
from mythos.server.resilience import models
from mythos.server.resilience.kept_rows import StoredRow

if TYPE_CHECKING:
    from mythos.values.evidence import RowKind

_KEY = ("node_id", "environment", "bundle", "agent", "kind", "subject", "cell", "width_s")


def evidence_row(stored: models.EvidenceRow) -> EvidenceRow:
    """A stored row as the engines know it."""
    kind = cast("RowKind", stored.kind)  # only intake writes rows, and it has checked the kind
    key = RowKey(
        node=stored.node_id,
        environment=stored.environment,
        bundle=stored.bundle,
        agent=stored.agent,
        kind=kind,
        subject=stored.subject,
        cell=stored.cell,
        width_s=stored.width_s,
    )
    return EvidenceRow(key, BODIES[kind].from_json(stored.body))


def stored_keys(rows: Iterable[EvidenceRow]) -> set[RowKey]:
    """Keys that are stored already of the nodes and cells of rows."""
    places = {(row.key.node, row.key.cell) for row in rows}
    found = models.EvidenceRow.objects.filter(
        node_id__in={node for node, _ in places}, cell__in={cell for _, cell in places}
    )
    return {RowKey(*key) for key in found.values_list(*_KEY)}


def evidence_of(node_id: str, *, until: datetime, window_s: int) -> list[EvidenceRow]:
    """Evidence of one node whose cells touch the window that ends at `until`; audits of any age."""
    return [evidence_row(stored) for stored in _touching(node_id, until=until, window_s=window_s)]


def scored_evidence_of(node_id: str, *, until: datetime, window_s: int) -> Iterator[StoredRow]:
    """The same as it is stored, without that of shadow sets, which enters no reading; oldest first.

    The columns are read as they are: what was parsed before need not be parsed again.
    """
    found = _touching(node_id, until=until, window_s=window_s).exclude(kind="shadow")
    rows = found.order_by("pk").values_list(Cast("body", TextField()), *_KEY)
    return (StoredRow(RowKey(*key), body) for body, *key in rows.iterator())


def _touching(node_id: str, *, until: datetime, window_s: int) -> QuerySet[models.EvidenceRow]:
    since = until - timedelta(seconds=window_s)
    touching = Q(cell__gt=since.timestamp() - DAY_S, cell__lte=until.timestamp())
    return models.EvidenceRow.objects.filter(touching | Q(kind="memory"), node_id=node_id)


def newest_readings(node_ids: Iterable[str]) -> dict[str, models.SymbolicResilienceMonitor]:
    """The newest reading of each node that has one."""
    newest = (
        models.SymbolicResilienceMonitor.objects.filter(node_id__in=list(node_ids))
        .values("node_id")
        .annotate(newest=Max("id"))
        .values_list("newest", flat=True)
    )
    return {
        reading.node_id: reading
        for reading in models.SymbolicResilienceMonitor.objects.filter(id__in=list(newest))
    }
