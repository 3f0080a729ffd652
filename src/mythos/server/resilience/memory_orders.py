"""Orders to a host: an operator takes a key that is not as logged for right, as it is there now.

The control plane cannot write into a log. An order says what the operator saw of the key, and the
host carries it out only while that still holds: see `orders_under_way`.

Locks are taken in one order: the node, its orders, the log of operator actions.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction

from mythos.engines.evidence.memory import MAX_TOLD, MemoryBody
from mythos.engines.memory.entry import MAX_REF_CHARS, ordered_ref, reason_ref
from mythos.errors import ConflictError, MemoryLogError, NotFoundError, UsageError
from mythos.server.actions.ledger import record
from mythos.server.catalog.models import Node
from mythos.server.resilience.forgotten_keys import forget_keys, hashed_key
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.resilience.log_restarts import restarts_of
from mythos.server.resilience.models import IntakeFinding, NewestAudit
from mythos.server.resilience.orders_under_way import lock_node, waiting
from mythos.server.resilience.witness_findings import CODE
from mythos.values.accept_order import MAX_ORDERS, AcceptOrder
from mythos.values.memory import Offender

LONGEST_WHY = 200
NO_ORDER = "0" * 32
_NAMELESS = re.compile(r"sha256:[0-9a-f]{64}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ON_THE_HOST = "run the audit on the host, and `mythos memory accept` there"


@dataclass(frozen=True, slots=True)
class Seen:
    """A key of a log as the operator saw it; `seq` and `found` are as in `Offender`."""

    node_id: str
    origin: str
    key: str
    seq: int | None
    found: str | None


def order(seen: Seen, *, why: str, by: str, at: datetime) -> MemoryOrder:
    """Put an order on record; it goes to the host with the answer to its next evidence.

    Args:
        seen: the key as the operator saw it, which must be as the newest audit tells.
        why: 1 to `longest_why` characters; white space is made plain.
        by: who takes it for right.
        at: now.

    Raises:
        NotFoundError: no such host, or its newest audit finds nothing wrong with this key.
        ConflictError: it is another content by now, the host told too little, the log does not
            hold, an order for this key waits already, or too many for this host.
        UsageError: no reason, one that is too long or cannot be shown, or a name that no log holds.
    """
    why = checked_why(why, by=by)
    with transaction.atomic():
        if not lock_node(seen.node_id):
            raise NotFoundError(
                f"no host is called {seen.node_id[:150]!r}",
                remedy="choose one of the fleet page; retired hosts leave it",
            )
        offender = _offender(seen)
        _require_room(seen)
        made = AcceptOrder(
            id=secrets.token_hex(16),
            origin=seen.origin,
            key=offender.key,
            kind=offender.kind,
            seq=offender.seq,
            found=offender.found,
            by=by,
            why=why,
            ts=(at - _EPOCH) // timedelta(milliseconds=1),
        )
        _require_room_in_log(made)
        record(
            "memory.accept", seen.origin, by=by, at=at, why=why, details=_logged(seen.node_id, made)
        )
        return MemoryOrder.objects.create(
            order_id=made.id,
            node_id=seen.node_id,
            origin=made.origin,
            key=made.key,
            order=made.model_dump(mode="json"),
            ordered_at=at,
        )


def withdraw(node_id: str, order_id: str, *, by: str, at: datetime) -> MemoryOrder:
    """Take an order back before it is answered; its host may have carried it out already.

    Raises:
        NotFoundError: this host has no such order.
        ConflictError: it was answered or withdrawn.
    """
    with transaction.atomic():
        lock_node(node_id)
        made = MemoryOrder.objects.filter(order_id=order_id, node_id=node_id).first()
        if made is None:
            raise NotFoundError(
                f"{node_id[:150]!r} has no order {order_id[:40]!r}",
                remedy="choose one that the page of the log lists",
            )
        if made.answered_at or made.withdrawn_at:
            raise ConflictError(
                f"this order was {made.outcome or 'withdrawn'} already",
                remedy="nothing is left to take back: what an order did is in the log of its host",
            )
        made.withdrawn_at = at
        made.save(update_fields=["withdrawn_at"])
        named = hashed_key(node_id, made.origin, made.key)
        told = {"order": made.order_id, "host": made.node_id, **named}
        record("memory.withdraw", made.origin, by=by, at=at, details=told)
        forget_keys(made.node_id, [made])
    return made


def longest_why(by: str) -> int:
    """How many characters a reason may have, so that the host's entry has room for who and why."""
    return min(LONGEST_WHY, MAX_REF_CHARS - len(ordered_ref(f"{by}: ", NO_ORDER)))


