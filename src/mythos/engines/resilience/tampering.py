"""Tampering: what the newest audit of each memory log found wrong.

A log whose own proofs fail raises only that: its classes of keys mean nothing. A critical finding
was last seen at its audit, so an operator's "resolved" holds until the next audit says else; a
warning lasts until an audit no longer finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.resilience.components import newest_audit
from mythos.engines.resilience.facts import LogClaim, Rewritten, Unproved
from mythos.engines.resilience.finding import Finding, Scene
from mythos.engines.resilience.moment import written, written_unix
from mythos.values.memory import BadClass
from mythos.values.reading import EvidenceRef

AUDIT_EVERY_S = 25 * 3_600
"""Seconds after which an audit is overdue: a node pauses a day at most, and then takes one."""
_CODES: dict[BadClass, str] = {
    "altered": "MEMORY_ALTERED",
    "missing": "MEMORY_MISSING",
    "unlogged": "MEMORY_UNLOGGED",
}


def tampering(
    logs: Mapping[str, Iterable[MemoryBody]],
    *,
    scene: Scene,
    rewritten: Mapping[str, Rewritten] | None = None,
) -> Iterator[Finding]:
    """Find what is wrong with each log (origin to its audits).

    `rewritten`: the logs that the witness caught, with the checkpoints that contradict each other.
    """
    caught = rewritten or {}
    for origin, audits in sorted(logs.items()):
        body = newest_audit(audits)
        if body.proof_failed:
            claims = caught[origin].claims if origin in caught else ()
            yield _forked(origin, body, claims, scene=scene)
            continue
        for kind, code in _CODES.items():
            if getattr(body, kind):
                yield _keys(origin, body, kind=kind, code=code, scene=scene)


def overdue(
    logs: Mapping[str, Iterable[MemoryBody]], *, newest_beat: datetime | None, scene: Scene
) -> Iterator[Finding]:
    """Find the logs whose node went on telling of them for over a day without a new audit.

    Both times are the node's own: a node that is silent is found as that.
    """
    if newest_beat is None:
        return
    for origin, audits in sorted(logs.items()):
        body = newest_audit(audits)
        age_s = newest_beat.timestamp() - body.audited_at
        if body.audited_at and age_s > AUDIT_EVERY_S:
            yield Finding(
                code="MEMORY_AUDIT_OVERDUE",
                subject=scene.subject(origin),
                words={"log": origin},
                value=age_s,
                threshold=AUDIT_EVERY_S,
                since=written_unix(body.audited_at + AUDIT_EVERY_S),
            )


def ungrounded(logs: Mapping[str, Unproved], *, scene: Scene) -> Iterator[Finding]:
    """Find the logs that grew without proving that they only grew."""
    for origin, found in sorted(logs.items()):
        yield Finding(
            code="MEMORY_LOG_UNPROVED",
            subject=scene.subject(origin),
            words={"log": origin, "size": str(found.known.size)},
            value=found.claim.size,
            threshold=found.known.size,
            since=written(found.since),
            evidence=(_cited(origin, found.known), _cited(origin, found.claim)),
        )


def _cited(origin: str, claim: LogClaim) -> EvidenceRef:
    return EvidenceRef(kind="checkpoint", ref=f"{origin}@{claim.size}", digest=claim.root)


def _forked(origin: str, body: MemoryBody, claims: Iterable[LogClaim], *, scene: Scene) -> Finding:
    seen = written_unix(body.audited_at)
    own = LogClaim(body.size, body.root)
    return Finding(
        code="MEMORY_LOG_FORK",
        subject=scene.subject(origin),
        words={"log": origin},
        since=seen,
        last_seen=seen,
        evidence=tuple(_cited(origin, claim) for claim in claims) or (_cited(origin, own),),
    )


def _keys(origin: str, body: MemoryBody, *, kind: BadClass, code: str, scene: Scene) -> Finding:
    seen = written_unix(body.audited_at)
    names = sorted(name for name, found in body.keys.items() if found == kind)
    return Finding(
        code=code,
        subject=scene.subject(origin),
        words={"log": origin},
        value=getattr(body, kind),
        threshold=0,
        since=seen,
        last_seen=seen if kind == "altered" else "",
        evidence=tuple(EvidenceRef(kind="memory", ref=name, digest=body.root) for name in names),
    )
