"""A list of documents and the page of one, as far as the kind of document does not matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from mythos.server.documents.in_force import InForce
from mythos.server.documents.selection import Selection, Span
from mythos.server.web.paging import Paged

PER_PAGE = 40
_EARLY = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentShown:
    """One version of a document: the bundles that hold it, and where it is in force.

    `unreadable` says why this version of MythOS cannot read it; empty where it can.
    """

    name: str
    version: int
    digest: str
    critical: bool
    unreadable: str
    bundles: tuple[str, ...]
    known_since: datetime | None
    in_force: tuple[InForce, ...]

    @property
    def in_force_hosts(self) -> int:
        """Hosts that say it is in force there, whatever the mode."""
        return sum(each.hosts for each in self.in_force)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPage(DocumentShown):
    """The page of one document."""

    at: datetime
    command: str
    selection: Selection
    span: Span
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class FirstStep:
    """What is missing before there is anything to see, and the commands that add it."""

    missing: str
    then: str
    commands: tuple[str, ...]


Row = TypeVar("Row", bound=DocumentShown)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage(Paged, Generic[Row]):
    """One page of a list of documents; `total` counts them all."""

    at: datetime
    command: str
    selection: Selection
    span: Span
    spans: tuple[Span, ...]
    rows: tuple[Row, ...]
    total: int
    first_step: FirstStep | None


def in_order(
    rows: Iterable[Row], selection: Selection, *, badness: Callable[[Row], tuple[float, ...]]
) -> list[Row]:
    """The newest rows first; or the worst, and of equally bad ones the newest."""
    found = sorted(rows, key=lambda row: (row.name, -row.version, row.digest))
    found.sort(key=lambda row: row.known_since or _EARLY, reverse=True)
    return found if selection.order == "newest" else sorted(found, key=badness)
