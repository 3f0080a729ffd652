"""Shapes: the Cedar type of a tool's arguments, read from its JSON Schema.

| JSON Schema                                     | Cedar                                      |
|-------------------------------------------------|--------------------------------------------|
| `string`, or an `enum` of strings               | String                                     |
| `integer`                                       | Long                                       |
| `number`                                        | decimal                                    |
| `boolean`                                       | Bool                                       |
| `array` of one of these                         | Set: order and repetition are lost         |
| `object` with `properties`                      | record                                     |
| nullable, or not `required`                     | optional attribute; null is absence        |
| `minimum`, `maximum` of a number, and the       | kept beside it, for the gate and proofs    |
| exclusive ones; `enum`, sizes (see `limits`)    |                                            |
| anything else (other unions, free-form objects) | left out: rules cannot speak of it         |

Source: JSON Schema 2020-12; Cedar JSON schema format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Literal

from pydantic import JsonValue

from mythos.engines.policy.limits import (
    NO_LIMITS,
    UNHELD,
    UNHELD_ANYWHERE,
    Limits,
    limits_of,
)

Kind = Literal["String", "Long", "Boolean", "decimal", "Set", "Record"]

LEAST, MOST = -(2**63), 2**63 - 1
MAX_DEPTH = 8
MAX_FIELDS = 1_000  # per tool; a schema that refers to itself would have no end
_RESERVED = frozenset({"__entity", "__extn", "__expr"})  # Cedar's JSON escapes
_BY_TYPE: dict[str, Kind] = {
    "string": "String",
    "integer": "Long",
    "number": "decimal",
    "boolean": "Boolean",
    "array": "Set",
    "object": "Record",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The Cedar type of a value: `element` of a Set, `fields` of a Record.

    `optional` says that a Record's attribute may be absent. `hidden` names declared fields that
    Cedar cannot say. `open` says that undeclared fields are no misfit. `least` and `most` bound a
    number, both included; `limits` are what its schema says beyond.
    """

    kind: Kind
    element: Shape | None = None
    fields: Mapping[str, Shape] | None = None
    hidden: frozenset[str] = frozenset()
    optional: bool = False
    open: bool = False
    least: float | None = None
    most: float | None = None
    limits: Limits = NO_LIMITS


def arguments_shape(parameters: Mapping[str, JsonValue]) -> Shape:
    """The record shape of a tool's arguments.

    Args:
        parameters: the tool's JSON Schema; may be empty.

    Returns:
        A Record shape, without fields if the schema declares none.
    """
    shape = _Reader(parameters).shape(dict(parameters), ())
    if shape is None or shape.kind != "Record":
        return Shape("Record", fields={}, open=True)
    return shape


def unheld_keywords(parameters: Mapping[str, JsonValue]) -> dict[str, tuple[str, ...]]:
    """What a tool's JSON Schema asks of arguments and no call is held to.

    Returns:
        By keyword the paths of the arguments, empty for all of them together; `type` where it is a
        type that rules cannot speak of, so that any value will do.
    """
    reader = _Reader(parameters)
    reader.shape(dict(parameters), ())
    return {key: tuple(dict.fromkeys(paths)) for key, paths in sorted(reader.unheld.items())}


