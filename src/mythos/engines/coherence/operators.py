"""Operators that evaluate all of their operands: what they compute, and whether they succeed.

Each takes values that were computed without error. Sums and products that leave 64 bits are
errors; a product of two unknown numbers, and operands of an unexpected type, have no translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from mythos.engines.coherence import numbers, relations
from mythos.engines.coherence.symbols import Number, Truth, UnsupportedError, Value, Word
from mythos.engines.coherence.terms import Bank, Bool, Pattern

Outcome: TypeAlias = "tuple[Value, Bool]"
"""A value, and whether computing it succeeds."""

_COMPARED = {"<": (0, 1, True), "<=": (0, 1, False), ">": (1, 0, True), ">=": (1, 0, False)}
_DECIMALS = {
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
}
METHODS = frozenset({*_DECIMALS, *numbers.UNARY, "offset", "durationSince"})
BINARY = frozenset({"==", "!=", "in", "+", "-", "*", *_COMPARED, *relations.SETS})


def like(bank: Bank, value: Value, pattern: Pattern) -> Outcome:
    """`value like "…"`."""
    if not isinstance(value, Word):
        raise UnsupportedError("`like` on what is no String")
    return Truth(bank.like(value.term, pattern)), True


def unary(bank: Bank, op: str, value: Value) -> Outcome:
    """`!a`, `-a` and `a.isEmpty()`."""
    if op == "!" and isinstance(value, Truth):
        return Truth(bank.not_(value.term)), True
    if op == "neg" and isinstance(value, Number) and value.kind == "Long":
        term = bank.scale(-1, value.term)
        return Number("Long", term), numbers.fits(bank, term)
    if op == "isEmpty":
        return Truth(relations.is_empty(value)), True
    raise UnsupportedError(f"the operator {op!r} here")


def binary(bank: Bank, op: str, one: Value, other: Value) -> Outcome:
    """The operators of `BINARY`."""
    if op in {"==", "!="}:
        same = relations.equal(bank, one, other)
        return Truth(same if op == "==" else bank.not_(same)), True
    if op == "in":
        return Truth(relations.inside(bank, one, other)), True
    if op in relations.SETS:
        return Truth(relations.SETS[op](bank, one, other)), True
    if not (isinstance(one, Number) and isinstance(other, Number)):
        raise UnsupportedError(f"the operator {op!r} here")
    if op in _COMPARED and one.kind == other.kind and one.kind != "decimal":
        return _compared(bank, op, one, other), True
    if one.kind == other.kind == "Long":
        return _arithmetic(bank, op, one, other)
    raise UnsupportedError(f"the operator {op!r} here")


def _compared(bank: Bank, op: str, one: Number, other: Number) -> Truth:
    left, right, strict = _COMPARED[op]
    two = (one.term, other.term)
    if strict:
        return Truth(bank.not_(bank.le(two[right], two[left])))
    return Truth(bank.le(two[left], two[right]))


def _arithmetic(bank: Bank, op: str, one: Number, other: Number) -> Outcome:
    match op:
        case "+":
            term = bank.add(one.term, other.term)
        case "-":
            term = bank.add(one.term, bank.scale(-1, other.term))
        case "*" if isinstance(one.term, int):
            term = bank.scale(one.term, other.term)
        case "*" if isinstance(other.term, int):
            term = bank.scale(other.term, one.term)
        case _:
            raise UnsupportedError(f"the operator {op!r} on two unknown numbers")
    return Number("Long", term), numbers.fits(bank, term)


def method(bank: Bank, op: str, values: Sequence[Value]) -> Outcome:
    """Methods of decimal, datetime and duration."""
    kinds = [each.kind for each in values if isinstance(each, Number)]
    terms = [each.term for each in values if isinstance(each, Number)]
    if op in _DECIMALS and kinds == ["decimal", "decimal"]:
        one, other = (Number("decimal", each) for each in terms)
        return _compared(bank, _DECIMALS[op], one, other), True
    if op == "offset" and kinds == ["datetime", "duration"]:
        term = bank.add(*terms)
        return Number("datetime", term), numbers.fits(bank, term)
    if op == "durationSince" and kinds == ["datetime", "datetime"]:
        term = bank.add(terms[0], bank.scale(-1, terms[1]))
        return Number("duration", term), numbers.fits(bank, term)
    if op in numbers.UNARY and kinds == [numbers.UNARY[op][0]]:
        return numbers.UNARY[op][1](bank, terms[0])
    raise UnsupportedError(f"the method {op!r} here")
