"""A node that tells of wrong keys of its memory log, and an operator who takes them for right."""

from __future__ import annotations

from dataclasses import replace

from mythos.engines.evidence.memory import MemoryBody
from mythos.server.resilience.commands import Accepted, accept_envelope
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.resilience.memory_orders import Seen, order
from mythos.values.accept_order import OrderAnswer
from mythos.values.memory import BadClass, Offender
from tests.server.outpost import AT, Outpost, minutes
from tests.server.test_witness import ORIGIN, TRUE

WAS, IS, OTHER = (f"salted-sha256:{digit * 64}" for digit in "123")
TOLD = (
    Offender(key="a.md", kind="altered", seq=3, op="put", logged=WAS, found=IS, source="tool"),
    Offender(key="b.md", kind="missing", seq=4, op="put", logged=WAS, source="user"),
    Offender(key="c.md", kind="unlogged", found=IS),
)
WHY = "pasted during the outage, ticket 12"


def tell(
    outpost: Outpost,
    *told: Offender,
    nth: int = 0,
    size: int = 9,
    more: dict[str, BadClass] | None = None,
    failed: bool = False,
    answers: tuple[OrderAnswer, ...] = (),
) -> Accepted:
    """Envelope `nth` of the node: an audit that tells of these keys, names `more`, and answers."""
    at = AT + minutes(nth)
    keys = {each.key: each.kind for each in told} | (more or {})
    kinds = list(keys.values())
    body = MemoryBody(
        size=size, audited_at=int(at.timestamp()), ok=9, keys=keys, offenders=told,
        proof_failed=failed, altered=kinds.count("altered"), missing=kinds.count("missing"),
        unlogged=kinds.count("unlogged"),
    )  # fmt: skip
    row = outpost.row("memory", body, subject=ORIGIN, at=at)
    sealed = outpost.sealed(
        [row, outpost.covered(at=at)], counter=nth, sent_at=int(at.timestamp()), answers=answers,
        checkpoints=(TRUE.note(outpost.key, size),),
    )  # fmt: skip
    return accept_envelope(sealed, at=at)


def seen_of(offender: Offender, **changes: object) -> Seen:
    seen = Seen("lab-1", ORIGIN, offender.key, offender.seq, offender.found)
    return replace(seen, **changes)  # type: ignore[arg-type]


def give(offender: Offender, *, why: str = WHY, by: str = "ada", nth: int = 1) -> MemoryOrder:
    return order(seen_of(offender), why=why, by=by, at=AT + minutes(nth))
