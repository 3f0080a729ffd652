"""Orders to accept a key as the page shows them: what waits, what the host answered, what may be.

An order is about what an operator saw. One that was carried out or refused stands beside its key
only while the newest audit still finds the same there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.ordered import carries_out
from mythos.server.memories.pages.facts import OrderFact
from mythos.server.resilience.memory_orders import lacking
from mythos.values.accept_order import AcceptOrder
from mythos.values.digest import digest_of
from mythos.values.memory import BadClass, LogTail, Offender

OrderState = Literal["waiting", "accepted", "refused", "withdrawn"]
InLog = Literal["yes", "no", "unseen"]


@dataclass(frozen=True, slots=True)
class OrderShown:
    """One order; `entry` is the number of the host's log entry, `answer` why there is none.

    `withdrawn_at` may be set beside an answer: the host had carried it out already. `in_log` is
    whether the log says what a host says that accepted: `unseen` where what is kept of the log does
    not reach that entry. It is None of other orders.
    """

    id: str
    state: OrderState
    key: str
    kind: BadClass
    seq: int | None
    found: str | None
    by: str
    why: str
    ordered_at: datetime
    withdrawn_at: datetime | None
    answered_at: datetime | None
    entry: int | None
    answer: str
    in_log: InLog | None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What it takes to accept a key as it was shown; `barred` says why it cannot be.

    `ref` stands for the key in a form, which would change some names on their way.
    """

    ref: str
    seq: int | None
    found: str | None
    barred: str


@dataclass(frozen=True, slots=True)
class KeyOrders:
    """Of one wrong key: the order about it as it is now, and how it can be accepted."""

    order: OrderShown | None
    accepting: Acceptance | None


NO_ORDERS = KeyOrders(None, None)


@dataclass(frozen=True, slots=True)
class Ordering:
    """What the page says of orders about a log.

    `others` stand beside none of its wrong keys: those that wait, then the newest.
    `barred` says why this reader may give none. `carry` are commands that carry what waits to a
    host without a network, empty where it needs none.
    """

    others: tuple[OrderShown, ...]
    n_waiting: int
    barred: str
    longest_why: int
    carry: tuple[str, ...]


def ref_of(key: str) -> str:
    """What stands for a key in a form: a digest of its name."""
    return digest_of(key.encode("utf-8", "surrogatepass"))


def shown(fact: OrderFact, tail: LogTail | None = None) -> OrderShown:
    """One order for people; `tail` is what is kept and proved of its log."""
    order = fact.order
    return OrderShown(
        id=order.id,
        state=_state(fact),
        key=order.key,
        kind=order.kind,
        seq=order.seq,
        found=order.found,
        by=order.by,
        why=order.why,
        ordered_at=fact.ordered_at,
        withdrawn_at=fact.withdrawn_at,
        answered_at=fact.answered_at,
        entry=fact.entry,
        answer=fact.answer,
        in_log=_in_log(fact, tail) if _state(fact) == "accepted" else None,
    )


def beside(
    audit: MemoryBody | None,
    facts: Sequence[OrderFact],
    tail: LogTail | None = None,
    *,
    unsound: bool,
) -> dict[str, KeyOrders]:
    """What to say of orders beside each key that the newest audit found wrong.

    Args:
        audit: the newest of the log as it is now.
        facts: its orders, the newest first.
        tail: what is kept and proved of it.
        unsound: whether the log does not hold, so that nothing is accepted into it.
    """
    if audit is None:
        return {}
    told = {each.key: each for each in audit.offenders}
    found = {}
    for key in audit.keys:
        fact = _about(key, told.get(key), facts)
        order = shown(fact, tail) if fact else None
        may = None if _settled(order) else _acceptance(key, told.get(key), unsound=unsound)
        found[key] = KeyOrders(order, may)
    return found


def ordering_of(
    facts: Iterable[OrderFact],
    keys: Mapping[str, KeyOrders],
    tail: LogTail | None = None,
    *,
    barred: str,
    longest_why: int,
    carry: tuple[str, ...],
) -> Ordering:
    """What to say of orders about the whole log.

    Args:
        facts: its orders, the newest first.
        keys: those beside keys.
        tail: what is kept and proved of the log.
        barred: why the reader may give none; empty when they may.
        longest_why: how many characters their reason may have.
        carry: commands that carry what waits to the host; none where it is on the network.
    """
    orders = [shown(fact, tail) for fact in facts]
    used = {each.order.id for each in keys.values() if each.order}
    n_waiting = sum(each.state == "waiting" for each in orders)
    others = [each for each in orders if each.id not in used]
    return Ordering(
        others=tuple(sorted(others, key=lambda each: each.state != "waiting")),
        n_waiting=n_waiting,
        barred=barred,
        longest_why=longest_why,
        carry=carry if n_waiting else (),
    )


def _state(fact: OrderFact) -> OrderState:
    if fact.outcome == "accepted":
        return "accepted"
    if fact.outcome == "refused":
        return "refused"
    return "waiting" if fact.withdrawn_at is None else "withdrawn"


def _about(key: str, offender: Offender | None, facts: Iterable[OrderFact]) -> OrderFact | None:
    """The newest order about a key that says something of how it is now."""
    newest = next((fact for fact in facts if fact.order.key == key and not fact.of_before), None)
    if newest is None or _state(newest) == "withdrawn":
        return None
    if _state(newest) == "waiting" or _same(offender, newest.order):
        return newest
    return None


def _same(offender: Offender | None, order: AcceptOrder) -> bool:
    return offender is not None and (offender.seq, offender.found) == (order.seq, order.found)


def _settled(order: OrderShown | None) -> bool:
    """Whether nothing is to be ordered; what the log does not say may be ordered again."""
    if order is None or order.in_log == "no":
        return False
    return order.state in {"waiting", "accepted"}


def _in_log(fact: OrderFact, tail: LogTail | None) -> InLog:
    """Whether the entry that a host named is one that carries out its order."""
    if fact.entry is None:
        return "no"
    if tail is None or fact.of_before or not tail.start <= fact.entry < tail.size:
        return "unseen"
    entry = tail.entries[fact.entry - tail.start]
    return "yes" if carries_out(entry, fact.order) else "no"


def _acceptance(key: str, offender: Offender | None, *, unsound: bool) -> Acceptance:
    barred = "the log does not hold" if unsound else lacking(offender)
    return Acceptance(
        ref=ref_of(key),
        seq=offender.seq if offender else None,
        found=offender.found if offender else None,
        barred=barred,
    )
