"""Limits: what a JSON Schema says of a value beyond its type and bounds, and whether it is so.

| keyword                  | of                               | is held as                   |
|--------------------------|----------------------------------|------------------------------|
| `enum`, `const`          | a String, Long, decimal, Boolean | one of the values that fit   |
| `minLength`, `maxLength` | a String                         | its size, in code points     |
| `minItems`, `maxItems`   | a Set                            | its size, with repetitions   |
| `uniqueItems`            | a Set                            | no two equal elements        |
| `multipleOf`             | a Long, decimal                  | exactly, in decimal          |

Where keywords are given twice (beside a `$ref`, say) all of them hold.

Source: JSON Schema 2020-12.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import TypeAlias, TypeGuard

import orjson
from pydantic import JsonValue

Scalar: TypeAlias = "str | int | float | bool"
HELD: Mapping[str, frozenset[str]] = {
    "String": frozenset({"enum", "const", "minLength", "maxLength"}),
    "Long": frozenset({"enum", "const", "multipleOf"}),
    "decimal": frozenset({"enum", "const", "multipleOf"}),
    "Boolean": frozenset({"enum", "const"}),
    "Set": frozenset({"minItems", "maxItems", "uniqueItems"}),
}
"""Keywords that are held, by the kind of value."""
UNHELD: Mapping[str, frozenset[str]] = {
    "String": frozenset({"pattern"}),
    "Set": frozenset({"enum", "const", "contains", "minContains", "maxContains", "prefixItems"}),
    "Record": frozenset(
        {
            "enum",
            "const",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
            "dependentRequired",
            "dependentSchemas",
        }
    ),
}
"""Keywords that speak of such a value and that no call is held to."""
UNHELD_ANYWHERE = frozenset({"if", "not"})
_SIZES = {"String": ("minLength", "maxLength"), "Set": ("minItems", "maxItems")}


@dataclass(frozen=True, slots=True)
class Limits:
    """`allowed` None is any value; `longest` None is any size; `steps` divide a number."""

    allowed: tuple[Scalar, ...] | None = None
    shortest: int = 0
    longest: int | None = None
    unique: bool = False
    steps: tuple[Fraction, ...] = ()

    def objection(self, value: JsonValue) -> str:
        """Why a value of the right type is not one of these; empty if it is.

        Args:
            value: a string, number or boolean as it was sent, or a list as Cedar's JSON.
        """
        if self.allowed is not None and not any(_equal(value, each) for each in self.allowed):
            return "is none of its declared values"
        if isinstance(value, str | list):
            return self._of_size(value)
        if self.steps and isinstance(value, int | float):
            exact = exact_number(value)
            if any(exact % step for step in self.steps):
                return f"is no multiple of {self.steps[0]}"
        return ""

    def _of_size(self, value: str | list[JsonValue]) -> str:
        unit = "characters" if isinstance(value, str) else "items"
        if len(value) < self.shortest:
            return f"has fewer than {self.shortest} {unit}"
        if self.longest is not None and len(value) > self.longest:
            return f"has more than {self.longest} {unit}"
        if self.unique and isinstance(value, list) and repeats(value):
            return "has an item twice"
        return ""


NO_LIMITS = Limits()


def limits_of(schemas: Sequence[Mapping[str, JsonValue]], kind: str) -> Limits:
    """The limits that schemas together set a value of this kind."""
    held = HELD.get(kind, frozenset())
    given = [{key: each[key] for key in each.keys() & held} for each in schemas]
    if not any(given):
        return NO_LIMITS
    least, most = _SIZES.get(kind, ("", ""))
    return Limits(
        allowed=_allowed(given, kind),
        shortest=max(_sizes(given, least), default=0),
        longest=min(_sizes(given, most), default=None),
        unique=any(each.get("uniqueItems") is True for each in given),
        steps=tuple(_steps(given)),
    )


def exact_number(value: float) -> Fraction:
    """The number that is written, not the one that a float comes near to."""
    return Fraction(Decimal(repr(value)))


def repeats(items: Iterable[JsonValue]) -> bool:
    """Whether two items are equal: a sender may spell an object in any order."""
    written = [orjson.dumps(each, option=orjson.OPT_SORT_KEYS) for each in items]
    return len(set(written)) < len(written)


def _allowed(given: Iterable[Mapping[str, JsonValue]], kind: str) -> tuple[Scalar, ...] | None:
    found: tuple[Scalar, ...] | None = None
    for schema in given:
        several = schema.get("enum")
        lists = [several] if isinstance(several, list) else []
        lists += [[schema["const"]]] if "const" in schema else []
        for values in lists:
            fitting = tuple(each for each in values if _is_a(each, kind))
            found = fitting if found is None else tuple(v for v in found if v in fitting)
    return found


def _steps(given: Iterable[Mapping[str, JsonValue]]) -> Iterator[Fraction]:
    for each in given:
        step = each.get("multipleOf")
        if _is_a(step, "decimal") and not isinstance(step, str) and step > 0:
            yield exact_number(step)


def _is_a(value: JsonValue, kind: str) -> TypeGuard[Scalar]:
    if kind == "String":
        return isinstance(value, str)
    if kind == "Boolean" or isinstance(value, bool):
        return kind == "Boolean" and isinstance(value, bool)
    return isinstance(value, int) or (isinstance(value, float) and isfinite(value))


def _equal(value: JsonValue, other: JsonValue) -> bool:
    return isinstance(value, bool) is isinstance(other, bool) and value == other


def _sizes(given: Iterable[Mapping[str, JsonValue]], key: str) -> list[int]:
    sizes = (each.get(key) for each in given)
    return [size for size in sizes if isinstance(size, int) and not isinstance(size, bool)]
