"""Keys and checkpoints of memory logs, as command lines name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mythos.errors import MemoryLogError, NotFoundError, UsageError

if TYPE_CHECKING:
    from mythos.engines.memory.cosignature import CosignatureVerifier
    from mythos.engines.memory.note import NoteVerifier
    from mythos.values.memory import Checkpoint

MAX_KEY_CHARS = 1_000


def checkpoint_of(path: Path, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """A checkpoint that was kept in a file; its signature is checked if there are keys.

    Raises:
        MemoryLogError: no checkpoint, or no known key signed it.
    """
    from mythos.engines.memory.checkpoint import parse_checkpoint
    from mythos.engines.memory.note import parse_note, verify_note

    note = path.read_text("utf-8", errors="replace")
    try:
        signed = verify_note(note, *verifiers) if verifiers else parse_note(note)
        return parse_checkpoint(signed.text)
    except MemoryLogError as error:
        raise MemoryLogError(
            error.message,
            remedy="name a checkpoint as `mythos memory checkpoint --out` writes it, and the key of"
            " whoever signed it",
            where=str(path),
        ) from error


def keys_of(vkeys: Sequence[str]) -> tuple[list[NoteVerifier], list[CosignatureVerifier]]:
    """Verifier keys by what they verify: checkpoints of logs, and cosignatures of witnesses.

    Each is given as its text, or as a file that holds it.

    Raises:
        MemoryLogError: one is no Ed25519 verifier key.
        NotFoundError: one is no key's text, and names no file.
        OSError: the file cannot be read.
    """
    from mythos.engines.memory.cosignature import CosignatureVerifier, is_cosigner
    from mythos.engines.memory.note import NoteVerifier

    texts = [_text_of(vkey).strip() for vkey in vkeys]
    witnesses = [CosignatureVerifier.parse(text) for text in texts if is_cosigner(text)]
    return [NoteVerifier.parse(text) for text in texts if not is_cosigner(text)], witnesses


def witnessed_of(
    paths: Sequence[Path],
    verifiers: Sequence[NoteVerifier],
    witnesses: Sequence[CosignatureVerifier],
) -> list[Checkpoint]:
    """Checkpoints that were kept in files; given keys of witnesses, one of them cosigned each.

    Raises:
        MemoryLogError: no checkpoint, no known key signed it, or no known witness cosigned it.
        UsageError: the key of a witness, and nothing that it cosigned.
    """
    from mythos.engines.memory.cosignature import verify_any_cosignature

    if witnesses and not paths:
        raise UsageError(
            "the key of a witness, and no checkpoint that it cosigned",
            remedy="give --witnessed, a file that the witness or the log's page gave out",
        )
    for path in paths if witnesses else ():
        verify_any_cosignature(path.read_text("utf-8", errors="replace"), witnesses)
    return [checkpoint_of(path, verifiers) for path in paths]


def _text_of(vkey: str) -> str:
    if "+" in vkey or "\n" in vkey:
        return vkey
    try:
        with Path(vkey).open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_KEY_CHARS)
    except FileNotFoundError as error:
        raise NotFoundError(
            f"{vkey[:80]!r} is neither a verifier key nor a file that holds one",
            remedy="give the line NAME+ID+KEY that `mythos memory checkpoint` printed, or its file",
        ) from error
