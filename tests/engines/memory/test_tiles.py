"""Tiled logs: one that others made, and tiles of our own trees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.checkpoint import parse_checkpoint, root_text
from mythos.engines.memory.note import NoteVerifier, verify_note
from mythos.engines.memory.tiles import TILE_WIDTH, TiledTree, entries_of, tile_path, width_of
from mythos.engines.memory.tree import EMPTY_ROOT, MerkleLog
from mythos.errors import MemoryLogError

TESSERA = NoteVerifier.parse(  # README.md of the vectors
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
)


def test_every_checkpoint_of_the_tessera_log_is_the_root_of_its_tiles_and_entries(
    merkle: Path,
) -> None:
    folder = merkle / "tessera/testdata/log"

    def fetch(path: str) -> bytes:
        return (folder / path).read_bytes()

    for size in range(16):
        note = (folder / f"checkpoint.{size}").read_text()
        said = parse_checkpoint(verify_note(note, TESSERA).text)
        assert said.size == size
        if size:
            assert root_text(TiledTree(fetch, size).root()) == said.root
        log = MerkleLog()
        log.extend(entries_of(fetch, size))
        assert root_text(log.root()) == said.root
    for old in range(1, 16):
        whole = MerkleLog()
        whole.extend(entries_of(fetch, 15))
        assert TiledTree(fetch, 15).consistency_proof(old) == whole.consistency_proof(old)


def test_paths_are_written_in_groups_of_three_digits() -> None:
    assert tile_path(1234067, TILE_WIDTH) == "x001/x234/067"
    assert tile_path(0, 15) == "000.p/15"
    assert tile_path(1000, 1) == "x001/000.p/1"


def tiled(log: MerkleLog) -> Mapping[str, bytes]:
    """The tiles of a log, cut as the format says."""
    files, row, n = {}, 0, log.size
    while n:
        for index in range(-(-n // TILE_WIDTH)):
            width = width_of(n, index)
            hashes = [log.node(8 * row, index * TILE_WIDTH + at) for at in range(width)]
            files[f"tile/{row}/{tile_path(index, width)}"] = b"".join(hashes)
        n, row = n // TILE_WIDTH, row + 1
    return files


@given(st.sampled_from([1, 255, 256, 257, 511, 700, 1025]), st.data())
def test_roots_and_proofs_from_tiles_are_those_of_the_tree(size: int, data: st.DataObject) -> None:
    log = MerkleLog()
    log.extend(str(n).encode() for n in range(size))
    tree = TiledTree(tiled(log).__getitem__, size)
    some = data.draw(st.integers(1, size))
    assert tree.root(some) == log.root(some)
    assert tree.inclusion_proof(some - 1, size) == log.inclusion_proof(some - 1, size)
    assert tree.consistency_proof(some) == log.consistency_proof(some)


@pytest.mark.parametrize("data", [b"", b"x" * 33, b"x" * 32 * 257])
def test_a_tile_of_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(MemoryLogError, match="are no hashes"):
        TiledTree(lambda _: data, 3).root()


@pytest.mark.parametrize("data", [b"\x00\x05abc", b"\x00\x01a", b"\x00"])
def test_a_bundle_that_is_cut_or_short_is_refused(data: bytes) -> None:
    with pytest.raises(MemoryLogError, match="tiled log"):
        entries_of(lambda _: data, 3)


def test_an_empty_tiled_log_has_the_empty_root() -> None:
    assert TiledTree(lambda _: b"", 0).root() == EMPTY_ROOT
