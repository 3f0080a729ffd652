"""Entries that say that an order was carried out, held against the orders that were given.

Who writes a log can let it name any order. An entry is of an order only if it accepts that key, in
that log, with who and why of that order; and an order is spent by its first entry.
"""

from __future__ import annotations

from collections.abc import Mapping

from mythos.engines.memory.entry import key_hash, order_in, ordered_ref, reason_ref
from mythos.errors import MemoryLogError
from mythos.values.accept_order import AcceptOrder
from mythos.values.memory import LogTail, MemoryEntry


def carries_out(entry: MemoryEntry, order: AcceptOrder) -> bool:
    """Whether an entry is what an order asked for; its log must be the one of the order.

    A key that has no name any more is named by its hash.
    """
    try:
        ref = ordered_ref(reason_ref(order.by, order.why), order.id)
    except MemoryLogError:
        return False
    return (entry.op, entry.source, entry.policy_ref) == ("accept", "operator", ref) and (
        entry.key_hash in {order.key, key_hash(entry.store, order.key)}
    )


def orders_in(tail: LogTail) -> set[str]:
    """Ids of the orders that entries of a tail name."""
    return {order_in(entry.policy_ref) for entry in tail.entries if entry.op == "accept"} - {""}


def unordered(tail: LogTail, given: Mapping[str, AcceptOrder]) -> frozenset[int]:
    """Numbers of the entries that name an order which was not given, or was spent before.

    Args:
        tail: newest entries of a log.
        given: orders to its host by id, of any of its logs.
    """
    spent: set[str] = set()
    found = set()
    for entry in tail.entries:
        order_id = order_in(entry.policy_ref) if entry.op == "accept" else ""
        if not order_id:
            continue
        order = given.get(order_id)
        ours = order is not None and order.origin == tail.origin and carries_out(entry, order)
        if not ours or order_id in spent:
            found.add(entry.seq)
        spent |= {order_id} if ours else set()
    return frozenset(found)
