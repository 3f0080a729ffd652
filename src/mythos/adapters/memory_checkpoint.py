"""Checkpoints of a log: what it is now, signed, with proofs that it extends what it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log, open_to_read
from mythos.engines.memory.checkpoint import checkpoint_text, parse_checkpoint, require_extends
from mythos.engines.memory.note import NoteSigner, parse_note, sign_note
from mythos.engines.memory.proofs import verify_consistency
from mythos.engines.memory.tree import HashTree
from mythos.engines.memory.witness import growth_proof
from mythos.errors import MemoryLogError, NotFoundError
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
        return _signed(log, key)


def checkpoint_read(place: LogPlace, key: Ed25519PrivateKey) -> tuple[str, str]:
    """As `checkpoint`; a log that cannot be written is signed, and the note is not kept in it.

    Returns:
        The note, and why it is not kept; empty if it is.

    Raises:
        As `checkpoint`.
    """
    with open_to_read(place) as log, log.transaction():
        return _signed(log, key), log.read_only


def _signed(log: MemoryLog, key: Ed25519PrivateKey) -> str:
    origin, tree = log.origin, log.tree()
    if (known := log.checkpoint()) is not None:
        require_extends(tree, known, origin=origin)
    text = checkpoint_text(origin, tree.size, tree.root())
    note = sign_note(text, NoteSigner(origin, key))
    if not log.read_only:
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
        for base in useful:
            if (known := log.checkpoint(base)) is not None:
                require_extends(tree, known, origin=said.origin)
        proofs = [_proved(tree, said, base) for base in useful]
    return GrownLog(note, said, tuple(proofs))


def still_extends(place: LogPlace, known: Iterable[Checkpoint]) -> bool:
    """Whether a log, by its stored hashes, still is what it was, with more behind it or not.

    Its entries are not read: the stored hashes of one that was altered may be those of before.

    Raises:
        UnavailableError: the log is locked, or the disk refuses it.
    """
    try:
        with open_log(place) as log:
            tree, origin = log.tree(), log.origin
            for each in known:
                require_extends(tree, each, origin=origin)
    except (MemoryLogError, NotFoundError):
        return False
    return True


def _proved(tree: HashTree, said: Checkpoint, base: int) -> GrowthProof:
    """Prove growth, refusing a proof that would not hold: it would look like a fork elsewhere."""
    proof = tree.consistency_proof(base, said.size)
    old, new = tree.root(base), tree.root(said.size)
    try:
        verify_consistency(base, said.size, proof=proof, old_root=old, new_root=new)
    except MemoryLogError as error:
        raise MemoryLogError(
            "the hashes between entries and root of the log are not those of its entries",
            remedy="treat the log as altered: restore it from before the change",
        ) from error
    return growth_proof(said.origin, base, said.size, proof)


def _signed_before(log_path: Path) -> list[int]:
    with open_log(log_path) as log:
        known = log.checkpoint()
    return [] if known is None else [known.size]
