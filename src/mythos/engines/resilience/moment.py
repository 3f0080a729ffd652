"""Moments as flags and readings write them: UTC, ISO 8601, whole seconds, ending in Z."""

from __future__ import annotations

from datetime import UTC, datetime

from mythos.errors import EvidenceError


def written(at: datetime) -> str:
    """Write a moment; EvidenceError where it carries no time zone."""
    if at.tzinfo is None:
        raise EvidenceError(
            f"the moment {at.isoformat()} has no time zone", remedy="pass times in UTC"
        )
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def written_unix(at_s: float) -> str:
    """Write Unix seconds."""
    return written(datetime.fromtimestamp(at_s, tz=UTC))


def read(text: str) -> datetime:
    """Read what `written` wrote."""
    return datetime.fromisoformat(text)
