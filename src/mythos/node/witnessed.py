"""What a node remembers of its witness: the sizes it told, and the checkpoints cosigned since.

Each envelope proves each log's growth from the envelope before it, so a chain that arrives whole
needs no answer. Where one was lost, the witness's own memory, by answer or by file, says from
where to prove. It is a hint: whoever forges one gains a true proof.

Which key the witness cosigns with is believed of a signed view alone, and a time only of a
cosignature that holds with that key: who could invent a time could make the node refuse all that
is told later, or say that it had heard of what it had not. So it is for a log that began anew, and
may be smaller now: who could make the node forget a checkpoint could roll its memory back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pydantic import ValidationError

from mythos.adapters.dsse import open_envelope
from mythos.adapters.key_file import PublicKey
from mythos.adapters.root_keys import keys_of
from mythos.engines.memory.checkpoint import log_origin, parse_checkpoint
from mythos.engines.memory.cosignature import CosignatureVerifier, verify_cosignature
from mythos.engines.memory.note import NoteVerifier, verify_note
from mythos.errors import IdentityError, MemoryLogError, TrustError
from mythos.node.orders import take_orders
from mythos.node.store import NodeStore
from mythos.node.tails import forget_told
from mythos.values.enrolment import Acceptance
from mythos.values.memory import Checkpoint
from mythos.values.witness import VIEW_TYPE, WitnessView

TOLD = "checkpoint told "
COSIGNED = "checkpoint cosigned "
WITNESS_KEY = "witness key"
"""Its verifier key, a space, and when the newest note of the view that told it was cosigned."""


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
    """When the witness cosigned what this node knows of it, in Unix seconds.

    Returns:
        0 where it knows nothing, or does not know the witness's key.
    """
    note = store.recall(COSIGNED + origin)
    return 0 if note is None else _second(note, _verifier(store))


def take_view(store: NodeStore, notes: Iterable[str], *, node: str, key: PublicKey) -> int:
    """Keep what an unsigned answer says that the witness remembers; says how many were taken.

    Only what this node signed itself and the witness cosigned is taken, and nothing smaller, or
    cosigned earlier, than is known already. Without the witness's key nobody can tell what it
    cosigned: then what this node signed is taken, as it is true, and no time is believed.
    """
    verifier = _verifier(store)
    taken = 0
    for said, note in _own_among(notes, node=node, key=key):
        second = _second(note, verifier)
        if verifier is not None and not second:
            continue
        known = store.recall(COSIGNED + said.origin)
        if known is None or (_said(known).size <= said.size and _second(known, verifier) <= second):
            _keep(store, said, note, known=known)
            taken += 1
    return taken


class Taken(NamedTuple):
    """How many logs' checkpoints and how many orders were new in a view."""

    logs: int
    orders: int


def take_signed(store: NodeStore, data: bytes, acceptance: Acceptance, key: PublicKey) -> Taken:
    """Keep what a signed view says that the witness remembers, and what operators order.

    A checkpoint cosigned later than the one known stands in its place even if it is smaller: an
    operator let that log begin anew. The key it names is the witness's from now on. A view with
    another key than is known, and nothing as new as that was told with, is an old one.

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
    newest = max((_require_second(note, verifier) for note in view.notes), default=0)
    if not _take_key(store, verifier, newest):
        return Taken(0, 0)
    taken = 0
    for said, note in _own_among(view.notes, node=view.node, key=key):
        known = store.recall(COSIGNED + said.origin)
        if known is None or _second(known, verifier) <= _second(note, verifier):
            _keep(store, said, note, known=known)
            taken += 1
    return Taken(taken, take_orders(store, view.orders))


def _keep(store: NodeStore, said: Checkpoint, note: str, *, known: str | None) -> None:
    """Keep a note. Who cosigns anew what is not larger had forgotten the log, and its entries."""
    store.remember(COSIGNED + said.origin, note)
    if known is not None and note != known and said.size <= _said(known).size:
        forget_told(store, said.origin)


def _verifier(store: NodeStore) -> CosignatureVerifier | None:
    """The witness's key, as far as a signed view told it."""
    told = store.recall(WITNESS_KEY)
    return None if told is None else CosignatureVerifier.parse(told.partition(" ")[0])


def _take_key(store: NodeStore, verifier: CosignatureVerifier, newest: int) -> bool:
    """Keep the key of a signed view; says whether it is the witness's."""
    told = store.recall(WITNESS_KEY)
    if told is None or int(told.partition(" ")[2]) <= newest:
        store.remember(WITNESS_KEY, f"{verifier.vkey} {newest}")
        return True
    return told.partition(" ")[0] == verifier.vkey


def _second(note: str, verifier: CosignatureVerifier | None) -> int:
    """When the witness cosigned a note, in Unix seconds; 0 where that cannot be told."""
    if verifier is None:
        return 0
    try:
        return _require_second(note, verifier)
    except MemoryLogError:
        return 0


def _require_second(note: str, verifier: CosignatureVerifier) -> int:
    return int(verify_cosignature(note, verifier).timestamp())


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
