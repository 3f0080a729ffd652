"""Proofs: the vectors of transparency-dev, and random logs with random damage."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.proofs import verify_consistency, verify_inclusion
from mythos.engines.memory.tree import EMPTY_ROOT, MerkleLog, leaf_hash
from mythos.errors import MemoryLogError

sizes = st.integers(1, 200)


def log_of(size: int) -> MerkleLog:
    log = MerkleLog()
    log.extend(str(index).encode() for index in range(size))
    return log


def vectors(merkle: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    paths = sorted((merkle / "transparency-dev/testdata" / kind).rglob("*.json"))
    return [(str(path), json.loads(path.read_text())) for path in paths]


def test_every_inclusion_vector_is_judged_as_its_authors_say(merkle: Path) -> None:
    cases = vectors(merkle, "inclusion")
    for name, case in cases:
        assert _rejects_inclusion(case) == case["wantErr"], name
    assert len(cases) >= 90


def test_every_consistency_vector_is_judged_as_its_authors_say(merkle: Path) -> None:
    cases = vectors(merkle, "consistency")
    for name, case in cases:
        assert _rejects_consistency(case) == case["wantErr"], name
    assert len(cases) >= 90


@given(size=sizes, data=st.data())
def test_the_inclusion_proof_of_any_leaf_verifies(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    log = log_of(size + 3)
    proof = log.inclusion_proof(index, size)
    leaf = leaf_hash(str(index).encode())
    verify_inclusion(leaf, index, size, proof=proof, root=log.root(size))


@given(size=sizes, data=st.data())
def test_an_inclusion_proof_with_one_bit_changed_does_not(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    log = log_of(size)
    parts = [leaf_hash(str(index).encode()), log.root(), *log.inclusion_proof(index)]
    leaf, root, *proof = _with_a_bit_changed(parts, data)
    with pytest.raises(MemoryLogError):
        verify_inclusion(leaf, index, size, proof=proof, root=root)


@given(size=st.integers(2, 200), data=st.data())
def test_a_leaf_does_not_verify_at_another_index(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    log = log_of(size)
    leaf, proof = leaf_hash(str(index).encode()), log.inclusion_proof(index)
    with pytest.raises(MemoryLogError):
        verify_inclusion(leaf, other, size, proof=proof, root=log.root())


@given(sizes, st.integers(0, 60))
def test_the_consistency_proof_of_any_two_sizes_verifies(old: int, more: int) -> None:
    log = log_of(old + more)
    proof = log.consistency_proof(old)
    verify_consistency(old, old + more, proof=proof, old_root=log.root(old), new_root=log.root())


@given(old=sizes, more=st.integers(1, 60), data=st.data())
def test_a_consistency_proof_with_one_bit_changed_does_not(
    old: int, more: int, data: st.DataObject
) -> None:
    log = log_of(old + more)
    parts = [log.root(old), log.root(), *log.consistency_proof(old)]
    old_root, new_root, *proof = _with_a_bit_changed(parts, data)
    with pytest.raises(MemoryLogError):
        verify_consistency(old, old + more, proof=proof, old_root=old_root, new_root=new_root)


@given(st.integers(2, 100), st.integers(1, 30), st.data())
def test_a_log_whose_past_was_rewritten_is_not_consistent(
    old: int, more: int, data: st.DataObject
) -> None:
    changed = data.draw(st.integers(0, old - 1))
    log, forged = log_of(old + more), MerkleLog()
    forged.extend(b"forged" if i == changed else str(i).encode() for i in range(old + more))
    with pytest.raises(MemoryLogError):
        verify_consistency(
            old,
            old + more,
            proof=forged.consistency_proof(old),
            old_root=log.root(old),
            new_root=forged.root(),
        )


def test_consistency_from_the_empty_log_is_refused_even_to_itself() -> None:
    for new_size in (0, 1):
        with pytest.raises(MemoryLogError, match=f"from size 0 to {new_size}"):
            verify_consistency(0, new_size, proof=[], old_root=EMPTY_ROOT, new_root=EMPTY_ROOT)


def test_equal_sizes_compare_the_roots_and_nothing_else() -> None:
    verify_consistency(1, 1, proof=[], old_root=b"any length", new_root=b"any length")
    with pytest.raises(MemoryLogError, match="two roots of size 1"):
        verify_consistency(1, 1, proof=[], old_root=b"one", new_root=b"other")
    with pytest.raises(MemoryLogError, match="must be empty"):
        verify_consistency(1, 1, proof=[b"x" * 32], old_root=b"one", new_root=b"one")


def test_hashes_of_another_length_are_refused() -> None:
    log = log_of(2)
    short = log.root()[:31]
    with pytest.raises(MemoryLogError, match="hash of 31 bytes"):
        verify_inclusion(leaf_hash(b"0"), 0, 2, proof=[short], root=log.root())


def _rejects_inclusion(case: dict[str, Any]) -> bool:
    try:
        verify_inclusion(
            base64.b64decode(case["leafHash"] or ""),
            case["leafIdx"],
            case["treeSize"],
            proof=[base64.b64decode(part) for part in case["proof"] or []],
            root=base64.b64decode(case["root"] or ""),
        )
    except MemoryLogError:
        return True
    return False


def _rejects_consistency(case: dict[str, Any]) -> bool:
    try:
        verify_consistency(
            case["size1"],
            case["size2"],
            proof=[base64.b64decode(part) for part in case["proof"] or []],
            old_root=base64.b64decode(case["root1"] or ""),
            new_root=base64.b64decode(case["root2"] or ""),
        )
    except MemoryLogError:
        return True
    return False


def _with_a_bit_changed(parts: list[bytes], data: st.DataObject) -> list[bytes]:
    where = data.draw(st.integers(0, len(parts) - 1))
    bit = data.draw(st.integers(0, 255))
    changed = int.from_bytes(parts[where]) ^ (1 << bit)
    return [*parts[:where], changed.to_bytes(32), *parts[where + 1 :]]
