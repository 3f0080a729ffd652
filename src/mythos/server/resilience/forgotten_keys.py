"""Names of erased keys, forgotten in orders that have ended.

An order waits with the name of its key, because its host needs it. Once it was answered or
withdrawn, and what is kept of its log says that the key was erased, the key's hash stands in place
of the name, and the reason of a refusal, which may quote the name, goes with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from mythos.engines.memory.entry import key_hash
from mythos.engines.memory.tail import erased_in
from mythos.server.resilience.log_models import MemoryOrder, MemoryTail
from mythos.values.digest import digest_of
from mythos.values.memory import LogTail

GONE = "(gone with the name of the key)"


def forget_keys(node_id: str, ended: Iterable[MemoryOrder]) -> None:
    """Forget the names in orders to a node that have just ended, of keys erased meanwhile."""
    by_log: defaultdict[str, list[MemoryOrder]] = defaultdict(list)
    for made in ended:
        by_log[made.origin].append(made)
    if not by_log:
        return
    kept = MemoryTail.objects.filter(node_id=node_id, origin__in=by_log)
    for origin, document in kept.values_list("origin", "tail"):
        tail = LogTail.model_validate(document)
        _forget(by_log[origin], tail, erased_in(tail))


def forget_erased(node_id: str, origins: Collection[str]) -> None:
    """Forget the names of erased keys in all orders about these logs that have ended.

    With the node locked, as its orders may change meanwhile.
    """
    orders = MemoryOrder.objects.filter(node_id=node_id, origin__in=origins)
    ended = orders.exclude(withdrawn_at=None, answered_at=None)
    if not ended.exists():
        return
    kept = MemoryTail.objects.filter(node_id=node_id, origin__in=origins)
    for origin, document in kept.values_list("origin", "tail"):
        tail = LogTail.model_validate(document)
        if erased := erased_in(tail):
            _forget(ended.filter(origin=origin), tail, erased)


def hashed_key(node_id: str, origin: str, key: str) -> dict[str, str]:
    """A key as the log of operator actions names it: not at all, which could not be forgotten.

    Returns:
        `key_hash` as the entries of its log have it, where they tell which store it is in; else
        `key_sha256`, that of the name alone. Either can be confirmed by who guesses the name.
    """
    kept = MemoryTail.objects.filter(node_id=node_id, origin=origin)
    tail = kept.values_list("tail", flat=True).first() or {"entries": ()}
    stores = {entry["store"] for entry in tail["entries"]}
    if len(stores) == 1:
        return {"key_hash": key_hash(stores.pop(), key)}
    return {"key_sha256": digest_of(key.encode("utf-8", "surrogatepass"))}


def _forget(ended: Iterable[MemoryOrder], tail: LogTail, erased: frozenset[str]) -> None:
    stores = {entry.store for entry in tail.entries if entry.key_hash in erased}
    for made in ended:
        hashes = erased & {made.key, *(key_hash(store, made.key) for store in stores)}
        if not hashes or (made.key in hashes and made.answer in {"", GONE}):
            continue
        made.key = min(hashes)
        made.order = {**made.order, "key": made.key}
        made.answer = GONE if made.answer else ""
        made.save(update_fields=["key", "order", "answer"])
