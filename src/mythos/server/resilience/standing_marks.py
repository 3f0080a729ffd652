"""Reads of benign marks: one by its number, and those that stand."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from mythos.engines.resilience import benign
from mythos.errors import NotFoundError
from mythos.server.resilience.models import BenignMark


def mark_of(mark_id: int, *, policy_set: str = "") -> BenignMark:
    """One mark, of any policy set or of this one.

    Raises:
        NotFoundError: there is none.
    """
    wanted = {"policy_set": policy_set} if policy_set else {}
    found = BenignMark.objects.select_related("revocation").filter(pk=mark_id, **wanted).first()
    if found is None:
        raise NotFoundError(
            f"there is no benign mark {mark_id}",
            remedy="choose one that is listed on its policy set's page",
        )
    return found


def standing(*, at: datetime) -> QuerySet[BenignMark]:
    """Marks that have neither expired nor been revoked."""
    return BenignMark.objects.filter(expires_at__gt=at, made_at__lte=at, revocation=None)


def standing_in(environment: str, *, at: datetime) -> tuple[benign.BenignMark, ...]:
    """The marks that stand in an environment, as the engines know them."""
    return tuple(map(_engine_mark, standing(at=at).filter(environment=environment)))


def _engine_mark(mark: BenignMark) -> benign.BenignMark:
    return benign.BenignMark(
        id=str(mark.pk),
        agent=mark.agent,
        policy_set=mark.policy_set,
        rule=mark.rule,
        tool=mark.tool,
        until=mark.expires_at,
        by=mark.made_by,
        why=mark.why,
        arguments=mark.arguments,
    )
