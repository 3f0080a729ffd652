"""What a reader asked to see: the query string, checked and bounded once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlencode

from mythos.errors import UsageError
from mythos.values.reading import WORST_FIRST, State

Span = Literal["10min", "1h", "24h", "30d"]
SPANS: dict[Span, int] = {"10min": 600, "1h": 3_600, "24h": 86_400, "30d": 30 * 86_400}
MAX_PAGE = 100_000
_TERM = re.compile(r"(?:(env|agent|state):)?(\S+)")


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters and choices; an empty string or None asks for nothing in particular."""

    state: State | None = None
    env: str = ""
    agent: str = ""
    host: str = ""
    flag: str = ""
    q: str = ""
    span: Span | None = None
    page: int = 1

    def words(self) -> tuple[str, ...]:
        """The free words of the search, lower-case."""
        return tuple(word.lower() for kind, word in _TERM.findall(self.q) if not kind)

    @property
    def filters(self) -> tuple[tuple[str, str], ...]:
        """What narrows the page, as (name, value)."""
        given = {"state": (self.state or "").lower(), "env": self.env, "agent": self.agent}
        given |= {"host": self.host, "search": " ".join(self.words())}
        return tuple((name, value) for name, value in given.items() if value)

    @property
    def link_for_range(self) -> str:
        """The start of a link that keeps every choice but the range."""
        return self._link(page=None, range=None)

    @property
    def link_for_page(self) -> str:
        """The start of a link that keeps every choice but the page."""
        return self._link(page=None, range=self.span)

    def _link(self, **changes: str | None) -> str:
        kept = {name: getattr(self, name) for name in ("env", "agent", "host", "flag", "q")}
        kept |= {"state": self.state and self.state.lower(), **changes}
        query = urlencode({name: value for name, value in kept.items() if value})
        return f"?{query}&" if query else "?"


def select(query: Mapping[str, str]) -> Selection:
    """Read a query string.

    Raises:
        UsageError: a state, range or page that does not exist.
    """
    terms = {kind: word for kind, word in _TERM.findall(_text(query, "q")) if kind}
    return Selection(
        state=_state(query.get("state", "") or terms.get("state", "")),
        env=_text(query, "env") or terms.get("env", ""),
        agent=_text(query, "agent") or terms.get("agent", ""),
        host=_text(query, "host"),
        flag=_text(query, "flag"),
        q=_text(query, "q"),
        span=_span(query.get("range", "")),
        page=_page(query.get("page", "1")),
    )


def fitting_span(age_s: float) -> Span:
    """The shortest range that holds what there is to see, at most a day unless asked for."""
    return next((span for span in ("10min", "1h") if age_s <= SPANS[span]), "24h")


def _text(query: Mapping[str, str], name: str) -> str:
    return query.get(name, "").replace("\x00", "")[:300]


def _state(given: str) -> State | None:
    if not given:
        return None
    wanted = given.upper().replace("-", "_")
    for state in WORST_FIRST:
        if state == wanted:
            return state
    known = ", ".join(state.lower() for state in WORST_FIRST)
    raise UsageError(f"no state is called {given!r}", remedy=f"choose one of {known}")


def _span(given: str) -> Span | None:
    if not given:
        return None
    for span in get_args(Span):
        if span == given:
            return span  # type: ignore[no-any-return]
    raise UsageError(f"no range is called {given!r}", remedy=f"choose one of {', '.join(SPANS)}")


def _page(given: str) -> int:
    if given.isascii() and given.isdigit() and len(given) <= 6 and 1 <= int(given) <= MAX_PAGE:
        return int(given)
    raise UsageError(
        f"page={given[:20]!r} is no page", remedy=f"give a whole number from 1 to {MAX_PAGE}"
    )
