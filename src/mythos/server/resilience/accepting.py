"""What the form of a baseline asks, checked and bounded once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

from django.http import QueryDict

from mythos.errors import UsageError
from mythos.server.resilience.baselines import BaselineOrder, Scope


def order_of(node_id: str, form: QueryDict) -> BaselineOrder:
    """Read the form of a baseline; times are UTC.

    Raises:
        UsageError: a time or the scope cannot be read.
    """
    scope = form.get("scope", "host")
    found = next((each for each in get_args(Scope) if each == scope), None)
    if found is None:
        raise UsageError(
            f"scope={scope[:20]!r} is neither host nor environment",
            remedy="use the form on the page of the host",
        )
    return BaselineOrder(
        node_id=node_id.replace("\x00", "")[:150],
        workflow=form.get("workflow", "").replace("\x00", "")[:71],
        scope=found,
        since=_time(form.get("since", ""), "since"),
        until=_time(form.get("until", ""), "until"),
        why=form.get("why", "").replace("\x00", ""),
    )


def _time(given: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{name}={given[:30]!r} is no time",
            remedy="write it like 2026-11-29T14:00 (UTC)",
        ) from None
