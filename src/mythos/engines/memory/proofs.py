"""Checking Merkle proofs without the log, as a witness or an auditor does.

The functions return nothing and raise where a proof does not hold: a result nobody looked at can
not pass for a success. Nothing here trusts a length, an index or a hash of the sender.

Source: RFC 9162, sections 2.1.3.2 and 2.1.4.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from hmac import compare_digest

from mythos.engines.memory.tree import HASH_BYTES, node_hash
from mythos.errors import MemoryLogError

_REMEDY = "treat the log as forged: keep the last good checkpoint and compare with another copy"


def verify_inclusion(
    leaf: bytes, index: int, size: int, *, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that `leaf` (a leaf hash) is number `index` of the tree of `size` leaves under `root`.

    Raises:
        MemoryLogError: the proof does not hold, or an index or a hash is malformed.

    Source: RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        raise _broken(f"leaf {index} cannot lie in a tree of {size}")
    _refuse_bad_hashes(leaf, root, *proof)
    position, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise _broken(f"inclusion proof of {len(proof)} hashes is too long for size {size}")
        if position % 2 or position == last:
            computed = node_hash(sibling, computed)
            position, last = _drop_right_edge(position, last)
        else:
            computed = node_hash(computed, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise _broken(f"inclusion proof of {len(proof)} hashes is too short for size {size}")
    _require_equal(computed, root, what=f"inclusion of leaf {index} in size {size}")


def verify_consistency(
    old_size: int, new_size: int, *, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree under `old_root` is a prefix of the tree under `new_root`.

    Equal sizes compare the roots only. From size 0 nothing can be proved, so it is refused: every
    log extends the empty one, and a caller must say so itself instead of trusting a proof.

    Raises:
        MemoryLogError: the proof does not hold, or a size or a hash is malformed.

    Source: RFC 9162, section 2.1.4.2.
    """
    if not 0 < old_size <= new_size:
        raise _broken(f"consistency from size {old_size} to {new_size} cannot be proved")
    if old_size == new_size:
        if proof:
            raise _broken("consistency proof between equal sizes must be empty")
        _require_equal(old_root, new_root, what=f"two roots of size {old_size}")
        return
    _refuse_bad_hashes(old_root, new_root, *proof)
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not proof:
        raise _broken(f"consistency proof from {old_size} to {new_size} is empty")
    old_computed, new_computed = _climb(path, old_size, new_size)
    _require_equal(old_computed, old_root, what=f"consistency with old size {old_size}")
    _require_equal(new_computed, new_root, what=f"consistency with new size {new_size}")


def _climb(path: list[bytes], old_size: int, new_size: int) -> tuple[bytes, bytes]:
    """Recompute the old and the new root from the path."""
    position, last = old_size - 1, new_size - 1
    while position % 2:
        position, last = position >> 1, last >> 1
    old_computed = new_computed = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _broken(f"consistency proof is too long for {old_size} to {new_size}")
        if position % 2 or position == last:
            old_computed = node_hash(sibling, old_computed)
            new_computed = node_hash(sibling, new_computed)
            position, last = _drop_right_edge(position, last)
        else:
            new_computed = node_hash(new_computed, sibling)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise _broken(f"consistency proof is too short for {old_size} to {new_size}")
    return old_computed, new_computed


def _drop_right_edge(position: int, last: int) -> tuple[int, int]:
    """Skip the levels on which a node on the right edge has no sibling."""
    while position and position % 2 == 0:
        position, last = position >> 1, last >> 1
    return position, last


def _refuse_bad_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise _broken(f"hash of {len(value)} bytes, expected {HASH_BYTES}")


def _require_equal(computed: bytes, claimed: bytes, *, what: str) -> None:
    if not compare_digest(computed, claimed):
        raise _broken(f"{what}: computed {computed.hex()}, claimed {claimed.hex()}")


def _broken(message: str) -> MemoryLogError:
    return MemoryLogError(message, remedy=_REMEDY)
