"""What a node remembers of its witness: the sizes it told, and the checkpoints cosigned since.

Each envelope proves each log's growth from the envelope before it, so a chain that arrives whole
needs no answer. Where one was lost, the witness's own memory, by answer or by file, says from
where to prove. It is a hint: whoever forges one gains a true proof.

That a log began anew, and may be smaller now, is believed of a signed view alone: who could make
the node forget a checkpoint could roll its memory back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from mythos.adapters.dsse import open_envelope
from mythos.adapters.key_file import PublicKey
from mythos.adapters.root_keys import keys_of
from mythos.engines.evidence.body import MAX_COUNT
from mythos.engines.memory.checkpoint import log_origin, parse_checkpoint
from mythos.engines.memory.cosignature import (
    CosignatureVerifier,
    claimed_second,
    verify_cosignature,
)
from mythos.engines.memory.note import NoteVerifier, verify_note
from mythos.errors import IdentityError, MemoryLogError, TrustError
from mythos.node.store import NodeStore
from mythos.values.enrolment import Acceptance
from mythos.values.memory import Checkpoint
from mythos.values.witness import VIEW_TYPE, WitnessView

TOLD = "checkpoint told "
COSIGNED = "checkpoint cosigned "


def bases_of(store: NodeStore, origin: str) -> list[int]:
    """Sizes that a log's growth is to be proved from: the last one told, and the witnessed one."""
    told = store.recall(TOLD + origin)
    note = store.recall(COSIGNED + origin)
    sizes = [] if told is None else [int(told)]
    return sizes if note is None else [*sizes, _said(note).size]


def witnessed_in(store: NodeStore, origin: str) -> list[Checkpoint]:
    """What the witness remembers of a log, as far as this node has heard."""
    note = store.recall(COSIGNED + origin)
    return [] if note is None else [_said(note)]


def heard_at(store: NodeStore, origin: str) -> int:
    """When the witness cosigned what this node knows of it, in Unix seconds; 0 = nothing."""
    note = store.recall(COSIGNED + origin)
    return 0 if note is None else min(claimed_second(note), MAX_COUNT)


def take_view(store: NodeStore, notes: Iterable[str], *, node: str, key: PublicKey) -> int:
    """Keep what the witness remembers of this node's logs; says how many were taken.

    Only what this node signed itself is taken, and nothing smaller, or cosigned earlier, than is
    known already.
    """
    taken = 0
    for said, note in _own_among(notes, node=node, key=key):
        known = store.recall(COSIGNED + said.origin)
        if known is None or (_said(known).size <= said.size and not _later(known, note)):
            store.remember(COSIGNED + said.origin, note)
            taken += 1
    return taken


def take_signed(store: NodeStore, data: bytes, acceptance: Acceptance, key: PublicKey) -> int:
    """Keep what a signed view says that the witness remembers; says how many logs.

    A checkpoint cosigned later than the one known stands in its place even if it is smaller: an
    operator let that log begin anew.

    Raises:
        TrustError: not signed by the key that the pinned root names.
        IdentityError: it was written for another node.
        MemoryLogError: a checkpoint in it is not cosigned by the key it names.
    """
    online, *_ = keys_of(acceptance.deployments_root.encode(), "targets")
    payload = open_envelope(data, online, payload_type=VIEW_TYPE)
    try:
        view = WitnessView.model_validate_json(payload)
    except ValidationError as error:
        raise TrustError(
            f"this is no view of the witness: {error.errors()[0]['msg']}",
            remedy="update the node to the version of its control plane",
        ) from None
    if view.node != acceptance.node:
        raise IdentityError(
            f"the file is for {view.node}, this is {acceptance.node}",
            remedy="carry it to that node, and its own to this one",
        )
    verifier = CosignatureVerifier.parse(view.vkey)
    for note in view.notes:
        verify_cosignature(note, verifier)
    taken = 0
    for said, note in _own_among(view.notes, node=view.node, key=key):
        known = store.recall(COSIGNED + said.origin)
        if known is None or not _later(known, note):
            store.remember(COSIGNED + said.origin, note)
            taken += 1
    return taken


def _later(note: str, other: str) -> bool:
    """Whether a note was cosigned after another."""
    return claimed_second(note) > claimed_second(other)


def _own_among(
    notes: Iterable[str], *, node: str, key: PublicKey
) -> Iterator[tuple[Checkpoint, str]]:
    """The checkpoints that this node signed, with their notes; others are left out."""
    for note in notes:
        try:
            yield _own(note, node=node, key=key), note
        except MemoryLogError:
            continue


def _own(note: str, *, node: str, key: PublicKey) -> Checkpoint:
    """A checkpoint that this node signed.

    Raises:
        MemoryLogError: it is none.
    """
    origin = note.partition("\n")[0]
    if not origin.startswith(log_origin(node, "x")[:-1]):
        raise MemoryLogError(
            f"a checkpoint of {origin[:80]!r}, which is no log of {node}",
            remedy="take the file that was written for this node",
        )
    verifier = NoteVerifier.of_bytes(origin, key.raw.public_bytes_raw())
    return parse_checkpoint(verify_note(note, verifier).text)


def _said(note: str) -> Checkpoint:
    return parse_checkpoint(note.rpartition("\n\n")[0] + "\n")
