"""The page of one memory log as one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mythos.server.documents.selection import Span
from mythos.server.memories.pages.entries import EntriesShown
from mythos.server.memories.pages.entry_selection import EntrySelection
from mythos.server.memories.pages.integrity import Spell
from mythos.server.memories.pages.listing import LogRow
from mythos.server.memories.pages.on_the_host import KeyShown, OnTheHost
from mythos.server.memories.pages.orders import Ordering
from mythos.server.memories.pages.witnessing import Witnessing
from mythos.server.web.charts.audit_strip import Stretch
from mythos.server.web.paging import Paged


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPage(Paged):
    """`/memories/<node_id>/log/<log>`; its pages are pages of `entries`.

    `size`, `root` and the counts are of the newest audit. `n_told` of the `keys` are shown with
    what was logged. `log_vkey` is the verifier key of the log, empty where it never sent a
    checkpoint.
    """

    at: datetime
    command: str
    selection: EntrySelection
    span: Span
    spans: tuple[Span, ...]
    here: LogRow
    size: int | None
    root: str
    expired: int
    written_since: int
    proof_failed: bool
    n_wrong: int
    keys: tuple[KeyShown, ...]
    n_told: int
    ordering: Ordering
    strip: tuple[Stretch, ...]
    stretch_s: int
    spells: tuple[Spell, ...]
    entries: EntriesShown
    witness: Witnessing
    log_vkey: str
    on_host: OnTheHost | None
