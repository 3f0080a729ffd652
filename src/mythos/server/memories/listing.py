"""Reads of the machine API about memory logs: the pages' own values in wire form, bounded."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from pydantic import Field

from mythos.server.documents.selection import Selection, Span
from mythos.server.memories import page_queries as queries
from mythos.server.memories.pages.entry_selection import EntrySelection
from mythos.server.memories.pages.listing import LogRow, rows_of
from mythos.server.memories.pages.standing import StandingName
from mythos.server.memories.presentation import show_memory
from mythos.server.web.paging import page_after, rows_on
from mythos.values.base import Count, Share, Value
from mythos.values.evidence import EnvironmentName, NodeName
from mythos.values.memory import BadClass, ShownHash

LogName = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
MAX_SPELLS = 200


class LogStanding(Value):
    """How a log stands; `mid` is null where its integrity is unknown, never 0."""

    name: StandingName
    reason: str
    low: Share
    mid: Share | None
    high: Share


class MemoryLogSummary(Value):
    """One log; counts are keys of its newest audit, null where there is none."""

    host: NodeName
    environment: EnvironmentName
    agent: str
    log: str
    standing: LogStanding
    audited_at: datetime | None
    ok: Count | None
    altered: Count | None
    missing: Count | None
    unlogged: Count | None
    witnessed_size: Count | None
    witnessed_at: datetime | None
    unproved_size: Count | None
    forked: bool


class MemoryLogPage(Value):
    """Some logs, the worst first; `next` is the `page` behind this one, null on the last."""

    items: tuple[MemoryLogSummary, ...]
    next: int | None


class AuditSpell(Value):
    """A time in which every audit found as much wrong; `ok` and `size` are of its end."""

    begins: datetime
    ends: datetime
    audits: Count
    size: Count
    ok: Count
    altered: Count
    missing: Count
    unlogged: Count
    failed: bool


class LogSays(Value):
    """The log's last word on a wrong key, beside what was found there.

    `seq` is the number of the key's newest entry and null where it has none; `logged` is that
    entry's content hash; `found` is the live content's under the same salt, or says why not.
    """

    seq: Count | None
    op: str | None
    source: str | None
    at: datetime | None
    trace_id: str
    policy_ref: str
    logged: str | None
    found: str


class Acceptable(Value):
    """What an order to accept a key has to say it saw; `barred` says why none can be given."""

    seq: Count | None
    found: ShownHash | None
    barred: str


class WrongKey(Value):
    """A key that the newest audit found wrong; `log_says` is null where the host did not tell.

    `accepting` is null where an order to accept it waits, or was carried out since.
    """

    name: str
    kind: BadClass
    log_says: LogSays | None
    accepting: Acceptable | None


class MemoryLogDocument(MemoryLogSummary):
    """A log with its newest 200 spells of audits, wrong keys, and the newest witnessed note."""

    root: str
    expired: Count
    written_since: Count
    keys: tuple[WrongKey, ...]
    spells: tuple[AuditSpell, ...]
    note: str
    cosigned_at: datetime | None
    witness_vkey: str
    log_vkey: str
    fork: str


def memories(*, page: int, limit: int, at: datetime) -> MemoryLogPage:
    """Logs, the worst first, a page at a time."""
    rows = rows_of(queries.logs(), Selection(), at=at)
    return MemoryLogPage(
        items=tuple(map(_summary, rows_on(rows, page, limit=limit))),
        next=page_after(page, n=len(rows), limit=limit),
    )


def memory(node_id: str, log: str, *, span: Span, at: datetime) -> MemoryLogDocument:
    """One log, whole.

    Raises:
        NotFoundError: no such host, or it has no such log.
    """
    page = show_memory(node_id, log, EntrySelection(span=span), at=at, by="", barred="")
    cosigned = page.witness.cosigned
    return MemoryLogDocument(
        **dict(_summary(page.here)),
        root=page.root,
        expired=page.expired,
        written_since=page.written_since,
        keys=tuple(WrongKey.model_validate(each, from_attributes=True) for each in page.keys),
        spells=tuple(AuditSpell(**asdict(each)) for each in page.spells[:MAX_SPELLS]),
        note=page.witness.note,
        cosigned_at=cosigned.at if cosigned else None,
        witness_vkey=cosigned.vkey if cosigned else "",
        log_vkey=page.log_vkey,
        fork=page.witness.fork,
    )


def _summary(row: LogRow) -> MemoryLogSummary:
    return MemoryLogSummary.model_validate(row, from_attributes=True)
