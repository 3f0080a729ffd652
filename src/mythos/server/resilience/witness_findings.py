"""What the witness found: logs that contradicted themselves, and logs that grew unproved.

A contradiction stays until an operator resolves it, with the notes that show it, as they were
signed: the first and the newest of each log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.note import parse_note
from mythos.engines.resilience.facts import LogClaim, Rewritten, Unproved
from mythos.errors import MemoryLogError
from mythos.server.catalog.models import Node
from mythos.server.resilience.log_models import MemoryCheckpoint, UnprovedCheckpoint
from mythos.server.resilience.models import IntakeFinding

CODE = "MEMORY_LOG_FORK"
MAX_SHOWN = 8
"""Contradictions of one log whose notes are kept."""


def rewritten_logs(node: Node) -> dict[str, Rewritten]:
    """Logs of a node that contradicted themselves, until an operator resolves it."""
    open_ones = IntakeFinding.objects.filter(node_id=node.node_id, code=CODE, resolved_at=None)
    return {found.subject: Rewritten(found.seen_at, _claims_in(found)) for found in open_ones}


def unproved_logs(node: Node) -> dict[str, Unproved]:
    """Logs of a node that grew and have not proved it."""
    found = UnprovedCheckpoint.objects.filter(node_id=node.node_id).defer("tail", "growth")
    waiting = found.order_by("origin", "size")
    since: dict[str, datetime] = {}
    largest: dict[str, UnprovedCheckpoint] = {}
    for each in waiting:
        since[each.origin] = min(each.received_at, since.get(each.origin, each.received_at))
        largest[each.origin] = each
    known = {each.origin: each for each in MemoryCheckpoint.objects.filter(origin__in=largest)}
    return {
        origin: Unproved(since[origin], _claim(known[origin]), _claim(each))
        for origin, each in largest.items()
        if origin in known
    }


def report(
    node: Node, log: str, *, why: str, evidence: dict[str, Any], at: datetime, root: str = ""
) -> None:
    """Keep the finding; one that was resolved opens again for a root not seen before."""
    shown = {"at": at.isoformat(), "why": why, **evidence}
    ref = root or why[:300]
    finding, created = IntakeFinding.objects.get_or_create(
        node_id=node.node_id,
        code=CODE,
        subject=log,
        defaults={"detail": why, "ref": ref, "seen_at": at, "evidence": [shown]},
    )
    if not created and finding.ref != ref:
        finding.detail, finding.ref = why, ref
        finding.seen_at, finding.resolved_at = at, None
        kept = [*finding.evidence, shown]
        finding.evidence = kept if len(kept) <= MAX_SHOWN else [kept[0], *kept[1 - MAX_SHOWN :]]
        finding.save(update_fields=["detail", "ref", "seen_at", "resolved_at", "evidence"])


def report_fork(
    known: MemoryCheckpoint | UnprovedCheckpoint,
    claim: UnprovedCheckpoint,
    *,
    why: str,
    at: datetime,
) -> None:
    """Keep the finding that a claim contradicts what is remembered, or what waits."""
    node = Node.objects.get(node_id=claim.node_id)
    evidence = {"remembered": known.note, "claimed": claim.note, "growth": claim.growth}
    report(node, claim.origin, why=why, evidence=evidence, root=f"sha256:{claim.root}", at=at)


def _claims_in(found: IntakeFinding) -> tuple[LogClaim, ...]:
    """The checkpoints of a finding's newest contradiction, as far as they can be read."""
    claims = []
    for name in ("remembered", "claimed"):
        try:
            text = parse_note(found.evidence[-1][name]).text if found.evidence else ""
            said = parse_checkpoint(text)
        except (KeyError, MemoryLogError):
            continue
        claims.append(LogClaim(said.size, said.root))
    return tuple(claims)


def _claim(row: MemoryCheckpoint | UnprovedCheckpoint) -> LogClaim:
    return LogClaim(row.size, f"sha256:{row.root}")
