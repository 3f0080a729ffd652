"""What operators do with the witness: look, carry its view to a node, let a log begin anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from mythos.errors import NotFoundError
from mythos.server.actions.ledger import record
from mythos.server.catalog.models import Node
from mythos.server.deployment import trust
from mythos.server.resilience.log_models import (
    LogRestart,
    MemoryCheckpoint,
    MemoryTail,
    UnprovedCheckpoint,
)
from mythos.server.resilience.models import IntakeFinding
from mythos.server.resilience.orders_under_way import (
    lock_node,
    orders_for,
    waiting_by_log,
    withdraw_all,
)
from mythos.server.resilience.queries import newest_readings
from mythos.server.resilience.witness_findings import CODE
from mythos.server.resilience.witness_key import witness_verifier
from mythos.values.digest import canonical_bytes
from mythos.values.witness import VIEW_TYPE, WitnessView


@dataclass(frozen=True, slots=True)
class Remembered:
    """One log: what is remembered, what waits for a proof (0: nothing), and what contradicts it.

    `orders` of operators wait for its host.
    """

    origin: str
    node: str
    size: int
    root: str
    seen_at: datetime
    unproved_size: int
    fork: str
    orders: int


def remembered() -> list[Remembered]:
    """Every log that the witness knows, by name."""
    waiting = dict(UnprovedCheckpoint.objects.order_by("size").values_list("origin", "size"))
    forks = IntakeFinding.objects.filter(code=CODE, resolved_at=None)
    details = dict(forks.values_list("subject", "detail"))
    orders = waiting_by_log()
    return [
        Remembered(
            row.origin,
            row.node_id,
            row.size,
            f"sha256:{row.root}",
            row.seen_at,
            waiting.get(row.origin, 0),
            details.get(row.origin, ""),
            orders.get(row.origin, 0),
        )
        for row in MemoryCheckpoint.objects.order_by("origin")
    ]


def view_for(node_id: str, *, at: datetime) -> bytes:
    """The file for a node: what is remembered of its logs and what it is told to do, signed.

    Raises:
        NotFoundError: no such node, or none of its logs was witnessed yet and no order waits.
    """
    node = Node.objects.filter(node_id=node_id).select_related("environment").first()
    known = MemoryCheckpoint.objects.filter(node_id=node_id).exclude(cosigned="")
    notes = tuple(known.order_by("origin").values_list("cosigned", flat=True))
    orders = orders_for(node) if node else ()
    if node is None or not (notes or orders):
        raise NotFoundError(
            f"no memory log of {node_id[:150]!r} was witnessed yet",
            remedy="see `mythos witness list`; import a report of the node first",
        )
    view = WitnessView(
        node=node_id,
        environment=node.environment.name,
        vkey=witness_verifier().vkey,
        notes=notes,
        orders=orders,
    )
    document = view.model_dump(mode="json", by_alias=True)
    if not view.orders:  # an older node knows no such field
        del document["orders"]
    payload = canonical_bytes(document)
    return trust.deployments(node.environment, at=at).signed(payload, VIEW_TYPE)


def restart_log(origin: str, *, by: str, why: str, at: datetime) -> None:
    """Forget what is remembered of a log, so that its next checkpoint is its first.

    What was remembered goes into the log of operator actions, and its finding is resolved. Audits
    from before then are of another log: they count no more. Orders that wait are withdrawn.

    Raises:
        NotFoundError: the witness knows no such log.
        UsageError: no name, or too long a reason.
    """
    with transaction.atomic():
        known = MemoryCheckpoint.objects.select_for_update().filter(origin=origin).first()
        if known is None:
            raise NotFoundError(
                f"the witness remembers no log {origin[:300]!r}",
                remedy="take its name from `mythos witness list`",
            )
        lock_node(known.node_id)
        details = {"remembered": known.note}
        if withdrawn := withdraw_all(origin, at=at):
            details["orders_withdrawn"] = str(withdrawn)
        record("log.restart", origin, by=by, at=at, why=why, details=details)
        LogRestart.objects.create(
            origin=origin,
            node_id=known.node_id,
            size=known.size,
            epoch=known.epoch,
            counter=known.counter,
            seen_at=known.seen_at,
            restarted_at=at,
        )
        UnprovedCheckpoint.objects.filter(origin=origin).delete()
        MemoryTail.objects.filter(origin=origin).delete()
        IntakeFinding.objects.filter(code=CODE, subject=origin).update(resolved_at=at)
        _resolve_flag(known.node_id, origin)
        known.delete()
    from mythos.server.resilience.readings import refresh  # noqa: PLC0415 - only what scores pays

    refresh(known.node_id, at=at)


def _resolve_flag(node_id: str, origin: str) -> None:
    """Let the flag of the newest reading say that an operator resolved it."""
    reading = newest_readings([node_id]).get(node_id)
    if reading is None:
        return
    for flag in reading.symbolic_warning_flags:
        if (flag["code"], flag["subject"]) == (CODE, f"{node_id}/{origin}"):
            flag["state"] = "resolved"
    reading.save(update_fields=["symbolic_warning_flags"])
