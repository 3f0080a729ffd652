"""An operator's word, given on the control plane, that a memory on a host is right as it is.

It says what the operator saw: which key, what was wrong with it, the log's last word on it and the
hash of what is there. The host carries it out only while all of that still holds, so an order that
comes late, twice or from a copy changes nothing else.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mythos.values.base import Count, Value
from mythos.values.memory import MAX_KEY_CHARS, BadClass, Origin, ShownHash, UnixMilliseconds

OrderId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
MAX_ORDERS = 100
"""Orders that wait for one host at a time."""


class AcceptOrder(Value):
    """One order. `seq` and `found` are as in `Offender`; `by` and `why` go into the log."""

    id: OrderId
    origin: Origin
    key: Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARS)]
    kind: BadClass
    seq: Count | None
    found: ShownHash | None
    by: Annotated[str, Field(min_length=1, max_length=150)]
    why: Annotated[str, Field(min_length=1, max_length=200)]
    ts: UnixMilliseconds


class OrderAnswer(Value):
    """What a host did with an order: the number of its entry, or why there is none."""

    id: OrderId
    outcome: Literal["accepted", "refused"]
    seq: Count | None = None
    why: Annotated[str, Field(max_length=500)] = ""
