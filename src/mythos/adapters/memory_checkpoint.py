"""Checkpoints of a log: what it is now, signed, with proofs that it extends what it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_log import LogPlace, open_log
from mythos.engines.memory.checkpoint import checkpoint_text, parse_checkpoint, require_extends
from mythos.engines.memory.note import NoteSigner, parse_note, sign_note
from mythos.engines.memory.witness import growth_proof
from mythos.values.memory import Checkpoint, GrowthProof


@dataclass(frozen=True, slots=True)
class GrownLog:
    """A signed checkpoint, what it says, and its proofs."""

    note: str
    checkpoint: Checkpoint
    growth: tuple[GrowthProof, ...]


def checkpoint(place: LogPlace, key: Ed25519PrivateKey) -> str:
    """Sign what the log is now, keep the note in the log and return it.

    The key's name on the note is the log's origin. A log that no longer extends its last signed
    checkpoint is not signed: that would make the node attest a rewritten history.

    Raises:
        NotFoundError: no log.
        MemoryLogError: the log does not extend what was signed before.
    """
    with open_log(place) as log, log.transaction():
        origin, tree = log.origin, log.tree()
        for known in log.checkpoints()[-1:]:
            require_extends(tree, known, origin=origin)
        text = checkpoint_text(origin, tree.size, tree.root())
        note = sign_note(text, NoteSigner(origin, key))
        log.keep(tree.size, note)
    return note


def sign_growth(log_path: Path, key: Ed25519PrivateKey, *, bases: Iterable[int]) -> GrownLog:
    """Sign what the log is now and prove that it extends its sizes in `bases`.

    Without any it is proved from the checkpoint that was signed before, which is likely the one
    that was told. Sizes that prove nothing (0, the present one, beyond the log) are left out.
    Proofs are true whoever asked for them: they show only that this log has these roots.

    Raises:
        NotFoundError: no log.
        MemoryLogError: the log does not extend what was signed before.
    """
    sizes = list(bases) or _signed_before(log_path)
    note = checkpoint(log_path, key)
    said = parse_checkpoint(parse_note(note).text)
    useful = sorted({base for base in sizes if 0 < base < said.size})
    if not useful:
        return GrownLog(note, said, ())
    with open_log(log_path) as log:
        tree = log.tree()
        proofs = [
            growth_proof(said.origin, base, said.size, tree.consistency_proof(base, said.size))
            for base in useful
        ]
    return GrownLog(note, said, tuple(proofs))


def _signed_before(log_path: Path) -> list[int]:
    with open_log(log_path) as log:
        return [known.size for known in log.checkpoints()[-1:]]