def checked_why(given: str, *, by: str) -> str:
    """A reason on one line, its white space made plain.

    Raises:
        UsageError: it is empty, too long, or holds what cannot be shown.
    """
    why, longest = " ".join(given.split()), longest_why(by)
    if not 1 <= len(why) <= longest:
        raise UsageError(
            f"a reason of {len(why)} characters is not between 1 and {longest}",
            remedy="say in a sentence why what is there is right: the log of the host keeps it",
        )
    if not why.isprintable():
        raise UsageError(
            "the reason holds characters that are not shown", remedy="write it as plain text"
        )
    return why


def lacking(offender: Offender | None) -> str:
    """Why no order can be made of what a host told of a wrong key; empty where one can."""
    if offender is None:
        return f"the host has not told of this key yet; it tells of {MAX_TOLD} at a time"
    if not offender.key or (offender.kind == "missing" and _NAMELESS.fullmatch(offender.key)):
        return "the name of this key may not be known: the host tells a hash"
    if offender.kind != "missing" and offender.found is None:
        return "the host did not tell the hash of what is there"
    if offender.kind != "unlogged" and offender.seq is None:
        return "the host did not tell which entry of its log is about this key"
    return ""


def _offender(seen: Seen) -> Offender:
    """What the newest audit tells of the key, which is what the operator saw."""
    body = _newest_audit(seen)
    _require_that_it_holds(seen, body)
    if seen.key not in body.keys:
        raise NotFoundError(
            f"the newest audit tells of nothing wrong with {seen.key[:150]!r}",
            remedy="open the page of the log again: it may be as logged by now",
        )
    offender = next((each for each in body.offenders if each.key == seen.key), None)
    why_not = lacking(offender)
    if offender is None or why_not:
        raise ConflictError(
            f"{seen.key[:150]!r} cannot be accepted from here: {why_not}", remedy=_ON_THE_HOST
        )
    if (offender.seq, offender.found) != (seen.seq, seen.found):
        raise ConflictError(
            f"what is there under {seen.key[:150]!r}, or in the log, is not what was shown to you",
            remedy="open the page of the log again and look at what is there now",
        )
    return offender


def _newest_audit(seen: Seen) -> MemoryBody:
    """The newest audit of the log as it is since it last began."""
    environment = Node.objects.values_list("environment__name", flat=True).get(node_id=seen.node_id)
    told = NewestAudit.objects.filter(
        node_id=seen.node_id, environment=environment, subject=seen.origin
    ).first()
    body = MemoryBody.from_json(told.body) if told else MemoryBody()
    restarts = restarts_of([seen.node_id]).get((seen.node_id, seen.origin), 0)
    return body if body.restarts >= restarts else MemoryBody()


def _require_that_it_holds(seen: Seen, body: MemoryBody) -> None:
    forks = IntakeFinding.objects.filter(
        node_id=seen.node_id, code=CODE, subject=seen.origin, resolved_at=None
    )
    if body.proof_failed or forks.exists():
        raise ConflictError(
            f"the log {seen.origin} does not hold, so nothing is accepted into it",
            remedy="look at what the witness knows of it first, on its page",
        )


def _require_room(seen: Seen) -> None:
    ours = waiting(seen.node_id)
    if ours.filter(origin=seen.origin, key=seen.key).exists():
        raise ConflictError(
            f"an order to accept {seen.key[:150]!r} waits already",
            remedy="wait for the host's answer, or withdraw that order first",
        )
    if ours.count() >= MAX_ORDERS:
        raise ConflictError(
            f"{MAX_ORDERS} orders wait for {seen.node_id} already",
            remedy=f"wait for its answers, withdraw some, or {_ON_THE_HOST}",
        )


def _require_room_in_log(made: AcceptOrder) -> None:
    """Refuse what the host could not write into its log: too much, or a name with `: `."""
    try:
        ordered_ref(reason_ref(made.by, made.why), made.id)
    except MemoryLogError as error:
        raise UsageError(error.message, remedy=error.remedy) from None


def _logged(node_id: str, made: AcceptOrder) -> dict[str, str]:
    """What an order is about, as the log of operator actions keeps it."""
    return {
        "order": made.id,
        "host": node_id,
        **hashed_key(node_id, made.origin, made.key),
        "kind": made.kind,
        "entry": "none" if made.seq is None else str(made.seq),
        "found": made.found or "nothing there",
    }
