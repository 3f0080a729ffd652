"""The tree equals the RFC's recursive definition at every size."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.tree import EMPTY_ROOT, MerkleLog, leaf_hash, node_hash
from mythos.errors import MemoryLogError

entry_lists = st.lists(st.binary(max_size=6), max_size=70)


def naive_root(entries: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < len(entries):
        k *= 2
    return sha256(b"\x01" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


@given(entry_lists)
def test_the_root_of_every_past_size_equals_the_recursive_definition(entries: list[bytes]) -> None:
    log = MerkleLog()
    assert log.extend(entries) == log.size == len(entries)
    for size in range(len(entries) + 1):
        assert log.root(size) == naive_root(entries[:size])
    assert log.root() == naive_root(entries)


@given(entry_lists)
def test_appending_entries_and_appending_their_hashes_give_one_tree(entries: list[bytes]) -> None:
    log = MerkleLog()
    indices = [log.append(data) for data in entries]
    assert indices == list(range(len(entries)))
    assert log.root() == MerkleLog.of_hashes(leaf_hash(data) for data in entries).root()


def test_the_reference_tree_of_certificate_transparency_is_reproduced(merkle: Path) -> None:
    reference = json.loads((merkle / "transparency-dev/ct_reference_tree.json").read_text())
    leaves = [bytes.fromhex(leaf) for leaf in reference["leaf_inputs_hex"]]
    assert [leaf_hash(leaf).hex() for leaf in leaves] == reference["leaf_hashes_hex"]
    log = MerkleLog()
    log.extend(leaves)
    assert log.root().hex() == reference["root_size_8_hex"]
    assert EMPTY_ROOT.hex() == reference["empty_root_hex"]


def test_a_leaf_is_never_hashed_like_a_node() -> None:
    left, right = b"l" * 32, b"r" * 32
    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_leaf_hash_that_is_not_32_bytes_is_refused(length: int) -> None:
    with pytest.raises(MemoryLogError, match=f"leaf hash of {length} bytes"):
        MerkleLog().append_hash(b"x" * length)


@pytest.mark.parametrize("size", [-1, 3])
def test_a_size_the_log_never_had_is_refused(size: int) -> None:
    log = MerkleLog.of_hashes([b"a" * 32, b"b" * 32])
    with pytest.raises(MemoryLogError, match=f"size {size} is not between 0 and 2"):
        log.root(size)


def test_proofs_of_leaves_and_sizes_outside_the_log_are_refused() -> None:
    log = MerkleLog.of_hashes([b"a" * 32, b"b" * 32])
    with pytest.raises(MemoryLogError, match="no leaf 2 in a tree of 2"):
        log.inclusion_proof(2)
    with pytest.raises(MemoryLogError, match="no consistency proof from size 0 to 2"):
        log.consistency_proof(0)
