"""Moments as flags and readings write them: UTC, ISO 8601, whole seconds, ending in Z."""

from __future__ import annotations

from datetime import UTC, datetime

from mythos.errors import EvidenceError
from mythos.values.evidence import LAST_SECOND


def written(at: datetime) -> str:
    """Write a moment; EvidenceError where it carries no time zone."""
    if at.tzinfo is None:
        raise EvidenceError(
            f"the moment {at.isoformat()} has no time zone", remedy="pass times in UTC"
        )
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def moment_of(at_s: float) -> datetime:
    """Unix seconds as a moment in UTC; what no date can say is the first or the last that one can.

    Evidence that an older version stored may hold any number.
    """
    return datetime.fromtimestamp(min(max(at_s, 0), LAST_SECOND), UTC)


def written_unix(at_s: float) -> str:
    """Write Unix seconds."""
    return written(moment_of(at_s))


def read(text: str) -> datetime:
    """Read what `written` wrote."""
    return datetime.fromisoformat(text)
