"""The witness: what memory logs once were, remembered where their node cannot change it.

A node audits its own memory, with files that an intruder on that host could replace together. The
control plane keeps each log's newest signed checkpoint: a log that is shorter later, or has another
root at the same size, was rewritten, and that finding stays until an operator resolves it. A log
rewritten *and* grown since its last checkpoint is beyond this: that takes a consistency proof.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from mythos.adapters.key_file import load_public_key
from mythos.engines.memory.checkpoint import log_origin, parse_checkpoint
from mythos.engines.memory.note import NoteVerifier, parse_note, verify_note
from mythos.errors import MemoryLogError
from mythos.server.catalog.models import Node
from mythos.server.resilience.models import IntakeFinding, MemoryCheckpoint
from mythos.values.evidence import Envelope
from mythos.values.memory import Checkpoint

CODE = "MEMORY_LOG_FORK"
MAX_CHECKPOINTS = 1_000


def remember(envelope: Envelope, node: Node, *, at: datetime) -> None:
    """Compare an envelope's checkpoints with those remembered; call inside a transaction.

    A checkpoint that cannot be believed is a finding, never a reason to refuse the envelope: who
    damages a log must not gain that the node's evidence is lost with it.

    Args:
        envelope: signed by `node`, counted now for the first time.
        node: who sent it.
        at: now.
    """
    sent_at = datetime.fromtimestamp(envelope.sent_at, UTC)
    verify = partial(_verified, node, load_public_key(node.public_key).raw.public_bytes_raw())
    for note in envelope.checkpoints[:MAX_CHECKPOINTS]:
        try:
            claim = verify(note)
        except MemoryLogError as error:
            _report(node, f"mythos/{node.node_id}", "", why=error.message, at=at)
            continue
        known = MemoryCheckpoint.objects.select_for_update().filter(origin=claim.origin).first()
        if known is not None and (why := _contradiction(known, claim, sent_at)):
            _report(node, claim.origin, claim.root, why=why, at=at)
        elif known is None or sent_at >= known.seen_at:
            _keep(node, note, claim, sent_at)


def _verified(node: Node, key: bytes, note: str) -> Checkpoint:
    """A checkpoint of one of this node's logs, signed by it.

    Raises:
        MemoryLogError: it is none.
    """
    claim = parse_checkpoint(parse_note(note).text)
    if not claim.origin.startswith(log_origin(node.node_id, "x")[:-1]):
        raise MemoryLogError(
            f"a checkpoint of {claim.origin!r}, which is no log of {node.node_id}",
            remedy="find out who changed the logs on that host",
        )
    verify_note(note, NoteVerifier.of_bytes(claim.origin, key))
    return claim


def _contradiction(known: MemoryCheckpoint, claim: Checkpoint, sent_at: datetime) -> str:
    """How a checkpoint contradicts the one remembered; envelopes may come in any order."""
    if claim.size == known.size:
        same = _hex(claim.root) == known.root
        return "" if same else f"another root at size {claim.size}"
    if sent_at == known.seen_at:
        return ""
    older, newer = known.size, claim.size
    if sent_at < known.seen_at:
        older, newer = newer, older
    return f"{newer} entries after there had been {older}" if newer < older else ""


def _hex(root: str) -> str:
    return root.removeprefix("sha256:")


def _report(node: Node, log: str, root: str, *, why: str, at: datetime) -> None:
    """Keep the finding; one that was resolved opens again for a root not seen before."""
    finding, created = IntakeFinding.objects.get_or_create(
        node_id=node.node_id,
        code=CODE,
        subject=log,
        defaults={"detail": why, "ref": root or why[:300], "seen_at": at},
    )
    if not created and finding.ref != (root or why[:300]):
        finding.detail, finding.ref = why, root or why[:300]
        finding.seen_at, finding.resolved_at = at, None
        finding.save(update_fields=["detail", "ref", "seen_at", "resolved_at"])


def _keep(node: Node, note: str, claim: Checkpoint, sent_at: datetime) -> None:
    MemoryCheckpoint.objects.update_or_create(
        origin=claim.origin,
        defaults={
            "node_id": node.node_id,
            "size": claim.size,
            "root": _hex(claim.root),
            "note": note,
            "seen_at": sent_at,
        },
    )
