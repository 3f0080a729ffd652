"""Numbers as documents hold them: one that readers of JSON may round is written as text.

JSON readers agree about integers up to 2^53 − 1, and documents are signed as JSON; Cedar's have 64
bits. A decimal of Cedar is a number where a float spells it, else text. So each value has a form,
and what was written is read back as the same value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from pydantic import JsonValue

from mythos.engines.policy.facts.kind import FactKind, as_kind, sum_value
from mythos.engines.policy.shape import Shape
from mythos.values.event import Json

MOST_EXACT = 2**53 - 1
_LARGE = re.compile(r"-?[1-9][0-9]{15,18}", re.ASCII)
_DECIMAL = re.compile(r"(-?[0-9]{1,15})\.([0-9]{1,4})", re.ASCII)


def documented(value: JsonValue) -> JsonValue:
    """A value as a document holds it; Cedar's decimals and times may be among its parts."""
    if isinstance(value, Mapping):
        extension = value.get("__extn")
        if isinstance(extension, Mapping):
            text = str(extension["arg"])
            return _decimal(text) if extension["fn"] == "decimal" else text
        return {name: documented(each) for name, each in value.items()}
    if isinstance(value, list):
        return [documented(each) for each in value]
    large = isinstance(value, int) and abs(value) > MOST_EXACT
    return str(value) if large else value


def _decimal(text: str) -> JsonValue:
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else text


def meant_arguments(shape: Shape, arguments: Mapping[str, Json]) -> dict[str, Json]:
    """The arguments that a document holds, as they are sent: large integers are numbers again.

    Args:
        shape: from `arguments_shape`.
        arguments: as the document has them.
    """
    fields = shape.fields or {}
    return {
        name: _meant(fields[name], each) if name in fields else each
        for name, each in arguments.items()
    }


def _meant(shape: Shape, value: Json) -> Json:
    if shape.kind == "Long":
        return _integer(value)
    if shape.kind == "Set" and shape.element and isinstance(value, list):
        return [_meant(shape.element, each) for each in value]
    if shape.kind == "Record" and isinstance(value, Mapping):
        return meant_arguments(shape, value)
    return value


def meant_fact(kind: FactKind, value: Json) -> tuple[JsonValue, str]:
    """A fact's value that a document holds in Cedar's JSON form, or why it is none of its kind.

    An integer is written without a fraction, as are those that the request itself has.
    """
    if kind == "Long":
        return (None, "is no Long") if isinstance(value, float) else as_kind(kind, _integer(value))
    parts = _DECIMAL.fullmatch(value) if kind == "decimal" and isinstance(value, str) else None
    if parts is None:
        return as_kind(kind, value)
    whole, places = parts.groups()
    written = sum_value(kind, int(f"{whole}{places:0<4}"))
    return (written, "") if written is not None else (None, "does not fit in 64 bits")


def _integer(value: Json) -> Json:
    """Only what no exact number of JSON says may be text: a number in quotes is a mistake."""
    if isinstance(value, str) and _LARGE.fullmatch(value) and abs(int(value)) > MOST_EXACT:
        return int(value)
    return value
