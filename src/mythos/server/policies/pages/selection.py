"""What a reader asked to see of policy sets: what one is compared with, beside range and page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mythos.errors import UsageError
from mythos.server.documents.selection import Selection, select

_KEY = re.compile(r"[0-9a-f]{12}")
_DIGEST = re.compile(r"(?:sha256:)?[0-9a-f]{6,64}")


@dataclass(frozen=True, slots=True)
class PolicySelection(Selection):
    """Range, order and page; what one policy set is compared with."""

    against: str = ""
    rule: str = ""
    beside: str = ""

    @property
    def link_for_against(self) -> str:
        """The start of a link that keeps every choice but what is compared with."""
        return self.link(against="")

    @property
    def link_for_beside(self) -> str:
        """The start of a link that keeps every choice but what coherence is shown with."""
        return self.link(beside="")

    def choices(self) -> dict[str, str]:
        """What links keep, by the name of its parameter; empty where nothing was chosen."""
        return {**Selection.choices(self), "against": self.against, "beside": self.beside}


def select_policies(query: Mapping[str, str]) -> PolicySelection:
    """Read a query string.

    Raises:
        UsageError: a range, order, page or digest that does not exist.
    """
    chosen = select(query)
    return PolicySelection(
        span=chosen.span,
        order=chosen.order,
        page=chosen.page,
        against=_against(query.get("against", "")),
        rule=query.get("rule", "").replace("\x00", "")[:100],
        beside=_beside(query.get("beside", "")),
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
