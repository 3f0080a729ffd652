"""Keys and checkpoints of memory logs, as command lines name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mythos.engines.memory.note import NoteVerifier
    from mythos.values.memory import Checkpoint

MAX_KEY_CHARS = 1_000


def verifiers_of(vkeys: Sequence[str]) -> list[NoteVerifier]:
    """Verifier keys, each given as its text or as a file that holds it.

    Raises:
        MemoryLogError: one is no Ed25519 verifier key.
    """
    from mythos.engines.memory.note import NoteVerifier

    return [NoteVerifier.parse(_text_of(vkey).strip()) for vkey in vkeys]


def checkpoint_of(path: Path, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """A checkpoint that was kept in a file; its signature is checked if there are keys.

    Raises:
        MemoryLogError: no checkpoint, or no known key signed it.
    """
    from mythos.engines.memory.checkpoint import parse_checkpoint
    from mythos.engines.memory.note import parse_note, verify_note

    note = path.read_text("utf-8", errors="replace")
    return parse_checkpoint((verify_note(note, *verifiers) if verifiers else parse_note(note)).text)


def _text_of(vkey: str) -> str:
    if "+" in vkey or not Path(vkey).is_file():
        return vkey
    with Path(vkey).open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_KEY_CHARS)
