"""What every kind of evidence body can do: be added, written as JSON and read back.

Law: `+` is commutative and associative, the class called without arguments is its identity, and
`from_json(to_json(body)) == body`. Reading is strict: an unknown, missing or impossible member is
an EvidenceError, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, Self, TypeAlias

from pydantic import JsonValue

from mythos.errors import EvidenceError

JsonObject: TypeAlias = dict[str, JsonValue]

MAX_COUNT = 2**53
_REMEDY = "send the body as the schema mythos.evidence/1 states it, or resend the spans"


class Body(Protocol):
    """A commutative monoid with a strict JSON form."""

    def __add__(self, other: Self, /) -> Self:
        """Merge disjoint evidence."""

    def to_json(self) -> JsonObject:
        """Write every member."""

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue], /) -> Self:
        """Read every member, strictly."""


def refused(where: str, seen: object, expected: str) -> EvidenceError:
    """Say that `where` holds `seen` where `expected` was due."""
    shown = repr(seen)
    short = shown if len(shown) <= 200 else shown[:197] + "..."
    return EvidenceError(f"{where} is {short}, expected {expected}", remedy=_REMEDY)


def members(value: object, names: tuple[str, ...], *, where: str) -> Mapping[str, JsonValue]:
    """Return `value` as an object that has exactly the members `names`."""
    found = mapping(value, where=where)
    if set(found) != set(names):
        raise refused(f"{where} members", sorted(found), f"exactly {', '.join(sorted(names))}")
    return found


def mapping(value: object, *, where: str) -> Mapping[str, JsonValue]:
    """Return `value` as an object with any members."""
    if not isinstance(value, Mapping):
        raise refused(where, value, "an object")
    return value


def items(value: object, *, where: str, at_most: int) -> list[JsonValue]:
    """Return `value` as an array of at most `at_most` items."""
    if not isinstance(value, list) or len(value) > at_most:
        raise refused(where, value, f"an array of at most {at_most} items")
    return value


def count(value: object, *, where: str, at_most: int = MAX_COUNT) -> int:
    """Return `value` as a whole number from 0 to `at_most`; true and false are no numbers."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= at_most:
        raise refused(where, value, f"a whole number from 0 to {at_most}")
    return value


def flag(value: object, *, where: str) -> bool:
    """Return `value` as true or false."""
    if not isinstance(value, bool):
        raise refused(where, value, "true or false")
    return value


def text(value: object, *, where: str, at_most: int = 10_000) -> str:
    """Return `value` as a string of at most `at_most` characters."""
    if not isinstance(value, str) or len(value) > at_most:
        raise refused(where, value, f"a string of at most {at_most} characters")
    return value


def texts(value: object, *, where: str, at_most: int = 1_000) -> tuple[str, ...]:
    """Return `value` as an array of strings."""
    return tuple(
        text(item, where=f"{where}[]") for item in items(value, where=where, at_most=at_most)
    )
