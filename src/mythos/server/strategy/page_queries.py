"""Reads of the strategy page: a constant number of queries."""

from __future__ import annotations

from mythos.errors import NotFoundError
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.strategy.models import Recommendation as Stored
from mythos.server.strategy.pages.advice import HistoryRow
from mythos.values.recommendation import Recommendation

MAX_HISTORY = 10


def newest() -> tuple[int, Recommendation] | None:
    """The newest recommendation with its number; None before the first."""
    stored = Stored.objects.first()
    return None if stored is None else (stored.pk, Recommendation.model_validate(stored.document))


def numbered(number: str) -> tuple[int, Recommendation]:
    """One recommendation by its number.

    Raises:
        NotFoundError: there is none of this number.
    """
    known = number.isascii() and number.isdigit() and len(number) <= 18
    stored = Stored.objects.filter(pk=int(number)).first() if known else None
    if stored is None:
        raise NotFoundError(
            f"there is no recommendation {number[:20]!r}",
            remedy="choose one of the list on /deploy/strategy",
        )
    return stored.pk, Recommendation.model_validate(stored.document)


def history() -> tuple[HistoryRow, ...]:
    """The newest recommendations, newest first."""
    rows = Stored.objects.values_list("pk", "bundle", "verdict", "created_at")
    return tuple(HistoryRow(*row) for row in rows[:MAX_HISTORY])


def bundle_name(digest: str) -> str:
    """Name and version of a bundle; empty when it is not known here."""
    found = MythOSDeploymentPacket.objects.filter(digest=digest).first()
    return "" if found is None else str(found)
