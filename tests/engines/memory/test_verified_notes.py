"""Each signature of a log's checkpoints is verified once, and a changed note is never believed."""

from __future__ import annotations

import base64
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.memory.checkpoint import checkpoint_text
from mythos.engines.memory.note import NoteSigner, NoteVerifier, sign_note, verify_note
from mythos.engines.memory.verified_notes import VerifiedNotes
from mythos.errors import MemoryLogError

ORIGIN = "mythos/lab-1/refunds"
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
VERIFIER = NoteVerifier(ORIGIN, KEY.public_key())


@cache
def _note(size: int, key: Ed25519PrivateKey = KEY) -> str:
    return sign_note(checkpoint_text(ORIGIN, size, bytes([size]) * 32), NoteSigner(ORIGIN, key))


def _forged(size: int) -> str:
    """A note with the right key's name and id, and a signature of nothing."""
    head, _, encoded = _note(size)[:-1].rpartition(" ")
    blob = base64.b64decode(encoded)
    return f"{head} {base64.b64encode(blob[:4] + bytes(64)).decode()}\n"


LISTS = st.lists(
    st.one_of(st.integers(1, 9).map(_note), st.integers(1, 9).map(_forged), st.just("no note")),
    max_size=6,
)
SOUND = st.lists(st.integers(1, 9).map(_note), max_size=6)


@given(st.lists(st.one_of(LISTS, SOUND), min_size=1, max_size=5))
def test_what_is_believed_is_what_verifies_whatever_was_verified_before(
    lists: list[list[str]],
) -> None:
    verified = VerifiedNotes()
    for notes in lists:
        sound = all(_holds(note) for note in notes)
        try:
            said = verified.verify(notes, VERIFIER)
        except MemoryLogError:
            assert not sound
        else:
            assert sound
            assert [each.size for each in said] == [int(note.split("\n")[1]) for note in notes]


def _holds(note: str) -> bool:
    try:
        verify_note(note, VERIFIER)
    except MemoryLogError:
        return False
    return True


@given(st.integers(0, 8))
def test_a_note_that_was_verified_and_then_changed_is_refused(place: int) -> None:
    verified, notes = VerifiedNotes(), [_note(size) for size in range(1, 10)]
    verified.verify(notes, VERIFIER)
    notes[place] = _forged(place + 1)
    with pytest.raises(MemoryLogError):
        verified.verify(notes, VERIFIER)


def test_what_one_key_verified_is_not_verified_for_another() -> None:
    verified, notes = VerifiedNotes(), [_note(1), _note(2)]
    verified.verify(notes, VERIFIER)
    with pytest.raises(MemoryLogError):
        verified.verify(notes, NoteVerifier(ORIGIN, OTHER.public_key()))


class Counting:
    """A public key that counts how often it verifies."""

    def __init__(self) -> None:
        self.times = 0
        self._key = KEY.public_key()

    def verify(self, signature: bytes, data: bytes) -> None:
        self.times += 1
        self._key.verify(signature, data)

    def public_bytes_raw(self) -> bytes:
        return self._key.public_bytes_raw()


def test_each_signature_is_verified_once_while_the_log_only_grows() -> None:
    key, verified = Counting(), VerifiedNotes()
    verifier = NoteVerifier(ORIGIN, key)  # type: ignore[arg-type]
    for size in range(1, 10):
        verified.verify([_note(each) for each in range(1, size + 1)], verifier)
    assert key.times == 9
    verified.verify([_note(each) for each in range(2, 10)], verifier)
    assert key.times == 9 + 8
