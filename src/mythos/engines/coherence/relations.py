"""Relations between Cedar values: equality, membership, hierarchy and patterns, as terms.

A request of MythOS carries no entity store, so an entity is `in` another only if it is that one.
Questions that need to know all members of a set of which only the type is known have no exact
translation here and raise `UnsupportedError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mythos.engines.coherence.symbols import (
    Either,
    Entity,
    Group,
    Listed,
    Number,
    Record,
    Truth,
    Unknown,
    UnsupportedError,
    Value,
    Word,
)
from mythos.engines.coherence.terms import Bank, Bool, Pattern


def equal(bank: Bank, one: Value, other: Value) -> Bool:  # noqa: C901, PLR0911 - a line a kind
    """Whether `one == other`; values of different types are unequal, which is no error."""
    for left, right in ((one, other), (other, one)):
        if isinstance(left, Either):
            then, otherwise = equal(bank, left.then, right), equal(bank, left.other, right)
            return bank.choose(left.test, then, otherwise)
        if isinstance(left, Unknown):
            raise UnsupportedError(left.why)
    match one, other:
        case Truth(a), Truth(b):
            return bank.iff(a, b)
        case Number(kind, a), Number(same, b):
            return bank.equal(a, b) if kind == same else False
        case Word(a), Word(b):
            return bank.same(a, b)
        case Entity(kind, a), Entity(same, b):
            return bank.same(a, b) if kind == same else False
        case Record(), Record():
            return _equal_records(bank, one, other)
        case Listed(), Listed():
            return bank.and_(contains_all(bank, one, other), contains_all(bank, other, one))
        case (Group() | Listed(), Group() | Listed()):
            return _equal_sets(one, other)
    return False


def _equal_records(bank: Bank, one: Record, other: Record) -> Bool:
    parts: list[Bool] = []
    for name in sorted({*one.has, *other.has}):
        here, there = one.has.get(name, False), other.has.get(name, False)
        parts.append(bank.iff(here, there))
        both = bank.and_(here, there)
        if both is not False:
            parts.append(bank.implies(both, equal(bank, one.get(name), other.get(name))))
    return bank.and_(*parts)


def _equal_sets(one: Value, other: Value) -> Bool:
    for left, right in ((one, other), (other, one)):
        if isinstance(left, Listed) and not left.elements:
            return is_empty(right)
    if isinstance(one, Group) and isinstance(other, Group) and one.name == other.name:
        return True
    raise UnsupportedError("`==` with a set of which not every member is known")


def inside(bank: Bank, one: Value, other: Value) -> Bool:
    """Whether the entity `one` is `in` an entity or a set of entities."""
    if isinstance(other, Listed):
        return bank.or_(*(inside(bank, one, each) for each in other.elements))
    if isinstance(one, Entity) and isinstance(other, Entity):
        return equal(bank, one, other)
    raise UnsupportedError("`in` between what are no entities")


def contains(bank: Bank, one: Value, element: Value) -> Bool:
    """Whether a set contains a value."""
    if isinstance(one, Listed):
        return bank.or_(*(equal(bank, each, element) for each in one.elements))
    if not isinstance(one, Group):
        raise _not_known(one, "contains")
    if isinstance(element, Word) and one.kind == "String":
        return bank.and_(bank.not_(one.empty), bank.member(one.name, element.term))
    if isinstance(element, Number):
        if element.kind != one.kind:
            return False
        return bank.and_(bank.not_(one.empty), bank.member(one.name, element.term))
    if isinstance(element, Either):
        then = contains(bank, one, element.then)
        return bank.choose(element.test, then, contains(bank, one, element.other))
    if isinstance(element, Unknown):
        raise UnsupportedError(element.why)
    return False


def contains_all(bank: Bank, one: Value, other: Value) -> Bool:
    """Whether a set contains every member of another that is written out."""
    if isinstance(other, Listed):
        return bank.and_(*(contains(bank, one, each) for each in other.elements))
    if isinstance(one, Group) and isinstance(other, Group) and one.name == other.name:
        return True
    raise UnsupportedError("`containsAll` of a set of which not every member is known")


def contains_any(bank: Bank, one: Value, other: Value) -> Bool:
    """Whether two sets, one of them written out, share a member."""
    for left, right in ((one, other), (other, one)):
        if isinstance(right, Listed):
            return bank.or_(*(contains(bank, left, each) for each in right.elements))
    if isinstance(one, Group) and isinstance(other, Group) and one.name == other.name:
        return bank.not_(one.empty)
    raise UnsupportedError("`containsAny` of two sets of which not every member is known")


def is_empty(value: Value) -> Bool:
    """Whether a set has no member."""
    if isinstance(value, Listed):
        return not value.elements
    if isinstance(value, Group):
        return value.empty
    raise _not_known(value, "isEmpty")


def _not_known(value: Value, asked: str) -> UnsupportedError:
    """Why a set cannot be asked."""
    if isinstance(value, Unknown):
        return UnsupportedError(value.why)
    chosen = isinstance(value, Either)
    return UnsupportedError(f"`{asked}` on {'sets that `if` chooses' if chosen else 'no set'}")


SETS: dict[str, Callable[[Bank, Value, Value], Bool]] = {
    "contains": contains,
    "containsAll": contains_all,
    "containsAny": contains_any,
}


def pattern_of(parts: object) -> Pattern:
    """The pattern of a `like`, adjacent literals joined, runs of `*` made one."""
    found: list[str | None] = []
    for part in parts if isinstance(parts, list) else [None]:
        if part == "Wildcard":
            if not found or found[-1] is not None:
                found.append(None)
        elif isinstance(part, Mapping) and isinstance(part.get("Literal"), str):
            if found and found[-1] is not None:
                found[-1] += part["Literal"]
            else:
                found.append(part["Literal"])
        else:
            raise UnsupportedError("a pattern of an unknown form")
    return tuple(found)
