"""Writes of the monitor: evidence in, readings out.

Intake is one transaction: the receipt and the merged rows are committed together or not at all,
so an acknowledged envelope is counted exactly once whatever dies when.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from mythos.adapters.dsse import envelope_key_id, open_envelope
from mythos.adapters.key_file import load_public_key
from mythos.engines.evidence.row import EvidenceRow, merge
from mythos.errors import (
    EvidenceForkError,
    IdentityError,
)
from mythos.server.catalog.models import Node
from mythos.server.resilience import models, witness
from mythos.server.resilience.claims import (
    require_counter_in_reach,
    require_retained,
    require_sender,
)
from mythos.server.resilience.envelope_reading import read_envelope
from mythos.server.resilience.evidence_forks import report_two_contents, report_two_epochs
from mythos.server.resilience.log_restarts import Beginnings, beginnings, rows_of
from mythos.server.resilience.orders_under_way import deliverable, take_answers
from mythos.server.resilience.queries import evidence_row, stored_keys
from mythos.server.resilience.told_audits import NOT_KNOWN, Sent, keep, not_after, sent_in
from mythos.values import evidence as wire
from mythos.values.digest import digest_of

MAX_AHEAD = timedelta(minutes=5)
AT_ONCE = 500  # rows of one query: SQLite before 3.32 takes 999 values


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an envelope. `counted` False: the same bytes had been counted before.

    `witnessed`: what the witness remembers of the envelope's memory logs, as cosigned notes.
    `tells_view`: whether the node is to be told that by a signed view too. It has heard of nothing
    cosigned for one of these logs, so it may not know the witness's key; or its audit failed of one
    that was let begin anew, so it may remember it as it was before; or orders wait for it, as many
    as `orders` says.
    """

    node_id: str
    counter: int
    counted: bool
    n_rows: int
    witnessed: tuple[str, ...] = ()
    tells_view: bool = False
    orders: int = 0


def accept_envelope(data: bytes, *, at: datetime, via_file: bool = False) -> Accepted:
    """Verify one signed envelope and merge its rows, exactly once.

    Raises:
        IdentityError: unknown or retired node, or an envelope for another node, environment or log.
        TrustError: the signature does not hold.
        EvidenceForkError: this id was counted with other bytes.
        EvidenceExpiredError: older than retention.
        EvidenceError: the payload is not `mythos.evidence/1`, or its counter is out of reach.
    """
    node = _sender(data)
    payload = open_envelope(data, load_public_key(node.public_key), payload_type=wire.PAYLOAD_TYPE)
    envelope = read_envelope(payload)
    require_sender(envelope, node)
    require_retained(envelope, at=at)
    digest = digest_of(payload)
    try:
        return _count(envelope, node, digest=digest, at=at, via_file=via_file)
    except EvidenceForkError:
        report_two_contents(envelope, node, digest=digest, at=at)
        raise


def _sender(data: bytes) -> Node:
    node = Node.objects.filter(key_id=envelope_key_id(data)).select_related("environment").first()
    if node is None:
        raise IdentityError(
            "no enrolled node has signed this envelope",
            remedy="enrol the node first (`mythos node enroll`), and send with its own key",
        )
    if node.retired_at is not None:
        raise IdentityError(
            f"node {node.node_id} is retired",
            remedy="enrol the host again under a new id if it is to run once more",
        )
    return node


