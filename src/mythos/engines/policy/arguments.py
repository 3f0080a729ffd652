"""Tool arguments as Cedar sees them: a shape from the JSON Schema, and values that fit it.

| JSON Schema                                     | Cedar                                      |
|-------------------------------------------------|--------------------------------------------|
| `string`, or an `enum` of strings               | String                                     |
| `integer`                                       | Long; 64 bits, else it does not fit        |
| `number`                                        | decimal; exact to 4 places, else no fit    |
| `boolean`                                       | Bool                                       |
| `array` of one of these                         | Set: order and repetition are lost         |
| `object` with `properties`                      | record                                     |
| nullable, or not `required`                     | optional attribute; null is absence        |
| anything else (other unions, free-form objects) | left out: rules cannot speak of it         |

Nothing is converted from one type to another: `"5"` is no integer. A value that does not fit, a
missing required argument and an argument the tool does not declare are each a misfit, and a rule
that reads arguments is not decided on a misfit (`decide`). A tool that declares no `properties`
at all, or says `additionalProperties: true`, has none of the last kind.

Source: JSON Schema 2020-12; Cedar schema format; Cedar's decimal has four fractional digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from pydantic import JsonValue

from mythos.values.event import Json

Kind = Literal["String", "Long", "Boolean", "decimal", "Set", "Record"]

MAX_DEPTH = 8
MAX_FIELDS = 1_000  # per tool; a schema that refers to itself would have no end
_LONG = 2**63
_PLACES = 10**4
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
    Cedar cannot say. `open` says that undeclared fields are no misfit.
    """

    kind: Kind
    element: Shape | None = None
    fields: Mapping[str, Shape] | None = None
    hidden: frozenset[str] = frozenset()
    optional: bool = False
    open: bool = False


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


class _Reader:
    """Reads one schema; holds its definitions and how many fields it may still have."""

    def __init__(self, parameters: Mapping[str, JsonValue]) -> None:
        self._left = MAX_FIELDS
        self._defs: dict[str, JsonValue] = {}
        for key in ("$defs", "definitions"):
            named = parameters.get(key)
            if isinstance(named, dict):
                self._defs.update({f"#/{key}/{name}": each for name, each in named.items()})

    def shape(self, schema: JsonValue, path: tuple[str, ...]) -> Shape | None:
        """The shape of a schema at `path`; None for what Cedar cannot say."""
        self._left -= 1
        resolved = self._resolved(schema)
        if resolved is None or len(path) > MAX_DEPTH or self._left < 0:
            return None
        kind = _kind(resolved)
        if kind == "Set":
            element = self.shape(resolved.get("items"), (*path, "[]"))
            return Shape("Set", element=element) if element else None
        if kind == "Record":
            return self._record(resolved, path)
        return Shape(kind) if kind else None

    def _record(self, schema: Mapping[str, JsonValue], path: tuple[str, ...]) -> Shape | None:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return None
        required = schema.get("required")
        needed = set(map(str, required)) if isinstance(required, list) else set()
        fields: dict[str, Shape] = {}
        for name, inner in properties.items():
            shape = None if name in _RESERVED else self.shape(inner, (*path, name))
            if shape:
                optional = name not in needed or self._nullable(inner)
                fields[name] = replace(shape, optional=optional)
        return Shape(
            "Record",
            fields=fields,
            hidden=frozenset(properties) - fields.keys(),
            open=schema.get("additionalProperties", False) is not False,
        )

    def _resolved(self, schema: JsonValue) -> dict[str, JsonValue] | None:
        """Follow `$ref`, and unions with null or of one member, to the schema of the type."""
        for _ in range(MAX_DEPTH):
            if not isinstance(schema, dict):
                return None
            union = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
            if "$ref" in schema:
                schema = self._defs.get(str(schema["$ref"]))
            elif isinstance(union, list):
                members = [each for each in union if each != {"type": "null"}]
                schema = members[0] if len(members) == 1 else None
            else:
                return schema
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


def cedar_arguments(
    shape: Shape, arguments: Mapping[str, Json]
) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """The arguments of one call as Cedar's JSON, and what does not fit.

    Args:
        shape: from `arguments_shape`.
        arguments: what the call carried.

    Returns:
        The record, and one sentence for each misfit; with any misfit the record is incomplete.
    """
    misfits: list[str] = []
    record = _fit_record(shape, arguments, "", misfits)
    return record, tuple(misfits)


def _fit_record(
    shape: Shape, value: Mapping[str, Json], path: str, misfits: list[str]
) -> dict[str, JsonValue]:
    fields = shape.fields or {}
    if not shape.open:
        extra = value.keys() - fields.keys() - shape.hidden
        misfits.extend(f"argument {path}{name} is not declared" for name in sorted(extra))
    record: dict[str, JsonValue] = {}
    for name, inner in fields.items():
        given = value.get(name)
        if given is not None:
            record[name] = _fit(inner, given, f"{path}{name}", misfits)
        elif not inner.optional:
            misfits.append(f"argument {path}{name} is missing")
    return record


def _fit(shape: Shape, value: Json, path: str, misfits: list[str]) -> JsonValue:
    if shape.kind == "String" and isinstance(value, str) and _is_text(value):
        return value
    if shape.kind == "Boolean" and isinstance(value, bool):
        return value
    if shape.kind in {"Long", "decimal"} and isinstance(value, int | float):
        return _fit_number(shape.kind, value, path, misfits)
    if shape.kind == "Set" and shape.element and isinstance(value, list):
        return [_fit(shape.element, each, f"{path}[]", misfits) for each in value]
    if shape.kind == "Record" and isinstance(value, Mapping):
        return _fit_record(shape, value, f"{path}.", misfits)
    misfits.append(f"argument {path} is no {shape.kind}")
    return None


def _is_text(value: str) -> bool:
    """Whether the string has a UTF-8 form: JSON can spell lone surrogates, Cedar cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fit_number(kind: Kind, value: float, path: str, misfits: list[str]) -> JsonValue:
    if isinstance(value, bool):
        misfits.append(f"argument {path} is no {kind}")
        return None
    if not -_LONG <= value < _LONG:
        misfits.append(f"argument {path} does not fit in 64 bits")
        return None
    exact = Decimal(repr(value))
    scaled = exact * (_PLACES if kind == "decimal" else 1)
    if scaled != scaled.to_integral_value():
        misfits.append(f"argument {path} is no exact {kind}")
    elif not -_LONG <= scaled < _LONG:
        misfits.append(f"argument {path} does not fit in 64 bits")
    elif kind == "Long":
        return int(scaled)
    else:
        return {"__extn": {"fn": "decimal", "arg": f"{exact:.4f}"}}
    return None
