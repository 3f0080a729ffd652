"""Entries of a memory log in the machine API: the page's own values in wire form, bounded."""

from __future__ import annotations

from datetime import datetime

from mythos.server.memories import page_queries as queries
from mythos.server.memories.order_queries import orders_named
from mythos.server.memories.pages.entries import EntryShown, entries_of
from mythos.server.memories.pages.entry_selection import EntrySelection
from mythos.server.web.paging import page_after
from mythos.values.base import Count, Digest, Value
from mythos.values.memory import BadClass, ContentHash, MemoryOp, MemorySource


class LogEntry(Value):
    """One entry; `at` is the host's clock, and `key` null where the host tells no name.

    `stands` says that no later entry changed that memory; `wrong` what the newest audit found of
    its key, null where that is as logged, `unordered` that it names an order to
    accept that no operator gave here, or that an earlier entry had carried out.
    """

    seq: Count
    at: datetime
    op: MemoryOp
    key: str | None
    key_hash: Digest
    source: MemorySource
    trace_id: str
    policy_ref: str
    content_hash: ContentHash | None
    stands: bool
    wrong: BadClass | None
    unordered: bool


class EntryPage(Value):
    """Some entries of a log, newest first; `next` is the `page` behind this one.

    Entries `start` up to `size` are here and older ones on the host; all four counts are null where
    the node told none. `found` of them were asked for, of which `standing` still stand. `problem`
    says why those here are not the end of the log that was witnessed; it is empty where they are.
    """

    items: tuple[LogEntry, ...]
    next: int | None
    start: Count | None
    size: Count | None
    found: Count | None
    standing: Count | None
    problem: str


def entries(node_id: str, origin: str, chosen: EntrySelection, *, limit: int) -> EntryPage:
    """A page of the entries that were asked for.

    Raises:
        NotFoundError: no such host, or it has no such log.
    """
    log = queries.log(node_id, origin)
    kept = queries.kept(log)
    given = orders_named(node_id, kept)
    shown = entries_of(kept, log.audit, chosen, given=given, limit=limit)
    return EntryPage(
        items=tuple(map(_item, shown.rows)),
        next=page_after(chosen.page, n=shown.found, limit=limit),
        start=shown.start if shown.told else None,
        size=shown.size if shown.told else None,
        found=shown.found if shown.told else None,
        standing=shown.standing if shown.told else None,
        problem=shown.problem,
    )


def _item(entry: EntryShown) -> LogEntry:
    return LogEntry(
        seq=entry.seq,
        at=entry.at,
        op=entry.op,
        key=entry.key,
        key_hash=entry.key_hash,
        source=entry.source,
        trace_id=entry.trace_id,
        policy_ref=entry.policy_ref,
        content_hash=entry.content_hash,
        stands=entry.stands,
        wrong=entry.wrong,
        unordered=entry.unordered,
    )
