"""What an operator did, as one entry of the control plane's own log.

Its canonical bytes are a leaf of the log's Merkle tree, like an entry of a memory log. It names
people, and states reasons in their words: unlike a memory, it is meant to be read.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mythos.values.base import Count, Value
from mythos.values.digest import canonical_bytes
from mythos.values.memory import UnixMilliseconds

ActionName = Literal[
    "baseline.accept",
    "baseline.withdraw",
    "bundle.sign",
    "fleet.take_in",
    "log.restart",
    "mark.make",
    "mark.revoke",
    "memory.accept",
    "memory.withdraw",
    "node.admit",
    "node.invite",
    "rollout.start",
    "user.add",
    "user.role",
]


class OperatorAction(Value):
    """One action: who did what to what, when and why.

    `seq` is the leaf index; `ts` is Unix time in **milliseconds**; `by` is a user's name, or
    `shell` for a command on the control plane itself; `details` are the values that matter, as
    text.
    """

    v: Literal[1] = 1
    seq: Count
    ts: UnixMilliseconds
    by: Annotated[str, Field(min_length=1, max_length=150)]
    action: ActionName
    subject: Annotated[str, Field(max_length=300)]
    why: Annotated[str, Field(max_length=500)] = ""
    details: dict[str, Annotated[str, Field(max_length=2_000)]] = Field(default_factory=dict)

    def canonical(self) -> bytes:
        """Return the RFC 8785 bytes that the log's tree hashes."""
        return canonical_bytes(self.model_dump())
