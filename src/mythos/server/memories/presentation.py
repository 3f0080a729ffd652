"""What the memory-log pages answer: reads, then pure functions, then one frozen value a page."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from mythos.adapters.key_file import load_public_key
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.cosignature import verify_cosignature
from mythos.engines.memory.note import NoteVerifier
from mythos.errors import MemoryLogError, NotFoundError
from mythos.server.documents.selection import SPANS, Selection
from mythos.server.memories import page_queries as queries
from mythos.server.memories.order_queries import orders_about, orders_named
from mythos.server.memories.pages import listing
from mythos.server.memories.pages.entries import PER_PAGE, entries_of, with_entries
from mythos.server.memories.pages.entry_selection import EntrySelection
from mythos.server.memories.pages.facts import ForkFact, LogFact
from mythos.server.memories.pages.integrity import WIDTHS, spells_of, strip_of
from mythos.server.memories.pages.log import MemoryPage
from mythos.server.memories.pages.on_the_host import carried_to, commands_of, keys_of
from mythos.server.memories.pages.orders import beside, ordering_of
from mythos.server.memories.pages.witnessing import (
    Cosigned,
    file_name,
    newest_note,
    witnessing_of,
)
from mythos.server.resilience.memory_orders import longest_why
from mythos.server.resilience.witness_key import witness_verifier
from mythos.server.web.paging import pages_of, rows_on


def show_memories(selection: Selection, *, at: datetime) -> listing.MemoriesPage:
    """The list of memory logs."""
    rows = listing.rows_of(queries.logs(), selection, at=at)
    return listing.MemoriesPage(
        at=at,
        command=selection.command("/memories"),
        selection=selection,
        rows=rows_on(rows, selection.page, limit=listing.PER_PAGE),
        total=len(rows),
        hosts=len({row.host for row in rows}),
        wrong=sum(row.standing.name != "as_logged" for row in rows),
        page=selection.page,
        pages=pages_of(len(rows), limit=listing.PER_PAGE),
        first_step=None if rows else listing.NO_LOG,
    )


def show_memory(
    node_id: str, origin: str, selection: EntrySelection, *, at: datetime, by: str, barred: str
) -> MemoryPage:
    """The page of one log.

    Args:
        node_id, origin: its host and its name.
        selection: what the reader asked to see.
        at: now.
        by: its reader, whom the commands name.
        barred: why the reader may order nothing; empty when they may.

    Raises:
        NotFoundError: no such host, or it has no such log.
    """
    log = queries.log(node_id, origin)
    span_s, width_s = SPANS[selection.span], WIDTHS[selection.span]
    found = queries.history(log, at=at, span_s=span_s, width_s=width_s)
    kept = queries.kept(log)
    entries = entries_of(kept, log.audit, selection, given=orders_named(log.host.node_id, kept))
    proved = kept.tail if kept and entries.provable else None
    audit, row, vkey = log.audit or MemoryBody(), listing.row_of(log, at=at), _log_vkey(log)
    orders = orders_about(log)
    by_key = beside(log.audit, orders, proved, unsound=row.standing.name == "forked")
    return MemoryPage(
        at=at,
        command=selection.command(f"/memories/{quote(node_id)}/log/{quote(origin)}"),
        selection=selection,
        span=selection.span,
        spans=tuple(SPANS),
        here=row,
        size=log.audit.size if log.audit else None,
        root=audit.root,
        expired=audit.expired,
        written_since=audit.written_since,
        proof_failed=audit.proof_failed,
        n_wrong=audit.altered + audit.missing + audit.unlogged,
        keys=with_entries(keys_of(log.audit, log.agent, by=by, orders=by_key), kept),
        n_told=len(audit.offenders),
        ordering=ordering_of(
            orders,
            by_key,
            proved,
            barred=barred,
            longest_why=longest_why(by),
            carry=carried_to(log.host),
        ),
        strip=strip_of(
            found, at=at, span_s=span_s, width_s=width_s, first=queries.first_audit(log)
        ),
        stretch_s=width_s,
        spells=spells_of(found, width_s=width_s),
        entries=entries,
        page=selection.page,
        pages=pages_of(entries.found, limit=PER_PAGE),
        witness=witnessing_of(log, _cosigned(log)),
        log_vkey=vkey,
        on_host=commands_of(log.agent, by=by, vkey=vkey) if log.agent else None,
    )


def note_of(node_id: str, origin: str) -> tuple[str, str]:
    """The newest witnessed checkpoint as a file: its name and its text.

    Raises:
        NotFoundError: no such log, or it was not witnessed yet.
    """
    log = queries.log(node_id, origin)
    note = newest_note(log)
    if not note:
        raise NotFoundError(
            f"no checkpoint of {origin[:150]!r} was witnessed yet",
            remedy="wait for the host's next report, or import one",
        )
    return file_name(log, "checkpoint"), note


def fork_of(node_id: str, origin: str) -> tuple[str, ForkFact]:
    """What contradicts a log: the file's name, and the finding.

    Raises:
        NotFoundError: no such log, or it never contradicted itself.
    """
    log = queries.log(node_id, origin)
    if log.fork is None:
        raise NotFoundError(
            f"the log {origin[:150]!r} never contradicted itself",
            remedy="take its newest checkpoint instead, from its page",
        )
    return file_name(log, "contradictions.json"), log.fork


def _cosigned(log: LogFact) -> Cosigned | None:
    """Check the witness's line again; None where there is none to check."""
    if log.witnessed is None or not log.witnessed.cosigned:
        return None
    verifier = witness_verifier()
    try:
        return Cosigned(verify_cosignature(log.witnessed.cosigned, verifier), "", verifier.vkey)
    except MemoryLogError as error:
        return Cosigned(None, error.message, verifier.vkey)


def _log_vkey(log: LogFact) -> str:
    """The key that the log's checkpoints are signed with: that of its host."""
    if log.witnessed is None:
        return ""
    key = load_public_key(log.host.public_key)
    return NoteVerifier.of_bytes(log.origin, key.raw.public_bytes_raw()).vkey
