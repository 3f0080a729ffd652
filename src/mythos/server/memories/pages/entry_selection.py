"""What a reader asked to see of a log's entries, beside range and page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from mythos.errors import UsageError
from mythos.server.documents.selection import Selection, select
from mythos.values.memory import MemoryEntry, MemoryOp, MemorySource

OPS: tuple[MemoryOp, ...] = get_args(MemoryOp)
SOURCES: tuple[MemorySource, ...] = get_args(MemorySource)
MAX_KEY_TEXT = 300
RUN = r"^[0-9a-f]{1,32}$"
_HASH = "sha256:"


@dataclass(frozen=True, slots=True)
class EntrySelection(Selection):
    """Range and page of a log's page, and which entries; an empty string asks for any.

    `trace` is a trace id or how one begins. `key` is text in the key's name, or how its hash
    begins: `sha256:…`, or the bare digits of a key that has no name here.
    """

    source: MemorySource | str = ""
    op: MemoryOp | str = ""
    trace: str = ""
    key: str = ""

    @property
    def narrows(self) -> bool:
        """Whether some entries are left out."""
        return any((self.source, self.op, self.trace, self.key))

    @property
    def whole_run(self) -> bool:
        """Whether it asks for all entries of one run."""
        return bool(self.trace) and not any((self.source, self.op, self.key))

    @property
    def link_for_all(self) -> str:
        """The start of a link that keeps the range, and asks for every entry."""
        return self.link(source="", op="", trace="", key="")

    def choices(self) -> dict[str, str]:
        """What links keep, by the name of its parameter; empty where nothing was chosen."""
        own = {"source": self.source, "op": self.op, "trace": self.trace, "key": self.key}
        return {**Selection.choices(self), **own}

    def picks(self, names: Mapping[str, str]) -> Callable[[MemoryEntry], bool]:
        """Which entries are asked for; `names` are keys by hash, as far as they are known."""
        text, digits = self.key.casefold(), self.key.removeprefix(_HASH).lower()
        by_hash = self.key.startswith(_HASH)

        def is_asked(entry: MemoryEntry) -> bool:
            name = names.get(entry.key_hash)
            hashed = (by_hash or name is None) and entry.key_hash.startswith(_HASH + digits)
            return (
                self.source in {"", entry.source}
                and self.op in {"", entry.op}
                and entry.trace_id.startswith(self.trace)
                and (hashed or (name is not None and text in name.casefold()))
            )

        return is_asked


def select_entries(query: Mapping[str, str]) -> EntrySelection:
    """Read a query string.

    Raises:
        UsageError: a range, page, source, operation or run that does not exist.
    """
    chosen = select(query)
    return EntrySelection(
        span=chosen.span,
        order=chosen.order,
        page=chosen.page,
        source=_one_of(SOURCES, query.get("source", ""), "source"),
        op=_one_of(OPS, query.get("op", ""), "operation"),
        trace=_run(query.get("trace", "").strip().lower()),
        key=query.get("key", "").replace("\x00", "")[:MAX_KEY_TEXT],
    )


def _one_of(known: tuple[str, ...], given: str, what: str) -> str:
    if not given or given in known:
        return given
    raise UsageError(
        f"no {what} is called {given[:20]!r}", remedy=f"choose one of {', '.join(known)}"
    )


def _run(given: str) -> str:
    if not given or re.match(RUN, given):
        return given
    raise UsageError(
        f"trace={given[:40]!r} is no trace id, nor how one begins",
        remedy="give up to 32 hexadecimal digits, as an entry shows them",
    )
