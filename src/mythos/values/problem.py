"""What every machine is answered when something is refused: one shape, always with a remedy."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from mythos.values.base import Value

REFUSALS: Final = frozenset({401, 404, 422})
"""Statuses a read is refused with: not signed in, nothing there, a parameter out of bounds."""
CHANGE_REFUSALS: Final = REFUSALS | {400, 403, 409}
"""Statuses a change is refused with besides: what is no order, not by you, not as it is now."""


class ProblemDetail(Value):
    """What was seen, what to do now, and where (`file:line:column` or a parameter; may be "")."""

    type: str = Field(description="Name of the error's family.")
    message: str
    remedy: str
    where: str = ""


class Problem(Value):
    """The body of every refused request."""

    error: ProblemDetail
