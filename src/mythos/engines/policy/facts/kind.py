"""The kind of value a fact has, and values of that kind in Cedar's JSON form.

| form    | kind                                                                      |
|---------|---------------------------------------------------------------------------|
| `once`  | Boolean                                                                   |
| `count` | Long, 0 or more                                                           |
| `sum`   | Long where the field is an integer, decimal where it is a number          |
| `last`  | its `type`, else what the JSON Schema of the field says, else String; the |
|         | attribute is absent until a value is seen                                 |

Cedar adds and compares Longs; decimals can only be compared, so money is best sent in whole cents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_value
from mythos.engines.policy.facts.declared import form_of, path_of, resolved, source_events
from mythos.engines.policy.shape import Kind, Shape, arguments_shape
from mythos.values.event import Json
from mythos.values.policy import Fact, Last, PolicySet
from mythos.values.tools import Tool, ToolCatalogue

FactKind = Literal["Boolean", "Long", "decimal", "String", "datetime"]

_DECLARED: dict[str, FactKind] = {
    "string": "String",
    "integer": "Long",
    "boolean": "Boolean",
    "decimal": "decimal",
    "datetime": "datetime",
}
_SCALAR: dict[Kind, FactKind] = {
    "String": "String",
    "Long": "Long",
    "Boolean": "Boolean",
    "decimal": "decimal",
}
_SHAPES = {kind: Shape(kind) for kind in _SCALAR}
_LONG = 2**63
_PLACES = 10**4


def kind_of(fact: Fact, catalogue: ToolCatalogue) -> FactKind:
    """What kind of value a fact has for the tools of one catalogue."""
    form = form_of(fact)
    if form == "once":
        return "Boolean"
    if form == "count":
        return "Long"
    if isinstance(fact, Last) and fact.type is not None:
        return _DECLARED[fact.type]
    told = field_kinds(fact, catalogue)
    if form == "sum":
        return "decimal" if "decimal" in told.values() else "Long"
    return next((kind for kind in told.values() if kind), "String")


def field_kinds(fact: Fact, catalogue: ToolCatalogue) -> dict[str, FactKind | None]:
    """For each tool a `sum` or `last` reads from: the kind its schema gives the field.

    Returns:
        None for a field that the schema does not tell of, or tells to be no scalar.
    """
    path = path_of(fact)
    events = resolved(source_events(fact), catalogue)
    return {
        tool.name: _SCALAR.get(shape.kind) if (shape := field_shape(tool, path)) else None
        for tool in catalogue.tools
        if tool.name in events
    }


def field_shape(tool: Tool, path: Sequence[str]) -> Shape | None:
    """The shape of `input.a.b` or `output.a.b`; None if the tool's schema does not tell."""
    schema = tool.parameters if path[0] == "input" else tool.output_schema
    if not schema:
        return None
    shape: Shape | None = arguments_shape(schema)
    for name in path[1:]:
        shape = (shape.fields or {}).get(name) if shape else None
    return shape


def kinds_of(policy_set: PolicySet, catalogue: ToolCatalogue) -> dict[str, tuple[FactKind, bool]]:
    """Each fact of a policy set: its kind, and whether its attribute may be absent."""
    return {
        name: (kind_of(fact, catalogue), isinstance(fact, Last))
        for name, fact in policy_set.facts.items()
    }


def cedar_kind(kind: FactKind) -> dict[str, JsonValue]:
    """The kind in Cedar's JSON schema format."""
    if kind in {"decimal", "datetime"}:
        return {"type": "Extension", "name": kind}
    return {"type": kind}


def fact_schema(kinds: Mapping[str, tuple[FactKind, bool]]) -> dict[str, JsonValue]:
    """The record of a policy set's facts: each name with its kind, and whether it may be absent."""
    attributes: dict[str, JsonValue] = {
        name: {**cedar_kind(kind), "required": not optional}
        for name, (kind, optional) in kinds.items()
    }
    return {"type": "Record", "attributes": attributes}


def as_kind(kind: FactKind, value: Json) -> tuple[JsonValue, str]:
    """A value in Cedar's JSON form, or why it is none of that kind. Nothing is converted."""
    if kind == "datetime":
        return _moment(value)
    return cedar_value(_SHAPES[kind], value)


def amount_of(kind: FactKind, value: Json) -> int | None:
    """What a value adds to a sum: whole numbers, or ten-thousandths for a decimal."""
    fitted, misfit = as_kind(kind, value)
    if misfit:
        return None
    if isinstance(fitted, dict):
        return _ten_thousandths(fitted)
    return fitted if isinstance(fitted, int) else None


def sum_value(kind: FactKind, amount: int) -> JsonValue | None:
    """A sum in Cedar's JSON form; None if it does not fit in 64 bits."""
    if not -_LONG <= amount < _LONG:
        return None
    if kind == "Long":
        return amount
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    return _extension("decimal", f"{sign}{size // _PLACES}.{size % _PLACES:04d}")


def cedar_moment(at_ns: int) -> JsonValue:
    """Unix nanoseconds as Cedar's datetime, to the millisecond below."""
    at = datetime.fromtimestamp(at_ns // 10**9, UTC)
    millis = at_ns % 10**9 // 10**6
    return _extension("datetime", f"{at:%Y-%m-%dT%H:%M:%S}.{millis:03d}Z")


def _moment(value: Json) -> tuple[JsonValue, str]:
    """An ISO 8601 text; one without a zone is taken as UTC."""
    if not isinstance(value, str):
        return None, "is no datetime"
    try:
        at = datetime.fromisoformat(value.strip())
        whole = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except ValueError:
        return None, "is no ISO 8601 datetime"
    except OverflowError:
        return None, "is not of the years 1 to 9999"
    day = f"{whole.year:04d}-{whole:%m-%dT%H:%M:%S}"  # %Y pads no year before 1000
    return _extension("datetime", f"{day}.{whole.microsecond // 1000:03d}Z"), ""


def _extension(name: str, argument: str) -> JsonValue:
    return {"__extn": {"fn": name, "arg": argument}}


def _ten_thousandths(fitted: Mapping[str, JsonValue]) -> int:
    inner = fitted["__extn"]
    text = str(inner["arg"]) if isinstance(inner, dict) else "0.0000"
    return int(text.replace(".", ""))


def is_plain(kind: FactKind, value: object) -> bool:
    """Whether a value is certainly of a kind: a Bool, Long or String that Cedar reads as it is."""
    if kind == "Boolean":
        return value is True or value is False
    if kind == "Long":
        return type(value) is int and -_LONG <= value < _LONG
    return kind == "String" and isinstance(value, str) and value.isascii()
