"""Symbols: Cedar values of which only the type is known, and the types that say so.

A type is read from Cedar's JSON schema, which `policy.schema` makes from the tool catalogue and
the declared facts, so nothing here knows what a fact or an argument is. Numbers of every kind are
integers: a decimal in ten-thousandths, a datetime in milliseconds since 1970, a duration in
milliseconds. A set is known by its members alone, a record by its attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import JsonValue

from mythos.engines.coherence.terms import Bank, Bool, Int, Term, Text

NUMBERS = frozenset({"Long", "decimal", "datetime", "duration"})
_PLURALS = {"Bool": "Booleans", "Record": "records", "Set": "sets"}
_BY_NAME = {"Boolean": "Bool", "Bool": "Bool", "Long": "Long", "String": "String"}


class UnsupportedError(Exception):
    """A construct that has no exact translation: whatever depends on it is undecided."""


@dataclass(frozen=True, slots=True)
class Type:
    """A Cedar type: `element` of a Set, `fields` of a Record with the names that are required."""

    kind: str
    element: Type | None = None
    fields: Mapping[str, Type] = field(default_factory=dict)
    required: frozenset[str] = frozenset()


def type_of(schema: JsonValue) -> Type:
    """Read a type of Cedar's JSON schema format.

    Returns:
        The type; of kind `unknown` where this version has no translation.
    """
    if not isinstance(schema, dict):
        return Type("unknown")
    name = str(schema.get("name", "") if schema.get("type") == "Extension" else schema.get("type"))
    if name == "Record":
        attributes = schema.get("attributes")
        named = attributes if isinstance(attributes, dict) else {}
        required = {k for k, v in named.items() if isinstance(v, dict) and v.get("required", True)}
        fields = {key: type_of(each) for key, each in named.items()}
        return Type("Record", fields=fields, required=frozenset(required))
    if name == "Set":
        return Type("Set", element=type_of(schema.get("element")))
    return Type(_BY_NAME.get(name, name if name in NUMBERS else "unknown"))


@dataclass(frozen=True, slots=True)
class Truth:
    """A Bool."""

    term: Bool


@dataclass(frozen=True, slots=True)
class Number:
    """A Long, decimal, datetime or duration."""

    kind: str
    term: Int


@dataclass(frozen=True, slots=True)
class Word:
    """A String."""

    term: Text


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a known type; only its id may be a variable."""

    type: str
    id: Text


@dataclass(frozen=True, slots=True)
class Listed:
    """A set written out."""

    elements: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A set of which only the type of its elements is known."""

    name: str
    kind: str
    empty: Term


@dataclass(frozen=True, slots=True)
class Record:
    """A record: for each attribute whether it is there, and its value when asked for."""

    has: Mapping[str, Bool]
    get: Callable[[str], Value]


@dataclass(frozen=True, slots=True)
class Either:
    """`then` where `test` holds, else `other`; two values that no one term can hold."""

    test: Bool
    then: Value
    other: Value


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value whose type has no translation: it may be there, but nothing can be asked of it."""

    why: str


Value: TypeAlias = "Truth | Number | Word | Entity | Listed | Group | Record | Either | Unknown"


@dataclass(slots=True)
class Symbols:
    """Makes values that may be anything of their type; the same path gives the same variables.

    A variable is called by its path; `path?` says whether an optional attribute is there, and
    `path~` whether a set is empty. `numbers` keeps the kind of every integer variable.
    """

    bank: Bank
    numbers: dict[str, str] = field(default_factory=dict)

    def value(self, kind: Type, path: str) -> Value:
        """A value of this type at `path`; parts of it continue the path with a dot."""
        bank = self.bank
        if kind.kind == "Bool":
            return Truth(bank.var("bool", path))
        if kind.kind in NUMBERS:
            self.numbers[path] = kind.kind
            return Number(kind.kind, bank.var("int", path))
        if kind.kind == "String":
            return Word(bank.var("text", path))
        if kind.kind == "Set" and kind.element and kind.element.kind in {*NUMBERS, "String"}:
            return Group(path, kind.element.kind, bank.var("bool", f"{path}~"))
        if kind.kind == "Record":
            return self._record(kind, path)
        members = _PLURALS.get(kind.element.kind) if kind.element else None
        return Unknown(f"a set of {members}" if members else f"a value of type {kind.kind}")

    def _record(self, kind: Type, path: str) -> Record:
        has: dict[str, Bool] = {
            name: True if name in kind.required else self.bank.var("bool", f"{path}.{name}?")
            for name in kind.fields
        }
        return Record(has, lambda name: self.value(kind.fields[name], f"{path}.{name}"))
