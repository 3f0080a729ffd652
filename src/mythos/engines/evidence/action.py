"""Calls of one tool that a policy set governs, and how many of them were denied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import JsonValue

from mythos.engines.evidence.body import JsonObject, count, members, refused


@dataclass(frozen=True, slots=True)
class ActionBody:
    """`x` of `n` governed calls were violated or blocked for any set in force."""

    n: int = 0
    x: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.x <= self.n:
            raise refused("action x", self.x, f"a whole number from 0 to n={self.n}")

    def __add__(self, other: Self) -> ActionBody:
        """Merge two disjoint counts."""
        return ActionBody(self.n + other.n, self.x + other.x)

    def to_json(self) -> JsonObject:
        """Write `{n, x}`."""
        return {"n": self.n, "x": self.x}

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> ActionBody:
        """Read `{n, x}`; EvidenceError where it is anything else."""
        found = members(value, ("n", "x"), where="action")
        return cls(count(found["n"], where="action n"), count(found["x"], where="action x"))
