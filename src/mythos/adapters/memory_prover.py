"""Proofs of single memories out of a log file."""

from __future__ import annotations

from dataclasses import dataclass

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_to_read
from mythos.adapters.memory_store import MemoryStore
from mythos.engines.memory.checkpoint import require_extends
from mythos.engines.memory.entry import key_hash, key_hashes
from mythos.engines.memory.memory_proof import Disclosure, prove_entry
from mythos.engines.memory.proofs import verify_inclusion
from mythos.engines.memory.tree import HashTree
from mythos.errors import MemoryLogError, NotFoundError
from mythos.values.memory import Checkpoint


@dataclass(frozen=True, slots=True)
class MadeProof:
    """A proof file's text, the entry it is about and the checkpoint it stands under."""

    text: str
    seq: int
    checkpoint: Checkpoint


def prove_memory(
    store: MemoryStore, place: LogPlace, key: str, *, seq: int | None = None, disclose: bool = False
) -> MadeProof:
    """Prove an entry of `key` under the newest signed checkpoint of the log.

    Args:
        store: names the store; it is not read.
        place: the log.
        key: the memory.
        seq: which of its entries; None takes the newest.
        disclose: with key and salt, so that contents can be checked against it.

    Raises:
        NotFoundError: no log, no such entry, or no checkpoint covers it.
        MemoryLogError: the log does not extend its checkpoint.
    """
    with open_to_read(place) as log, log.transaction():
        number = _newest(log, store, key) if seq is None else seq
        entry, kept = log.entry(number), log.kept(number)
        if entry.key_hash != key_hash(store.name, key):
            raise NotFoundError(
                f"entry {number} is not about {key[:80]!r}",
                remedy="take key and number from `mythos memory trace`",
            )
        note, said = log.note(), log.checkpoint()
        if said is None or said.size <= number:
            raise NotFoundError(
                f"no signed checkpoint covers entry {number}",
                remedy="sign one with `mythos memory checkpoint`",
            )
        tree = log.tree()
        require_extends(tree, said, origin=log.origin)
        path = tuple(tree.inclusion_proof(number, said.size))
        _require_included(tree, number, said, path)
        salt = kept.salt.hex() if kept is not None and disclose else ""
        text = prove_entry(
            Disclosure(entry=entry, key=key if disclose else "", salt=salt),
            index=number,
            hashes=path,
            checkpoint=note,
        )
    return MadeProof(text, number, said)


def _require_included(
    tree: HashTree, number: int, said: Checkpoint, path: tuple[bytes, ...]
) -> None:
    """Refuse a proof that would not hold: hashes between the entry and the root were changed."""
    root = tree.root(said.size)
    try:
        verify_inclusion(tree.node(0, number), number, said.size, proof=path, root=root)
    except MemoryLogError as error:
        raise MemoryLogError(
            f"the hashes above entry {number} of the log do not lead to its root",
            remedy="treat the log as altered: restore it from before the change",
        ) from error


def _newest(log: MemoryLog, store: MemoryStore, key: str) -> int:
    newest = log.newest(key_hashes(store.name, [key])[0])
    if newest is None:
        raise NotFoundError(
            f"the log knows no memory {key[:80]!r}",
            remedy="take the key as `mythos memory trace` prints it",
        )
    return newest
