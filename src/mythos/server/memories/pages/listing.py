"""The list of memory logs as one value: how each stands, its newest audit, what is witnessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mythos.server.documents.list_page import FirstStep
from mythos.server.documents.selection import Selection
from mythos.server.memories.pages.facts import LogFact
from mythos.server.memories.pages.standing import RANK, Standing, audited_at, standing_of
from mythos.server.web.paging import Paged

PER_PAGE = 40


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log. Counts are keys of the newest audit, None where there is none.

    `witnessed_size` entries were proved last, told at `witnessed_at` by the host's clock;
    `unproved_size` is what the log claims beyond, None where nothing waits.
    """

    host: str
    environment: str
    agent: str
    log: str
    standing: Standing
    audited_at: datetime | None
    ok: int | None
    altered: int | None
    missing: int | None
    unlogged: int | None
    witnessed_size: int | None
    witnessed_at: datetime | None
    unproved_size: int | None
    forked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoriesPage(Paged):
    """`/memories`."""

    at: datetime
    command: str
    selection: Selection
    rows: tuple[LogRow, ...]
    total: int
    hosts: int
    wrong: int
    first_step: FirstStep | None


NO_LOG = FirstStep(
    "No memory log yet",
    "An agent whose document declares memory has a log of what it remembers on its host. The "
    "host's sidecar audits it, and sends a signed checkpoint; its log then stands "
    "here. Nothing that the agent remembers is sent, only counts, names and hashes. A store that "
    "no sidecar looks after can be logged and audited by hand.",
    (
        "mythos node run",
        "mythos memory baseline dir:memory",
        "mythos memory audit dir:memory",
    ),
)


def rows_of(logs: Iterable[LogFact], selection: Selection, *, at: datetime) -> list[LogRow]:
    """All logs in the order that was asked for: the worst first, or the newest audit."""
    rows = sorted((row_of(log, at=at) for log in logs), key=lambda row: (row.host, row.log))
    if selection.order == "newest":
        return sorted(rows, key=_audit_time, reverse=True)
    return sorted(rows, key=lambda row: (RANK[row.standing.name], row.standing.low))


def row_of(log: LogFact, *, at: datetime) -> LogRow:
    """One log as it is listed."""
    audit, witnessed = log.audit, log.witnessed
    return LogRow(
        host=log.host.node_id,
        environment=log.host.environment,
        agent=log.agent,
        log=log.origin,
        standing=standing_of(log, at=at),
        audited_at=audited_at(audit),
        ok=audit.ok if audit else None,
        altered=audit.altered if audit else None,
        missing=audit.missing if audit else None,
        unlogged=audit.unlogged if audit else None,
        witnessed_size=witnessed.size if witnessed else None,
        witnessed_at=witnessed.seen_at if witnessed else None,
        unproved_size=log.waiting.size if log.waiting else None,
        forked=log.fork is not None and log.fork.open,
    )


def _audit_time(row: LogRow) -> float:
    return row.audited_at.timestamp() if row.audited_at else 0.0
