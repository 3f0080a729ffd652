"""Upkeep: findings about the node itself, from facts rather than counts.

Silence, a second content under one envelope number, and a bundle in force that is not the assigned
one (after 300 s, the time a launch may take).
"""

from __future__ import annotations

from collections.abc import Iterator

from mythos.engines.resilience.facts import Fork, Mismatch, NodeFacts
from mythos.engines.resilience.finding import Finding, Scene
from mythos.engines.resilience.moment import written
from mythos.engines.resilience.presence import Presence
from mythos.values.reading import EvidenceRef

GRACE_S = 300


def upkeep(facts: NodeFacts, *, scene: Scene) -> Iterator[Finding]:
    """Find what is wrong with the node itself."""
    for fork in facts.forks:
        yield _forked(fork, scene=scene)
    mismatch = facts.mismatch
    if mismatch and (scene.as_of - mismatch.since).total_seconds() > GRACE_S:
        yield _mismatched(mismatch, scene=scene)
    if facts.presence.silent(scene.as_of):
        yield _silent(facts.presence, scene=scene)


def _forked(fork: Fork, *, scene: Scene) -> Finding:
    seen = written(fork.seen_at)
    return Finding(
        code="EVIDENCE_FORK",
        subject=scene.subject(fork.envelope),
        words={"node": scene.node},
        since=seen,
        last_seen=seen,
        evidence=(EvidenceRef(kind="envelope", ref=fork.envelope, digest=fork.digest),),
    )


def _mismatched(mismatch: Mismatch, *, scene: Scene) -> Finding:
    in_force = mismatch.in_force
    return Finding(
        code="BUNDLE_DIGEST_MISMATCH",
        subject=scene.subject("bundle"),
        words={"node": scene.node, "assigned": mismatch.assigned},
        value=(scene.as_of - mismatch.since).total_seconds(),
        threshold=GRACE_S,
        since=written(mismatch.since),
        evidence=(
            EvidenceRef(kind="bundle", ref="in force", digest=in_force),
            EvidenceRef(kind="bundle", ref="assigned", digest=mismatch.assigned),
        ),
    )


def _silent(presence: Presence, *, scene: Scene) -> Finding:
    heard = presence.newest_beat or presence.enrolled_at
    return Finding(
        code="NODE_SILENT",
        subject=scene.subject(),
        words={"node": scene.node},
        value=presence.silent_s(scene.as_of),
        threshold=presence.patience_s,
        since=written(heard) if heard else "",
    )
