"""What a reader asked to see of policy sets: the query string, checked and bounded once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlencode

from mythos.errors import UsageError

Span = Literal["24h", "7d", "28d"]
Order = Literal["worst", "newest"]
SPANS: dict[Span, int] = {"24h": 86_400, "7d": 7 * 86_400, "28d": 28 * 86_400}
MAX_PAGE = 100_000
_KEY = re.compile(r"[0-9a-f]{12}")
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True)
class Selection:
    """Range, order and page of a list; what one policy set is compared with."""

    span: Span = "24h"
    order: Order = "worst"
    page: int = 1
    against: str = ""
    rule: str = ""
    beside: str = ""

    @property
    def link_for_range(self) -> str:
        """The start of a link that keeps every choice but the range."""
        return self._link(range="")

    @property
    def link_for_page(self) -> str:
        """The start of a link that keeps every choice but the page."""
        return self._link()

    @property
    def link_for_order(self) -> str:
        """The start of a link that keeps every choice but the order."""
        return self._link(sort="")

    @property
    def link_for_against(self) -> str:
        """The start of a link that keeps every choice but what is compared with."""
        return self._link(against="")

    @property
    def link_for_beside(self) -> str:
        """The start of a link that keeps every choice but what coherence is shown with."""
        return self._link(beside="")

    def _link(self, **changes: str) -> str:
        given = {"range": self.span, "sort": self.order, "against": self.against}
        given |= {"beside": self.beside, **changes}
        usual = {"range": "24h", "sort": "worst"}
        kept = {name: value for name, value in given.items() if value != usual.get(name, "")}
        query = urlencode({name: value for name, value in kept.items() if value})
        return f"?{query}&" if query else "?"


def select(query: Mapping[str, str]) -> Selection:
    """Read a query string.

    Raises:
        UsageError: a range, order, page or digest that does not exist.
    """
    return Selection(
        span=_span(query.get("range", "24h")),
        order=_order(query.get("sort", "worst")),
        page=_page(query.get("page", "1")),
        against=_against(query.get("against", "")),
        rule=query.get("rule", "").replace("\x00", "")[:100],
        beside=_beside(query.get("beside", "")),
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


def _against(given: str) -> str:
    if not given or _DIGEST.fullmatch(given):
        return given
    raise UsageError(
        f"against={given[:20]!r} is no digest", remedy="choose one of the versions listed"
    )


def _beside(given: str) -> str:
    if not given or _KEY.fullmatch(given):
        return given
    raise UsageError(
        f"beside={given[:20]!r} names no policy sets", remedy="choose one of the groups listed"
    )