@transaction.atomic
def _count(
    envelope: wire.Envelope, node: Node, *, digest: str, at: datetime, via_file: bool
) -> Accepted:
    require_counter_in_reach(envelope, node, at=at)
    receipt, created = models.EnvelopeReceipt.objects.get_or_create(
        key_id=node.key_id,
        epoch=envelope.epoch,
        counter=envelope.counter,
        defaults={
            "digest": digest,
            "node_id": node.node_id,
            "via_file": via_file,
            "sent_at": datetime.fromtimestamp(envelope.sent_at, UTC),
            "received_at": at,
        },
    )
    if not created:
        if receipt.digest != digest:
            raise EvidenceForkError(
                f"envelope {envelope.counter} of {node.node_id} was counted with other content",
                remedy="two processes may hold one key: stop both, then enrol the host anew",
            )
        return _accepted(envelope, beginnings(envelope), counted=False)
    begun = beginnings(envelope)
    sent = sent_in(envelope, at=at)
    merge_rows(not_after(sent.latest, rows_of(envelope, begun)), sent=sent)
    report_two_epochs(node, sent, at=at)
    witness.remember(envelope, node, at=at, begun=begun)
    take_answers(envelope, node, at=at)
    _touch(envelope, node, at=at, via_file=via_file)
    return _accepted(envelope, begun, counted=True)


def _accepted(envelope: wire.Envelope, begun: Beginnings, *, counted: bool) -> Accepted:
    witnessed = witness.view(envelope)
    origins = {note.partition("\n")[0] for note in witnessed}
    orders = deliverable(envelope.node).count()
    return Accepted(
        envelope.node,
        envelope.counter,
        counted=counted,
        n_rows=len(envelope.rows) if counted else 0,
        witnessed=tuple(witnessed),
        tells_view=bool(orders)
        or any(
            not row.body.get("heard_at") or (row.subject in begun.then and row.body["proof_failed"])
            for row in envelope.rows
            if row.kind == "memory" and row.subject in origins
        ),
        orders=orders,
    )


def merge_rows(rows: Iterable[EvidenceRow], *, sent: Sent = NOT_KNOWN) -> None:
    """Add rows to what is stored under their keys; call inside a transaction.

    Args:
        rows: any evidence.
        sent: the place of the envelope that told it.
    """
    merged = merge(rows)
    for start in range(0, len(merged), AT_ONCE):
        _merge_few(merged[start : start + AT_ONCE])
    audits = (row for row in merged if row.key.kind == "memory")
    keep((models.EvidenceRow.objects.get(**_columns(row)) for row in audits), sent)


def _merge_few(rows: list[EvidenceRow]) -> None:
    """Store new keys together; where another process was quicker with one, each by itself."""
    known = stored_keys(rows)
    try:
        with transaction.atomic():
            models.EvidenceRow.objects.bulk_create(
                models.EvidenceRow(**_columns(row), body=row.body.to_json())
                for row in rows
                if row.key not in known
            )
    except IntegrityError:
        known = {row.key for row in rows}
    for row in rows:
        if row.key in known:
            _merge_one(row)


def _merge_one(row: EvidenceRow) -> None:
    stored, created = models.EvidenceRow.objects.select_for_update().get_or_create(
        **_columns(row), defaults={"body": row.body.to_json()}
    )
    if not created:
        merged = merge([evidence_row(stored), row])[0].body
        # Reading is stricter than adding: what could not be read again must not be stored.
        stored.body = type(merged).from_json(merged.to_json()).to_json()
        stored.save(update_fields=["body"])


def _columns(row: EvidenceRow) -> dict[str, str | int]:
    key = asdict(row.key)
    return {"node_id": key.pop("node"), **key}


def _touch(envelope: wire.Envelope, node: Node, *, at: datetime, via_file: bool) -> None:
    """Remember the newest beat and what the node says it runs. Old envelopes change neither."""
    sent_at = min(datetime.fromtimestamp(envelope.sent_at, UTC), at + MAX_AHEAD)
    newest = Node.objects.filter(Q(last_beat_at=None) | Q(last_beat_at__lte=sent_at), pk=node.pk)
    newest.update(
        last_beat_at=sent_at,
        heartbeat_s=envelope.heartbeat_s,
        in_force=envelope.in_force.model_dump(mode="json"),
    )
    if via_file:
        Node.objects.filter(pk=node.pk).update(last_file_at=at)
