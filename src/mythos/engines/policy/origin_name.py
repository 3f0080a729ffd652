"""The four origins a value may have, and which values have any."""

from __future__ import annotations

from enum import StrEnum

from mythos.values.event import Json


class Origin(StrEnum):
    """Where the value of a sink argument was seen before the call, best first."""

    USER = "user"
    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    UNTRUSTED = "untrusted"


ANY_ORIGIN = frozenset(Origin)
STRANGE = (Origin.UNKNOWN, Origin.UNTRUSTED)
"""Origins that charge; an undeclared argument of a consequential tool counts with these alone."""
BLANK = ("", " ")
"""Texts without an origin."""


def has_origin(value: Json) -> bool:
    """Whether a value holds anything to send: not null, an empty list, nor a blank text.

    Blank are the empty text and one space, as proofs have it: they could not speak of all the
    white space there is, so what the rest comes from is left open.
    """
    return value is not None and value != [] and value not in BLANK
