"""Two that speak with one node's key: a finding that stays until an operator resolves it.

It is told by one envelope id with two contents, or by an epoch that goes on after a later one
began: a node has one state folder, and never returns to an older.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from mythos.server.catalog.models import Node
from mythos.server.resilience.models import EnvelopeReceipt, IntakeFinding, NewestAudit
from mythos.server.resilience.told_audits import Sent
from mythos.values.evidence import Envelope

CODE = "EVIDENCE_FORK"
MARGIN = timedelta(minutes=5)
"""How far ahead a node's clock may be, so that what it sealed before looks as if it were after."""


@transaction.atomic
def report_two_contents(envelope: Envelope, node: Node, *, digest: str, at: datetime) -> None:
    """Say that an envelope which was counted came with other content, of this digest."""
    why = f"envelope {envelope.counter} came with two contents"
    _report(node, f"{envelope.epoch}/{envelope.counter}", why=why, digest=digest, at=at)


def report_two_epochs(node: Node, sent: Sent, *, at: datetime) -> None:
    """Say so if an envelope was sealed after a later epoch had begun, which told audits.

    The later epoch stands before this one wherever order matters, so who forged it would hide what
    the node goes on to find.
    """
    newest = NewestAudit.objects.filter(node_id=node.node_id, epoch_seq__gt=sent.epoch_seq)
    seq = newest.order_by("-epoch_seq").values_list("epoch_seq", flat=True).first()
    if seq is None:
        return
    first = EnvelopeReceipt.objects.filter(pk=seq).first()
    if first is not None and sent.latest > (first.received_at + MARGIN).timestamp():
        why = f"an epoch went on after envelope {first.counter} of {first.epoch} had begun another"
        subject = f"{first.epoch}/{first.counter}"
        _report(node, subject, why=why, digest=first.digest, at=at)


def _report(node: Node, subject: str, *, why: str, digest: str, at: datetime) -> None:
    """Keep the finding; one that was resolved opens again for content not seen before."""
    finding, created = IntakeFinding.objects.get_or_create(
        node_id=node.node_id,
        code=CODE,
        subject=subject,
        defaults={"detail": why, "ref": digest, "seen_at": at},
    )
    if not created and finding.ref != digest:
        finding.ref, finding.seen_at, finding.resolved_at = digest, at, None
        finding.save(update_fields=["ref", "seen_at", "resolved_at"])
