"""A call's arguments as Cedar's JSON: exactly what was sent, or a misfit.

Nothing is converted from one type to another: `"5"` is no integer. A number becomes a decimal only
if it has at most four places, an integer only if it has at most 64 bits. A value that does not fit,
a number outside its declared `minimum` and `maximum`, one that its `enum` or another of its
`limits` excludes, and an argument that is missing though required, given more than once or not
declared by the tool are each a misfit, and a call with a misfit is denied (`decide`). So what is
proved of a policy set under those bounds holds at the gate. A tool that declares no `properties` at
all, or says `additionalProperties: true`, has no undeclared arguments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import NamedTuple

from pydantic import JsonValue

from mythos.engines.policy.limits import NO_LIMITS
from mythos.engines.policy.shape import Shape
from mythos.values.event import Json, Repeated

_LONG = 2**63
_REPEATED = "is given more than once"
_PLACES = 10**4


class Input(NamedTuple):
    """The arguments as Cedar's JSON, and what does not fit: then no rule can read them."""

    record: dict[str, JsonValue]
    misfits: tuple[str, ...]


def cedar_arguments(shape: Shape, arguments: Mapping[str, Json]) -> Input:
    """The arguments of one call as Cedar's JSON, and what does not fit.

    Args:
        shape: from `arguments_shape`.
        arguments: what the call carried.

    Returns:
        The record, and one sentence for each misfit; with any misfit the record is incomplete.
    """
    misfits: list[str] = []
    record = _fit_record(shape, arguments, "", misfits)
    return Input(record, tuple(misfits))


def cedar_value(shape: Shape, value: Json) -> tuple[JsonValue, str]:
    """One value as Cedar's JSON, or what keeps it from being of that shape.

    Returns:
        The value and an empty text, or None and the first misfit.
    """
    misfits: list[str] = []
    fitted = _fit(shape, value, "value", misfits)
    return (None, misfits[0]) if misfits else (fitted, "")


def _fit_record(
    shape: Shape, value: Mapping[str, Json], path: str, misfits: list[str]
) -> dict[str, JsonValue]:
    fields = shape.fields or {}
    if not value.keys() <= fields.keys():
        misfits.extend(_beyond(shape, value, value.keys() - fields.keys(), path))
    record: dict[str, JsonValue] = {}
    for name, inner in fields.items():
        given = value.get(name)
        if given is None:
            if not inner.optional:
                misfits.append(f"argument {path}{name} is missing")
        elif inner.limits is NO_LIMITS and _is_plain(inner, given):
            record[name] = given
        else:
            record[name] = _fit(inner, given, f"{path}{name}", misfits)
    return record


def _beyond(
    shape: Shape, value: Mapping[str, Json], extra: AbstractSet[str], path: str
) -> Iterator[str]:
    """What is wrong with fields that the shape does not describe."""
    if not shape.open:
        for name in sorted(extra - shape.hidden):
            yield f"argument {path}{name} is not declared"
    for name, each in value.items():
        if name in extra and _is_unclear(each):
            yield f"argument {path}{name} {_REPEATED}"


def _fit(shape: Shape, value: Json, path: str, misfits: list[str]) -> JsonValue:
    if _is_plain(shape, value):
        return _within(shape, value, value, path, misfits)
    if shape.kind in {"Long", "decimal"} and isinstance(value, int | float):
        return _fit_number(shape, value, path, misfits)
    repeated = isinstance(value, Repeated)
    if shape.kind == "Set" and shape.element and isinstance(value, list) and not repeated:
        fitted = [_fit(shape.element, each, f"{path}[]", misfits) for each in value]
        return _within(shape, fitted, fitted, path, misfits)
    if shape.kind == "Record" and isinstance(value, Mapping):
        return _fit_record(shape, value, f"{path}.", misfits)
    misfits.append(f"argument {path} {_REPEATED if repeated else f'is no {shape.kind}'}")
    return None


def _within(
    shape: Shape, sent: JsonValue, fitted: JsonValue, path: str, misfits: list[str]
) -> JsonValue:
    """The fitted value, unless what was sent breaks a limit of its schema."""
    wrong = "" if shape.limits is NO_LIMITS else shape.limits.objection(sent)
    if wrong:
        misfits.append(f"argument {path} {wrong}")
        return None
    return fitted


def _is_plain(shape: Shape, value: Json) -> bool:
    """Whether a value is of the shape's kind, and in its bounds, as it was sent."""
    kind = shape.kind
    if kind == "String":
        return isinstance(value, str) and (value.isascii() or _is_text(value))
    if isinstance(value, bool):
        return kind == "Boolean"
    return kind == "Long" and isinstance(value, int) and not _outside(shape, value)


def _is_unclear(value: Json) -> bool:
    """Whether a value that no shape describes gives one key several times."""
    if isinstance(value, Mapping):
        return any(map(_is_unclear, value.values()))
    return isinstance(value, Repeated) or (isinstance(value, list) and any(map(_is_unclear, value)))


def _is_text(value: str) -> bool:
    """Whether the string has a UTF-8 form: JSON can spell lone surrogates, Cedar cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _outside(shape: Shape, value: float) -> str:
    """Why a number cannot be one of this shape, if so."""
    if shape.least is not None and value < shape.least:
        return f"is below its minimum {shape.least}"
    if shape.most is not None and value > shape.most:
        return f"is above its maximum {shape.most}"
    return "" if -_LONG <= value < _LONG else "does not fit in 64 bits"


def _fit_number(shape: Shape, value: float, path: str, misfits: list[str]) -> JsonValue:
    kind = shape.kind
    wrong = f"is no {kind}" if isinstance(value, bool) else _outside(shape, value)
    if wrong:
        misfits.append(f"argument {path} {wrong}")
        return None
    exact = Decimal(repr(value))
    scaled = exact * (_PLACES if kind == "decimal" else 1)
    if scaled != scaled.to_integral_value():
        misfits.append(f"argument {path} is no exact {kind}")
    elif not -_LONG <= scaled < _LONG:
        misfits.append(f"argument {path} does not fit in 64 bits")
    elif kind == "Long":
        return _within(shape, value, int(scaled), path, misfits)
    else:
        fitted: JsonValue = {"__extn": {"fn": "decimal", "arg": f"{exact:.4f}"}}
        return _within(shape, value, fitted, path, misfits)
    return None
