"""The witness: what memory logs once were, remembered where their node cannot change it.

A node audits its own memory, with files that an intruder on that host could replace together. The
control plane keeps each log's newest checkpoint that was *proved* to extend the one before, and
cosigns it. A log that is shorter later, has another root at the same size, or sends a proof that
does not hold was rewritten, and that finding stays until an operator resolves it. A log that grew
without a proof is neither a fork nor believed: it waits, and is said to be unproved.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from django.db.models import QuerySet

from mythos.adapters.key_file import load_public_key
from mythos.engines.memory.checkpoint import names_log_of, parse_checkpoint
from mythos.engines.memory.cosignature import cosign
from mythos.engines.memory.note import NoteVerifier, parse_note, verify_note
from mythos.engines.memory.witness import Said, Verdict, judge
from mythos.errors import MemoryLogError
from mythos.server.catalog.models import Node
from mythos.server.resilience.log_models import MemoryCheckpoint, UnprovedCheckpoint
from mythos.server.resilience.log_restarts import Beginnings
from mythos.server.resilience.memory_tails import follow, tail_in
from mythos.server.resilience.witness_findings import report, report_fork
from mythos.server.resilience.witness_key import witness_key
from mythos.values.evidence import Envelope
from mythos.values.memory import Checkpoint, GrowthProof, LogTail

MAX_CHECKPOINTS = 1_000
MAX_UNPROVED = 200
"""Checkpoints of one log that wait for a proof; of more the largest are let go."""
MAX_PROOFS = 8
"""Proofs of growth of one of them."""


def remember(envelope: Envelope, node: Node, *, at: datetime, begun: Beginnings) -> None:
    """Hold an envelope's checkpoints against those remembered; call inside a transaction.

    A checkpoint that cannot be believed is a finding, never a reason to refuse the envelope: who
    damages a log must not gain that the node's evidence is lost with it.

    Args:
        envelope: signed by `node`, counted now for the first time.
        node: who sent it.
        at: now.
        begun: which of its logs began anew since; what it says of them is let go.
    """
    verify = partial(_verified, node, load_public_key(node.public_key).raw.public_bytes_raw())
    for note in envelope.checkpoints[:MAX_CHECKPOINTS]:
        try:
            claim = verify(note)
        except MemoryLogError as error:
            evidence = {"claimed": note[:2_000]}
            report(node, f"mythos/{node.node_id}", why=error.message, evidence=evidence, at=at)
            continue
        if not begun.past(claim.origin):
            told = _row_of(claim, note, envelope, node, at=at)
            _take_tail(told, claim, envelope, node, at=at)
            _hold(told, at=at)


def view(envelope: Envelope) -> list[str]:
    """What is remembered of an envelope's logs, cosigned: the node proves from there next.

    Checkpoints that are what the envelope says, and were so before it, are included too: an answer
    may have been lost.
    """
    origins = {note.partition("\n")[0] for note in envelope.checkpoints[:MAX_CHECKPOINTS]}
    known = MemoryCheckpoint.objects.filter(
        origin__in=sorted(origins), node_id=envelope.node
    ).exclude(cosigned="")
    return list(known.order_by("origin").values_list("cosigned", flat=True))


def _verified(node: Node, key: bytes, note: str) -> Checkpoint:
    """A checkpoint of one of this node's logs, signed by it.

    Raises:
        MemoryLogError: it is none.
    """
    claim = parse_checkpoint(parse_note(note).text)
    if not names_log_of(node.node_id, claim.origin):
        raise MemoryLogError(
            f"a checkpoint of {claim.origin!r}, which is no log of {node.node_id}",
            remedy="find out who changed the logs on that host",
        )
    verify_note(note, NoteVerifier.of_bytes(claim.origin, key))
    return claim


def _row_of(
    claim: Checkpoint, note: str, envelope: Envelope, node: Node, *, at: datetime
) -> UnprovedCheckpoint:
    growth = [proof for proof in envelope.growth if proof.origin == claim.origin]
    return UnprovedCheckpoint(
        origin=claim.origin,
        node_id=node.node_id,
        size=claim.size,
        root=claim.root.removeprefix("sha256:"),
        note=note,
        seen_at=datetime.fromtimestamp(envelope.sent_at, UTC),
        epoch=envelope.epoch,
        counter=envelope.counter,
        growth=[proof.model_dump(mode="json") for proof in growth],
        received_at=at,
    )


def _take_tail(
    told: UnprovedCheckpoint, claim: Checkpoint, envelope: Envelope, node: Node, *, at: datetime
) -> None:
    """Add the newest entries that came with a checkpoint, if it proves them."""
    try:
        tail = tail_in(envelope, claim)
    except MemoryLogError as error:
        evidence = {"claimed": told.note}
        report(node, claim.origin, why=error.message, evidence=evidence, at=at)
        return
    told.tail = None if tail is None else tail.model_dump(mode="json")


def _hold(claim: UnprovedCheckpoint, *, at: datetime) -> None:
    """Compare a claim with what is remembered and with what waits; keep it where it belongs."""
    known = MemoryCheckpoint.objects.select_for_update().filter(origin=claim.origin).first()
    if known is None:
        known = MemoryCheckpoint(origin=claim.origin)
        _witness(known, claim, at=at)
        _follow(known, claim, "grown", at=at)
        return
    waiting = list(_waiting(claim.origin))
    against: MemoryCheckpoint | UnprovedCheckpoint = known
    try:
        verdict = judge(_said(known), _said(claim), _growth(claim))
        for against in waiting:
            judge(_said(against), _said(claim), ())
    except MemoryLogError as error:
        report_fork(against, claim, why=error.message, at=at)
        return
    if verdict == "unproved":
        _wait(claim, waiting)
        return
    later = verdict == "grown" or (verdict == "same" and not _said(claim).precedes(_said(known)))
    if later:
        _witness(known, claim, at=at)
    _follow(known, claim, verdict, at=at)
    if later:
        _catch_up(known, at=at)


def _catch_up(known: MemoryCheckpoint, *, at: datetime) -> None:
    """Follow the chain of what waited: each proof may lead from where the one before arrived."""
    for waiting in _waiting(known.origin):
        try:
            verdict = judge(_said(known), _said(waiting), _growth(waiting))
        except MemoryLogError as error:
            report_fork(known, waiting, why=error.message, at=at)
            waiting.delete()
            continue
        if verdict == "unproved":
            continue
        if verdict == "grown":
            _witness(known, waiting, at=at)
        _follow(known, waiting, verdict, at=at)
        waiting.delete()


def _waiting(origin: str) -> QuerySet[UnprovedCheckpoint]:
    """What waits for a proof, the smallest first; a tail is read when it is asked for."""
    return UnprovedCheckpoint.objects.filter(origin=origin).order_by("size").defer("tail")


def _wait(claim: UnprovedCheckpoint, waiting: Sequence[UnprovedCheckpoint]) -> None:
    """Keep a claim until it can be proved; one that waits already gains the new proofs."""
    for same in waiting:
        if (same.size, same.root) == (claim.size, claim.root):
            more = [each for each in claim.growth if each not in same.growth]
            same.growth = [*same.growth, *more][:MAX_PROOFS]
            same.tail = same.tail or claim.tail
            same.save(update_fields=["growth", "tail"])
            return
    if len(waiting) < MAX_UNPROVED:
        claim.save(force_insert=True)
    elif claim.size < waiting[-1].size:
        waiting[-1].delete()
        claim.save(force_insert=True)


def _witness(known: MemoryCheckpoint, claim: UnprovedCheckpoint, *, at: datetime) -> None:
    """Remember a claim as what the log is, and cosign it."""
    if claim.note != known.note or not known.cosigned:
        known.cosigned = cosign(claim.note, witness_key().raw, at=at)
    for name in ("node_id", "size", "root", "note", "seen_at", "epoch", "counter"):
        setattr(known, name, getattr(claim, name))
    known.save()


def _follow(
    known: MemoryCheckpoint, claim: UnprovedCheckpoint, verdict: Verdict, *, at: datetime
) -> None:
    """Keep the newest entries that came with a claim, now that it is judged."""
    if claim.tail is None and verdict != "grown":
        return
    try:
        follow(known, None if claim.tail is None else LogTail.model_validate(claim.tail))
    except MemoryLogError as error:
        report_fork(known, claim, why=error.message, at=at)


def _said(row: MemoryCheckpoint | UnprovedCheckpoint) -> Said:
    checkpoint = Checkpoint(origin=row.origin, size=row.size, root=f"sha256:{row.root}")
    return Said(checkpoint, row.epoch, row.counter, row.seen_at)


def _growth(row: UnprovedCheckpoint) -> list[GrowthProof]:
    return [GrowthProof.model_validate(proof) for proof in row.growth]
