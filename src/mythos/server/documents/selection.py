"""What a reader asked to see of a list: the query string, checked and bounded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlencode

from mythos.errors import UsageError

Span = Literal["24h", "7d", "28d"]
Order = Literal["worst", "newest"]
SPANS: dict[Span, int] = {"24h": 86_400, "7d": 7 * 86_400, "28d": 28 * 86_400}
MAX_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Range, order and page of a list."""

    span: Span = "24h"
    order: Order = "worst"
    page: int = 1

    @property
    def link_for_range(self) -> str:
        """The start of a link that keeps every choice but the range."""
        return self.link(range="")

    @property
    def link_for_page(self) -> str:
        """The start of a link that keeps every choice but the page."""
        return self.link()

    @property
    def link_for_order(self) -> str:
        """The start of a link that keeps every choice but the order."""
        return self.link(sort="")

    def command(self, path: str) -> str:
        """The command line that gives the same answer; the session is the reader's own."""
        page = str(self.page) if self.page > 1 else ""
        address = f"{path}{self.link(page=page)}format=json"
        return f'curl --cookie "sessionid=$SESSION" "$MYTHOS{address}"'

    def choices(self) -> dict[str, str]:
        """What links keep, by the name of its parameter; empty where nothing was chosen."""
        return {
            "range": self.span if self.span != "24h" else "",
            "sort": self.order if self.order != "worst" else "",
        }

    def link(self, **changes: str) -> str:
        """The start of a link that keeps every choice but the changed ones."""
        kept = {**self.choices(), **changes}
        query = urlencode({name: value for name, value in kept.items() if value})
        return f"?{query}&" if query else "?"


def select(query: Mapping[str, str]) -> Selection:
    """Read a query string.

    Raises:
        UsageError: a range, order or page that does not exist.
    """
    return Selection(
        span=_span(query.get("range", "24h")),
        order=_order(query.get("sort", "worst")),
        page=_page(query.get("page", "1")),
    )


def _span(given: str) -> Span:
    for span in get_args(Span):
        if span == given:
            return span  # type: ignore[no-any-return]
    raise UsageError(
        f"no range is called {given[:20]!r}", remedy=f"choose one of {', '.join(SPANS)}"
    )


def _order(given: str) -> Order:
    for order in get_args(Order):
        if order == given:
            return order  # type: ignore[no-any-return]
    raise UsageError(f"no order is called {given[:20]!r}", remedy="choose worst or newest")


def _page(given: str) -> int:
    if given.isascii() and given.isdigit() and len(given) <= 6 and 1 <= int(given) <= MAX_PAGE:
        return int(given)
    raise UsageError(
        f"page={given[:20]!r} is no page", remedy=f"give a whole number from 1 to {MAX_PAGE}"
    )