class _Reader:
    """Reads one schema; holds its definitions and how many fields it may still have."""

    def __init__(self, parameters: Mapping[str, JsonValue]) -> None:
        self.unheld: dict[str, list[str]] = {}
        self._left = MAX_FIELDS
        self._defs: dict[str, JsonValue] = {}
        for key in ("$defs", "definitions"):
            named = parameters.get(key)
            if isinstance(named, dict):
                self._defs.update({f"#/{key}/{name}": each for name, each in named.items()})

    def shape(self, schema: JsonValue, path: tuple[str, ...]) -> Shape | None:
        """The shape of a schema at `path`; None for what Cedar cannot say."""
        self._left -= 1
        chain = self._resolved(schema)
        if chain is None or len(path) > MAX_DEPTH or self._left < 0:
            return None
        resolved = chain[-1]
        kind = _kind(resolved)
        if kind is None:
            return None
        limits = limits_of(chain, kind)
        self._note_unheld(chain, kind, path)
        if kind == "Set":
            element = self.shape(resolved.get("items"), (*path, "[]"))
            return Shape("Set", element=element, limits=limits) if element else None
        if kind == "Record":
            return self._record(resolved, path)
        if kind in {"Long", "decimal"}:
            low = max((b for s in chain if (b := _least(s, kind)) is not None), default=None)
            high = min((b for s in chain if (b := _most(s, kind)) is not None), default=None)
            return Shape(kind, least=low, most=high, limits=limits)
        return Shape(kind, limits=limits)

    def _record(self, schema: Mapping[str, JsonValue], path: tuple[str, ...]) -> Shape | None:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return None
        required = schema.get("required")
        needed = set(map(str, required)) if isinstance(required, list) else set()
        fields: dict[str, Shape] = {}
        for name, inner in properties.items():
            shape = None if name in _RESERVED else self.shape(inner, (*path, name))
            if shape is None:
                self._note("type", (*path, name))
            else:
                optional = name not in needed or self._nullable(inner)
                fields[name] = replace(shape, optional=optional)
        return Shape(
            "Record",
            fields=fields,
            hidden=frozenset(properties) - fields.keys(),
            open=schema.get("additionalProperties", False) is not False,
        )

    def _note_unheld(
        self, chain: Sequence[Mapping[str, JsonValue]], kind: Kind, path: tuple[str, ...]
    ) -> None:
        for keyword in UNHELD.get(kind, frozenset()) | UNHELD_ANYWHERE:
            if any(keyword in each for each in chain):
                self._note(keyword, path)
        if kind == "Record" and isinstance(chain[-1].get("additionalProperties"), dict):
            self._note("additionalProperties", path)

    def _note(self, keyword: str, path: tuple[str, ...]) -> None:
        self.unheld.setdefault(keyword, []).append(".".join(path).replace(".[]", "[]"))

    def _resolved(self, schema: JsonValue) -> list[dict[str, JsonValue]] | None:
        """Follow `$ref`, and unions with null or of one member, to the schema of the type.

        Returns:
            All the schemas on the way: each may limit the value.
        """
        chain: list[dict[str, JsonValue]] = []
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, dict):
                return None
            chain.append(schema)
            union = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
            if "$ref" in schema:
                schema = self._defs.get(str(schema["$ref"]))
            elif isinstance(union, list):
                members = [each for each in union if each != {"type": "null"}]
                schema = members[0] if len(members) == 1 else None
            else:
                return chain
        return None

    def _nullable(self, schema: JsonValue) -> bool:
        if isinstance(schema, dict) and "$ref" in schema:
            schema = self._defs.get(str(schema["$ref"]))
        if not isinstance(schema, dict):
            return False
        declared = schema.get("type")
        union = schema.get("anyOf") or schema.get("oneOf")
        return (isinstance(declared, list) and "null" in declared) or (
            isinstance(union, list) and {"type": "null"} in union
        )


def _kind(schema: Mapping[str, JsonValue]) -> Kind | None:
    declared = schema.get("type")
    if isinstance(declared, list):
        several = [each for each in declared if each != "null"]
        declared = several[0] if len(several) == 1 else None
    if isinstance(declared, str):
        return _BY_TYPE.get(declared)
    values = schema.get("enum", [schema.get("const")])
    if isinstance(values, list) and values and all(isinstance(each, str) for each in values):
        return "String"
    return "Record" if isinstance(schema.get("properties"), dict) else None


def _least(schema: Mapping[str, JsonValue], kind: Kind) -> float | None:
    """The least value that both `minimum` and `exclusiveMinimum` allow."""
    beyond = _bound(schema, "exclusiveMinimum")
    above = None if beyond is None else _next(beyond, kind)
    given = [each for each in (_bound(schema, "minimum"), above) if each is not None]
    return max(given, default=None)


def _most(schema: Mapping[str, JsonValue], kind: Kind) -> float | None:
    """The greatest value that both `maximum` and `exclusiveMaximum` allow."""
    beyond = _bound(schema, "exclusiveMaximum")
    below = None if beyond is None else -_next(-beyond, kind)
    given = [each for each in (_bound(schema, "maximum"), below) if each is not None]
    return min(given, default=None)


def _next(value: float, kind: Kind) -> float:
    """The least value above another: the next integer, or four places further."""
    return floor(value) + 1 if kind == "Long" else round(floor(value * 10_000 + 1) / 10_000, 4)


def _bound(schema: Mapping[str, JsonValue], key: str) -> float | None:
    """A bound as the schema gives it: an integer stays one."""
    value = schema.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def range_of(shape: Shape, unit: int) -> tuple[int, int]:
    """The least and greatest value of a number, in parts of which `unit` are one; 64 bits."""
    low = LEAST if shape.least is None else ceil(Fraction(repr(shape.least)) * unit)
    high = MOST if shape.most is None else floor(Fraction(repr(shape.most)) * unit)
    return max(low, LEAST), min(high, MOST)


def cedar_type(shape: Shape) -> dict[str, JsonValue]:
    """The shape in Cedar's JSON schema format."""
    if shape.kind == "decimal":
        return {"type": "Extension", "name": "decimal"}
    if shape.kind == "Set" and shape.element:
        return {"type": "Set", "element": cedar_type(shape.element)}
    if shape.kind == "Record":
        attributes: dict[str, JsonValue] = {
            name: {**cedar_type(inner), "required": not inner.optional}
            for name, inner in (shape.fields or {}).items()
        }
        return {"type": "Record", "attributes": attributes}
    return {"type": shape.kind}
