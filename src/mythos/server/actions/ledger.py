"""The log of operator actions: append in the transaction of what is done, and check the whole.

Each entry comes with a checkpoint signed over it, so the log can be held against any of them. What
the log cannot show by itself is that its end was cut off, or that all of it, checkpoints included,
was made anew by somebody with the key: keep checkpoints elsewhere (`mythos actions checkpoint`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from pydantic import ValidationError

from mythos.adapters.key_file import SigningKey, kept_key
from mythos.engines.memory.checkpoint import checkpoint_text, parse_checkpoint, require_extends
from mythos.engines.memory.note import (
    NoteSigner,
    NoteVerifier,
    parse_note,
    sign_note,
    verify_note,
)
from mythos.engines.memory.tree import MerkleLog, leaf_hash
from mythos.errors import MemoryLogError, UsageError
from mythos.server.actions.models import ActionLog, LoggedAction
from mythos.values.action import ActionName, OperatorAction

ORIGIN = "mythos-control-plane/actions"
SHELL = "shell"
"""Who acts where a command runs on the control plane and names nobody."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of the log found. `problem` is empty where it holds."""

    size: int
    root: str
    note: str
    problem: str


def actions_key() -> SigningKey:
    """The key that signs checkpoints of this log, made on first use; it signs nothing else."""
    return kept_key(Path(settings.MYTHOS.home) / "keys" / "actions.pem")


def actions_verifier() -> NoteVerifier:
    """Its public half under the log's name."""
    return NoteVerifier(ORIGIN, actions_key().public.raw)


@transaction.atomic
def record(
    action: ActionName,
    subject: str,
    *,
    by: str,
    at: datetime,
    why: str = "",
    details: Mapping[str, str] | None = None,
) -> OperatorAction:
    """Log an action; call inside the transaction that does it, so that both stand or neither.

    Args:
        action: what is done.
        subject: to what: a node, an environment, a name with its version.
        by: who does it.
        at: now.
        why: in their words.
        details: values that matter, cut to 2,000 characters each.

    Raises:
        UsageError: a name or a reason that the log cannot hold.
    """
    ActionLog.objects.get_or_create(pk=1)
    head = ActionLog.objects.select_for_update().get(pk=1)
    try:
        entry = OperatorAction(
            seq=head.size,
            ts=(at - _EPOCH) // timedelta(milliseconds=1),
            by=by,
            action=action,
            subject=subject,
            why=why,
            details={name: value[:2_000] for name, value in (details or {}).items()},
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"this action cannot be logged: {first['loc'][0]}: {first['msg']}",
            remedy="name who acts, and give a reason of at most 500 characters",
        ) from None
    raw = entry.canonical()
    leaves = [*LoggedAction.objects.values_list("leaf", flat=True), leaf_hash(raw).hex()]
    tree = MerkleLog.of_hashes(map(bytes.fromhex, leaves))
    text = checkpoint_text(ORIGIN, tree.size, tree.root())
    note = sign_note(text, NoteSigner(ORIGIN, actions_key().raw))
    LoggedAction.objects.create(seq=head.size, entry=raw.decode(), leaf=leaves[-1], note=note)
    head.size += 1
    head.save(update_fields=["size"])
    return entry


def newest(*, limit: int, before: int | None = None) -> list[OperatorAction]:
    """The newest entries, newest first; `before` a number, for the next page.

    Raises:
        MemoryLogError: an entry cannot be read.
    """
    rows = LoggedAction.objects.order_by("-seq")
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return [_entry_of(row) for row in rows[:limit]]


def newest_note() -> str:
    """The checkpoint over the newest entry; empty before the first."""
    return LoggedAction.objects.order_by("-seq").values_list("note", flat=True).first() or ""


def check(kept: Iterable[str] = ()) -> Checked:
    """Check every entry, the checkpoint signed over each, and checkpoints that were kept elsewhere.

    Args:
        kept: signed notes of this log.
    """
    tree = MerkleLog()
    last = ""
    try:
        for row in LoggedAction.objects.all().iterator():
            last = row.note
            _grow(tree, row)
        if last:
            verify_note(last, actions_verifier())
        _require_size(tree.size)
        for note in kept:
            said = parse_checkpoint(verify_note(note, actions_verifier()).text)
            require_extends(tree, said, origin=ORIGIN)
    except MemoryLogError as broken:
        return Checked(tree.size, tree.root().hex(), last, broken.message)
    return Checked(tree.size, tree.root().hex(), last, "")


def _grow(tree: MerkleLog, row: LoggedAction) -> None:
    entry = _entry_of(row)
    if (row.seq, entry.seq) != (tree.size, tree.size):
        raise _altered(f"entry {tree.size} is not there; the next is {row.seq}")
    if leaf_hash(row.entry.encode()).hex() != row.leaf:
        raise _altered(f"entry {row.seq} differs from its leaf hash")
    tree.append_hash(bytes.fromhex(row.leaf))
    said = parse_checkpoint(parse_note(row.note).text)
    if said.size != tree.size:
        raise _altered(f"the checkpoint over entry {row.seq} is of size {said.size}")
    require_extends(tree, said, origin=ORIGIN)


def _require_size(size: int) -> None:
    head = ActionLog.objects.filter(pk=1).first()
    told = head.size if head else 0
    if told != size:
        raise _altered(f"{size} entries are there, {told} were logged")


def _entry_of(row: LoggedAction) -> OperatorAction:
    try:
        entry = OperatorAction.model_validate_json(row.entry)
    except ValidationError as error:
        raise _altered(f"entry {row.seq} cannot be read: {error.errors()[0]['msg']}") from None
    if entry.canonical() != row.entry.encode():
        raise _altered(f"entry {row.seq} is not in canonical form")
    return entry


def _altered(message: str) -> MemoryLogError:
    return MemoryLogError(
        message,
        remedy="keep the database as it is, and compare it with a backup and kept checkpoints",
    )
