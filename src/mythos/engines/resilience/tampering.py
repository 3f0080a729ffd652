"""Tampering: what the newest audit of each memory log found wrong.

A log whose own proofs fail raises only that: its classes of keys mean nothing. A critical finding
was last seen at its audit, so an operator's "resolved" holds until the next audit says else; a
warning lasts until an audit no longer finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from mythos.engines.evidence.memory import BadClass, MemoryBody
from mythos.engines.resilience.components import newest_audit
from mythos.engines.resilience.finding import Finding, Scene
from mythos.engines.resilience.moment import written_unix
from mythos.values.reading import EvidenceRef

_CODES: dict[BadClass, str] = {
    "altered": "MEMORY_ALTERED",
    "missing": "MEMORY_MISSING",
    "unlogged": "MEMORY_UNLOGGED",
}


def tampering(logs: Mapping[str, Iterable[MemoryBody]], *, scene: Scene) -> Iterator[Finding]:
    """Find what is wrong with each log (origin to its audits)."""
    for origin, audits in sorted(logs.items()):
        body = newest_audit(audits)
        if body.proof_failed:
            yield _forked(origin, body, scene=scene)
            continue
        for kind, code in _CODES.items():
            if getattr(body, kind):
                yield _keys(origin, body, kind=kind, code=code, scene=scene)


def _forked(origin: str, body: MemoryBody, *, scene: Scene) -> Finding:
    seen = written_unix(body.audited_at)
    return Finding(
        code="MEMORY_LOG_FORK",
        subject=scene.subject(origin),
        words={"log": origin},
        since=seen,
        last_seen=seen,
        evidence=(EvidenceRef(kind="checkpoint", ref=f"{origin}@{body.size}", digest=body.root),),
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
