"""Proof files: whole they convince offline, and damaged anywhere they do not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.checkpoint import checkpoint_text
from mythos.engines.memory.cosignature import WITNESS, CosignatureVerifier, cosign
from mythos.engines.memory.entry import MemoryWrite, entry_of
from mythos.engines.memory.frontier import Frontier
from mythos.engines.memory.memory_proof import Disclosure, prove_entry, verify_entry
from mythos.engines.memory.note import NoteSigner, sign_note
from mythos.engines.memory.tlog_proof import (
    FIRST_LINE,
    TlogProof,
    parse_proof,
    proof_text,
    verify_proof,
)
from mythos.engines.memory.tree import MerkleLog, leaf_hash, leaf_hashes, leaf_message
from mythos.errors import MemoryLogError

AT = datetime(2026, 1, 2, tzinfo=UTC)
SALT = b"s" * 32
SIGNER = NoteSigner("mythos/n1/clerk", Ed25519PrivateKey.from_private_bytes(b"k" * 32))
WRITES = [MemoryWrite("d", f"k{n}", "put", b"%d" % n, "agent") for n in range(7)]
ENTRIES = [entry_of(write, seq=n, salt=SALT, at=AT) for n, write in enumerate(WRITES)]
LOG = MerkleLog()
LOG.extend(entry.canonical() for entry in ENTRIES)
NOTE = sign_note(checkpoint_text(SIGNER.name, 7, LOG.root()), SIGNER)


def proof(seq: int, *, salt: str = "", key: str = "") -> str:
    return prove_entry(
        Disclosure(entry=ENTRIES[seq], key=key, salt=salt),
        index=seq,
        hashes=tuple(LOG.inclusion_proof(seq)),
        checkpoint=NOTE,
    )


@pytest.mark.parametrize("seq", range(7))
def test_a_proof_shows_its_entry_under_the_signed_checkpoint(seq: int) -> None:
    proved = verify_entry(proof(seq), SIGNER.verifier)
    assert proved.disclosure.entry == ENTRIES[seq]
    assert (proved.checkpoint.origin, proved.checkpoint.size) == ("mythos/n1/clerk", 7)
    assert (proved.names_key(), proved.holds(b"%d" % seq)) == (None, None)


def test_with_key_and_salt_it_shows_which_memory_and_what_it_held() -> None:
    proved = verify_entry(proof(3, salt=SALT.hex(), key="k3"), SIGNER.verifier)
    assert (proved.names_key(), proved.holds(b"3"), proved.holds(b"4")) == (True, True, False)
    other = verify_entry(proof(3, salt="no hex", key="k4"), SIGNER.verifier)
    assert (other.names_key(), other.holds(b"3")) == (False, False)


@given(st.data())
def test_a_proof_with_one_character_changed_shows_nothing_else(data: st.DataObject) -> None:
    text = proof(4, salt=SALT.hex(), key="k4")
    where = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from("0aA9+/=\n —"))
    try:
        proved = verify_entry(text[:where] + letter + text[where + 1 :], SIGNER.verifier)
    except MemoryLogError:
        return
    assert proved.disclosure.entry == ENTRIES[4]
    assert proved.checkpoint.size == 7


def test_an_entry_at_another_index_or_of_another_log_is_refused() -> None:
    moved = parse_proof(proof(2))
    shifted = TlogProof(3, moved.hashes, moved.checkpoint, moved.extra)
    with pytest.raises(MemoryLogError, match="entry 2 stands at index 3"):
        verify_entry(proof_text(shifted), SIGNER.verifier)
    stranger = NoteSigner(SIGNER.name, Ed25519PrivateKey.from_private_bytes(b"x" * 32))
    with pytest.raises(MemoryLogError, match="no known key"):
        verify_entry(proof(2), stranger.verifier)


@given(
    st.integers(0, 2**60),
    st.lists(st.binary(min_size=32, max_size=32), max_size=5),
    st.binary(max_size=9),
)
def test_any_proof_comes_back_from_its_text(index: int, hashes: list[bytes], extra: bytes) -> None:
    made = TlogProof(index, tuple(hashes), NOTE, extra)
    assert parse_proof(proof_text(made)) == made


def test_the_example_of_the_specification_is_read() -> None:
    """The example of c2sp.org/tlog-proof, its cut base64 completed."""
    text = (
        f"{FIRST_LINE}\nextra YWdlLXYxLjIuMQ==\nindex 73894\n"
        "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n"
        "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=\n\n"
        "example.com/fancylog\n109482\nsFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=\n\n— x abcd\n"
    )
    read = parse_proof(text)
    assert (read.index, len(read.hashes), read.extra) == (73894, 2, b"age-v1.2.1")
    assert read.checkpoint.startswith("example.com/fancylog\n109482\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        FIRST_LINE,
        f"{FIRST_LINE}\n\n{NOTE}",
        f"{FIRST_LINE}\nindex 01\n\n{NOTE}",
        f"{FIRST_LINE}\nindex -1\n\n{NOTE}",
        f"{FIRST_LINE}\nindex 0\nAAAA\n\n{NOTE}",
        f"{FIRST_LINE}\nindex 0\nno base64\n\n{NOTE}",
        f"{FIRST_LINE}\nindex 0\n" + "A" * 43 + "=\n" * 65 + f"\n{NOTE}",
        f"c2sp.org/tlog-proof@v2\nindex 0\n\n{NOTE}",
        "x" * 3_000_000,
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(MemoryLogError, match="proof: "):
        parse_proof(text)


def test_an_entry_alone_in_its_log_needs_no_hashes() -> None:
    alone = MerkleLog()
    alone.extend([b"entry"])
    note = sign_note(checkpoint_text(SIGNER.name, 1, alone.root()), SIGNER)
    assert verify_proof(TlogProof(0, (), note), leaf_hash(b"entry"), SIGNER.verifier).size == 1


@given(st.lists(st.integers(0, 9), max_size=12))
def test_the_frontier_has_the_root_of_every_size_it_passes_and_yields_each_subtree_once(
    portions: list[int],
) -> None:
    log, edge, yielded = MerkleLog(), Frontier(), []
    for n in portions:
        entries = [b"%d" % (log.size + at) for at in range(n)]
        log.extend(entries)
        before = edge.copy()
        for level, start, hashes in edge.grow(leaf_hashes(map(leaf_message, entries))):
            yielded += [(level, place, hashed) for place, hashed in enumerate(hashes, start)]
        assert (edge.size, edge.root()) == (log.size, log.root())
        assert (before.size, before.root()) == (log.size - n, log.root(log.size - n))
    expected = [(level, at) for level in range(1, 8) for at in range(log.size >> level)]
    assert sorted(yielded) == [(level, at, log.node(level, at)) for level, at in expected]


def test_a_witness_is_believed_on_what_it_cosigned_and_on_nothing_else() -> None:
    key = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    witness = CosignatureVerifier(WITNESS, key.public_key())
    cosigned = proof(2) + cosign(NOTE, key, at=AT).removeprefix(NOTE)
    for verifiers in ((), (SIGNER.verifier,)):
        proved = verify_entry(cosigned, *verifiers, witnesses=[witness])
        assert (proved.disclosure.entry, proved.cosigned_at) == (ENTRIES[2], AT)
        with pytest.raises(MemoryLogError, match="has not cosigned"):
            verify_entry(proof(2), *verifiers, witnesses=[witness])
    moved = parse_proof(cosigned)
    other = TlogProof(2, (*moved.hashes[:-1], bytes(32)), moved.checkpoint, moved.extra)
    with pytest.raises(MemoryLogError):
        verify_entry(proof_text(other), witnesses=[witness])
    assert verify_entry(cosigned, SIGNER.verifier).cosigned_at is None
