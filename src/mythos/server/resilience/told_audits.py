"""Audits as pages read them: of each log the newest one, and the counts of all as columns.

Both are copies of evidence rows, kept in the transaction that merges those. Which audit is newest
is told by how often the log began anew, then by the order of envelopes; by the time of the cell
only where envelopes are not known, since a node's clock may have been set back. An audit that is
told again, because the next is not due yet, is the newest one; it is counted where it was taken.
No audit was taken after the envelope that told it: one that says so was taken when that came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import EvidenceRow as ToldRow
from mythos.server.resilience.log_restarts import first_heard
from mythos.server.resilience.models import AuditCounts, EvidenceRow, NewestAudit
from mythos.values.evidence import LAST_SECOND, Envelope

_COUNTS = ("size", "ok", "altered", "missing", "unlogged")


@dataclass(frozen=True, slots=True, order=True)
class Sent:
    """When an envelope was sealed, among those of its node; zeros where that is not known.

    latest: the last Unix second that it can speak of: when it was sent, or came if that was before.
    """

    epoch_seq: int = 0
    counter: int = 0
    latest: int = field(default=LAST_SECOND, compare=False)


NOT_KNOWN = Sent()


def sent_in(envelope: Envelope, *, at: datetime) -> Sent:
    """The place of an envelope that was counted and came at `at`."""
    latest = min(envelope.sent_at, int(at.timestamp()))
    return Sent(first_heard(envelope.node, envelope.epoch), envelope.counter, latest)


def not_after(latest: int, rows: Iterable[ToldRow]) -> Iterator[ToldRow]:
    """The rows, their audits at `latest` where they say they were taken after it."""
    for row in rows:
        if isinstance(row.body, MemoryBody) and row.body.audited_at > latest:
            yield replace(row, body=replace(row.body, audited_at=latest), written=None)
        else:
            yield row


def keep(rows: Iterable[EvidenceRow], sent: Sent) -> None:
    """Keep audits as they are stored now, told by one envelope."""
    counts = []
    for row in rows:
        body = MemoryBody.from_json(row.body)
        log = _newest(row, body, sent)
        if body.audited_at < min(row.cell, sent.latest):
            continue
        values = {name: getattr(body, name) for name in _COUNTS}
        counts.append(
            AuditCounts(row=row, log=log, cell=row.cell, failed=body.proof_failed, **values)
        )
    AuditCounts.objects.bulk_create(
        counts,
        update_conflicts=True,
        unique_fields=["row"],
        update_fields=["log", "cell", "failed", *_COUNTS],
    )


def _newest(row: EvidenceRow, body: MemoryBody, sent: Sent) -> NewestAudit:
    told = {
        "epoch_seq": sent.epoch_seq,
        "counter": sent.counter,
        "cell": row.cell,
        "body": row.body,
    }
    log, created = NewestAudit.objects.select_for_update().get_or_create(
        node_id=row.node_id, environment=row.environment, subject=row.subject, defaults=told
    )
    known = MemoryBody.from_json(log.body)
    before = known.restarts, Sent(log.epoch_seq, log.counter), log.cell
    if not created and before <= (body.restarts, sent, row.cell):
        for name, value in told.items():
            setattr(log, name, value)
        log.save(update_fields=list(told))
    return log
