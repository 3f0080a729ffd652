"""The four origins a value may have."""

from __future__ import annotations

from enum import StrEnum


class Origin(StrEnum):
    """Where the value of a sink argument was seen before the call, best first."""

    USER = "user"
    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    UNTRUSTED = "untrusted"


ANY_ORIGIN = frozenset(Origin)
