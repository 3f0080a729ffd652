"""Checkpoints of a log file: signed, kept, and only ever of a longer same log."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_checkpoint import checkpoint
from mythos.adapters.memory_log import open_log
from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.note import NoteSigner, verify_note
from mythos.engines.memory.proofs import verify_consistency
from mythos.errors import NotFoundError
from tests.adapters.memory.conftest import Place

KEY = Ed25519PrivateKey.from_private_bytes(b"n" * 32)
VERIFIER = NoteSigner("mythos/n1/clerk", KEY).verifier


def test_a_checkpoint_says_origin_size_and_root_under_the_nodes_key(place: Place) -> None:
    said = parse_checkpoint(verify_note(checkpoint(place.log, KEY), VERIFIER).text)
    found = place.audit(VERIFIER)
    assert (said.origin, said.size, said.root) == (found.origin, found.size, found.root)


def test_the_same_log_gives_the_same_note(place: Place) -> None:
    note = checkpoint(place.log, KEY)
    assert checkpoint(place.log, KEY) == note
    with open_log(place.log) as log:
        assert log.notes() == [note]


def test_a_witness_follows_the_log_from_one_checkpoint_to_the_next(place: Place) -> None:
    first = parse_checkpoint(verify_note(checkpoint(place.log, KEY), VERIFIER).text)
    place.record("user/city.md", b"Turin")
    place.record("user/tea.md", b"likes coffee")
    second = parse_checkpoint(verify_note(checkpoint(place.log, KEY), VERIFIER).text)
    with open_log(place.log) as log:
        proof = log.tree().consistency_proof(first.size, second.size)
    verify_consistency(
        first.size,
        second.size,
        proof=proof,
        old_root=bytes.fromhex(first.root.removeprefix("sha256:")),
        new_root=bytes.fromhex(second.root.removeprefix("sha256:")),
    )


def test_a_rotated_key_goes_on_signing_and_both_keys_verify(place: Place) -> None:
    checkpoint(place.log, KEY)
    place.record("user/city.md", b"Turin")
    rotated = Ed25519PrivateKey.from_private_bytes(b"r" * 32)
    checkpoint(place.log, rotated)
    assert place.audit(VERIFIER, NoteSigner(VERIFIER.name, rotated).verifier).score == 1.0


def test_without_a_log_nothing_is_signed(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no memory log"):
        checkpoint(tmp_path / "memory.db", KEY)
