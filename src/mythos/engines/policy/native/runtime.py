"""What translated rules call: 64-bit numbers, patterns and sets, as Cedar has them."""

from __future__ import annotations

from collections.abc import Callable, Collection

LONG = 2**63


def whole(value: int) -> int:
    """The value.

    Raises:
        OverflowError: it does not fit in 64 bits.
    """
    if -LONG <= value < LONG:
        return value
    raise OverflowError


def like(text: str, parts: tuple[str, ...]) -> bool:
    """Whether a text is these parts, in order, with anything between them.

    Each part is taken where it first occurs, so no text makes it slow.

    Args:
        text: any text.
        parts: what stands between the wildcards of a pattern that has one: two parts or more.
    """
    first, *middle, last = parts
    at, end = len(first), len(text) - len(last)
    if at > end or not text.startswith(first) or not text.endswith(last):
        return False
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def contains_all(one: Collection[object], other: Collection[object]) -> bool:
    """Whether every element of the other set is in this one."""
    return frozenset(one).issuperset(other)


def contains_any(one: Collection[object], other: Collection[object]) -> bool:
    """Whether the sets share an element."""
    return not frozenset(one).isdisjoint(other)


def equal_sets(one: Collection[object], other: Collection[object]) -> bool:
    """Whether the sets have the same elements."""
    return frozenset(one) == frozenset(other)


FUNCTIONS: dict[str, Callable[..., object]] = {
    each.__name__: each for each in (whole, like, contains_all, contains_any, equal_sets)
}
"""By the names under which translated rules call them."""
