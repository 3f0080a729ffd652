"""Signed checkpoints that were verified before, so that each signature is verified once.

A log keeps the notes it ever signed, and a signature takes far longer to verify than to hash. What
is remembered is one digest over every byte of the notes that were verified, and of the keys that
verified them; it is as long as the process lives, and nothing that lies on a disk is believed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.note import NoteVerifier, parse_note, verify_note
from mythos.values.memory import Checkpoint


class VerifiedNotes:
    """The notes of one log that were verified, in the order of the log."""

    def __init__(self) -> None:
        """Begin with none."""
        self._count = 0
        self._digest = b""

    def verify(self, notes: Sequence[str], *verifiers: NoteVerifier) -> list[Checkpoint]:
        """Return what the notes say, verifying those that come after what was verified before.

        Where any of those before is not as it was, all are verified.

        Raises:
            MemoryLogError: a note is malformed, or none of the verifiers verifies it.
        """
        same = _digest(notes[: self._count], verifiers) == self._digest
        for note in notes[self._count if same else 0 :]:
            verify_note(note, *verifiers)
        self._count, self._digest = len(notes), _digest(notes, verifiers)
        return [parse_checkpoint(parse_note(note).text) for note in notes]


def _digest(notes: Iterable[str], verifiers: Iterable[NoteVerifier]) -> bytes:
    """One hash of keys and notes, each hashed by itself first, so that none runs into another."""
    found = sha256()
    for text in (*(verifier.vkey for verifier in verifiers), "", *notes):
        found.update(sha256(text.encode()).digest())
    return found.digest()
