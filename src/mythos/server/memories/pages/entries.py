"""The newest entries of a log, newest first: what changed, when, and who it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.entry import key_hash
from mythos.engines.memory.ordered import unordered
from mythos.engines.memory.rollback import written_by
from mythos.server.memories.pages.entry_selection import OPS, SOURCES, EntrySelection
from mythos.server.memories.pages.facts import KeptFact
from mythos.server.memories.pages.on_the_host import KeyShown
from mythos.server.web.paging import rows_on
from mythos.values.accept_order import AcceptOrder
from mythos.values.memory import (
    BadClass,
    LogTail,
    MemoryEntry,
    MemoryOp,
    MemorySource,
)

PER_PAGE = 25
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EntryShown:
    """One entry. `key` is None where the host tells no name; `at` is the host's clock.

    `stands` says that no later entry changed that memory, `wrong` what the newest audit found of
    its key, `unordered` that it names an order that was not given here.
    """

    seq: int
    at: datetime
    op: MemoryOp
    key: str | None
    key_hash: str
    source: MemorySource
    trace_id: str
    policy_ref: str
    content_hash: str | None
    stands: bool
    wrong: BadClass | None
    unordered: bool


@dataclass(frozen=True, slots=True)
class EntriesShown:
    """The entries of a log that are here, from number `start` up to `size`; `rows` are a page.

    `told` is False where its node sent none. `found` were asked for, of which `standing` still
    stand. `problem` says why they are not those of the checkpoint; empty where they are.
    """

    told: bool
    start: int
    size: int
    problem: str
    found: int
    standing: int
    rows: tuple[EntryShown, ...]
    sources: tuple[tuple[MemorySource, int], ...]
    ops: tuple[tuple[MemoryOp, int], ...]

    @property
    def here(self) -> int:
        """Number of entries that are here."""
        return self.size - self.start

    @property
    def provable(self) -> bool:
        """Whether the newest checkpoint proves them."""
        return self.told and not self.problem


NOT_TOLD = EntriesShown(
    told=False,
    start=0,
    size=0,
    problem="",
    found=0,
    standing=0,
    rows=(),
    sources=(),
    ops=(),
)


def entries_of(
    kept: KeptFact | None,
    audit: MemoryBody | None,
    selection: EntrySelection,
    *,
    given: Mapping[str, AcceptOrder],
    limit: int = PER_PAGE,
) -> EntriesShown:
    """A page of the entries that were asked for, with what the newest audit found of their keys.

    Args:
        kept: what is kept of the log; None for nothing.
        audit: its newest.
        selection: what was asked for.
        given: orders to its host by id, as far as entries name them.
        limit: entries of a page.
    """
    if kept is None:
        return NOT_TOLD
    tail = kept.tail
    picked = written_by(tail.entries, wanted=selection.picks(tail.names))
    found = list(picked)[::-1]
    wrong, strange = wrong_hashes(tail, audit), unordered(tail, given)
    sources = Counter(entry.source for entry in tail.entries)
    ops = Counter(entry.op for entry in tail.entries)
    return EntriesShown(
        told=True,
        start=tail.start,
        size=tail.size,
        problem=kept.problem,
        found=len(found),
        standing=sum(stands for _, stands in found),
        rows=tuple(
            _shown(entry, tail.names, wrong, stands=stands, unordered=entry.seq in strange)
            for entry, stands in rows_on(found, selection.page, limit=limit)
        ),
        sources=tuple((each, sources[each]) for each in SOURCES),
        ops=tuple((each, ops[each]) for each in OPS),
    )


def with_entries(keys: Sequence[KeyShown], kept: KeptFact | None) -> tuple[KeyShown, ...]:
    """Wrong keys, with the hash of each that has an entry here."""
    known = _hashes(kept.tail, [key.name for key in keys]) if kept else {}
    return tuple(replace(key, key_hash=known.get(key.name, "")) for key in keys)


def wrong_hashes(tail: LogTail, audit: MemoryBody | None) -> dict[str, BadClass]:
    """What an audit found wrong among the keys of a tail, by hash."""
    keys = audit.keys if audit else {}
    return {hashed: keys[name] for name, hashed in _hashes(tail, keys).items()}


def _hashes(tail: LogTail, names: Iterable[str]) -> dict[str, str]:
    """The hashes of keys that have an entry; evidence names a key by its hash if it has no name."""
    here = {entry.key_hash for entry in tail.entries}
    stores: Sequence[str] = sorted({entry.store for entry in tail.entries})
    found = {}
    for name in names:
        hashes = (*(key_hash(store, name) for store in stores), name)
        if hashed := next((each for each in hashes if each in here), ""):
            found[name] = hashed
    return found


def _shown(
    entry: MemoryEntry,
    names: Mapping[str, str],
    wrong: Mapping[str, BadClass],
    *,
    stands: bool,
    unordered: bool,
) -> EntryShown:
    return EntryShown(
        seq=entry.seq,
        at=_EPOCH + timedelta(milliseconds=entry.ts),
        op=entry.op,
        key=names.get(entry.key_hash),
        key_hash=entry.key_hash,
        source=entry.source,
        trace_id=entry.trace_id,
        policy_ref=entry.policy_ref,
        content_hash=entry.content_hash,
        stands=stands,
        wrong=wrong.get(entry.key_hash),
        unordered=unordered,
    )
