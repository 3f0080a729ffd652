"""The witness's judgement: does what a log says now continue what it said before?

Envelopes are lost, repeated and reordered, so an older checkpoint that comes late is harmless; what
two checkpoints may never do is contradict each other. A log that grew must prove that it only grew.
Without a proof it is *unproved*: no fork, and not believed either.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from mythos.engines.memory.proofs import verify_consistency
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint, GrowthProof

Verdict: TypeAlias = Literal["same", "grown", "unproved", "earlier"]


@dataclass(frozen=True, slots=True)
class Said:
    """A checkpoint as it was sent: what it says, in which envelope, and when by the node's clock.

    Within an epoch the counter orders envelopes, whatever the clock did; across epochs only the
    clock can. An empty epoch is not known.
    """

    checkpoint: Checkpoint
    epoch: str
    counter: int
    sent_at: datetime

    def shares_epoch(self, other: Said) -> bool:
        """Whether counters can order the two."""
        return bool(self.epoch) and self.epoch == other.epoch

    def precedes(self, other: Said) -> bool:
        """Whether this was said before the other, or in the same envelope."""
        if self.shares_epoch(other):
            return self.counter <= other.counter
        return self.sent_at <= other.sent_at


def judge(known: Said, claim: Said, proofs: Iterable[GrowthProof]) -> Verdict:
    """Judge a claim by what is remembered.

    Args:
        known: what the witness remembers.
        claim: another checkpoint of the same log, signed well.
        proofs: what came with the claim; those from and to other sizes are left out.

    Returns:
        `same`: nothing new. `grown`: proved to extend `known`. `earlier`: smaller, said before.
        `unproved`: larger, and no proof from the size of `known`.

    Raises:
        MemoryLogError: the two cannot both be true, or a proof does not hold.
    """
    old, new = known.checkpoint, claim.checkpoint
    if new.size == old.size:
        if new.root != old.root:
            raise _forked(f"another root at size {new.size}")
        return "same"
    if new.size < old.size:
        if claim.precedes(known):
            return "earlier"
        raise _forked(f"{new.size} entries after there had been {old.size}")
    said_before = claim.precedes(known) and not known.precedes(claim)
    if said_before and known.shares_epoch(claim):
        raise _forked(f"{old.size} entries after there had been {new.size}")
    if old.size == 0 or _proved(old, new, proofs):
        return "grown"
    if said_before:
        raise _forked(f"{old.size} entries after there had been {new.size}")
    return "unproved"


def growth_proof(origin: str, old_size: int, size: int, hashes: Iterable[bytes]) -> GrowthProof:
    """Write a consistency proof as it travels."""
    texts = tuple(base64.b64encode(each).decode() for each in hashes)
    return GrowthProof(origin=origin, old_size=old_size, size=size, hashes=texts)


def _proved(old: Checkpoint, new: Checkpoint, proofs: Iterable[GrowthProof]) -> bool:
    """Whether a proof shows the growth; every one that says so must hold."""
    wanted = (new.origin, old.size, new.size)
    fitting = [each for each in proofs if (each.origin, each.old_size, each.size) == wanted]
    for proof in fitting:
        verify_consistency(
            old.size,
            new.size,
            proof=[base64.b64decode(text) for text in proof.hashes],
            old_root=_root(old),
            new_root=_root(new),
        )
    return bool(fitting)


def _root(checkpoint: Checkpoint) -> bytes:
    return bytes.fromhex(checkpoint.root.removeprefix("sha256:"))


def _forked(message: str) -> MemoryLogError:
    return MemoryLogError(
        message, remedy="keep both checkpoints, stop the agent, and find out who changed its log"
    )
