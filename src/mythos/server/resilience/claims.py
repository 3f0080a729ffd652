"""What a signed envelope may claim: for whom it speaks, of when, of which logs, in which order.

Whoever holds a node's key may lie about that node. These bounds keep the lie to that node, and
keep one envelope from standing before everything that the node will ever say.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings

from mythos.engines.memory.checkpoint import names_log_of
from mythos.errors import EvidenceError, EvidenceExpiredError, IdentityError
from mythos.server.catalog.models import Node
from mythos.server.resilience.models import EnvelopeReceipt
from mythos.values.evidence import Envelope

BURST = 10_000
"""How far a counter may jump at once: a node keeps as many envelopes that were delivered."""
PER_SECOND = 10
"""Envelopes that a node may seal in a second. A beat takes one second or more."""


def require_sender(envelope: Envelope, node: Node) -> None:
    """Check that an envelope speaks for the node that signed it, and of its own logs.

    Raises:
        IdentityError: it speaks for another node or environment, names another key, or audits
            what is no log of this node.
    """
    claims = {(envelope.node, envelope.environment)}
    claims |= {(row.node, row.environment) for row in envelope.rows}
    known = (node.node_id, node.environment.name)
    if claims != {known}:
        other = min(claims - {known})
        raise IdentityError(
            f"{known[0]} of {known[1]} signed evidence for {other[0]} of {other[1]}",
            remedy="a node speaks for itself only; enrol again to change its environment",
        )
    if envelope.key_id != node.key_id:
        raise IdentityError(
            f"the envelope names the key {envelope.key_id[:12]}, but {node.key_id[:12]} signed it",
            remedy="send with the key the node enrolled with",
        )
    for row in envelope.rows:
        if row.kind == "memory" and not names_log_of(node.node_id, row.subject):
            raise IdentityError(
                f"{node.node_id} signed an audit of {row.subject[:150]!r}, which is no log of it",
                remedy="a node speaks for its own logs only: mythos/NODE/AGENT, percent-encoded",
            )


def require_retained(envelope: Envelope, *, at: datetime) -> None:
    """Check that an envelope is not older than what is kept.

    Raises:
        EvidenceExpiredError: it is.
    """
    sent_at = datetime.fromtimestamp(envelope.sent_at, UTC)
    retention = timedelta(days=settings.MYTHOS.retention_days)
    if sent_at < at - retention:
        raise EvidenceExpiredError(
            f"evidence of {sent_at:%Y-%m-%d} is beyond the retention of {retention.days} days",
            remedy="raise MYTHOS_RETENTION_DAYS before importing it, or leave it out",
        )


def require_counter_in_reach(envelope: Envelope, node: Node, *, at: datetime) -> None:
    """Check that a node can have sealed as many envelopes as its counter says.

    Counting goes on from the epoch's newest envelope, or begins when the node was enrolled. A
    smaller counter came late, and holds.

    Raises:
        EvidenceError: the counter is ahead of that.
    """
    newest = (
        EnvelopeReceipt.objects.filter(key_id=node.key_id, epoch=envelope.epoch)
        .order_by("-counter")
        .values_list("counter", "received_at")
        .first()
    )
    counted, since = newest or (0, node.enrolled_at)
    elapsed_s = max(int((at - since).total_seconds()), 0)
    most = counted + BURST + PER_SECOND * elapsed_s
    if envelope.counter > most:
        raise EvidenceError(
            f"envelope {envelope.counter} of {node.node_id} is out of reach: "
            f"the newest before it is {counted}, so it can be {most} at most",
            remedy="import the report that is missing before it, or this one again later; if none"
            " is missing, find out who else holds the key of that node",
        )
