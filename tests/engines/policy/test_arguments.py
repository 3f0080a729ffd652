"""Arguments reach Cedar exactly, or not at all."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.shape import arguments_shape, cedar_type
from mythos.values.event import Json, Repeated

NUMBER: dict[str, JsonValue] = {"type": "object", "properties": {"x": {"type": "number"}}}


def schema(**properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("declared", "given_value", "sent"),
    [
        ({"type": "string"}, "a", "a"),
        ({"enum": ["a", "b"]}, "a", "a"),
        ({"type": ["string", "null"]}, "a", "a"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 5, 5),
        ({"$ref": "#/$defs/Id"}, "z", "z"),
        ({"type": "integer"}, 3.0, 3),
        ({"type": "boolean"}, False, False),
        ({"type": "array", "items": {"type": "string"}}, ["a", "b"], ["a", "b"]),
        (schema(y={"type": "integer"}), {"y": 1}, {"y": 1}),
        ({"type": "number"}, 12.34, {"__extn": {"fn": "decimal", "arg": "12.3400"}}),
        ({"type": "number"}, 7, {"__extn": {"fn": "decimal", "arg": "7.0000"}}),
    ],
)
def test_a_value_that_fits_is_sent(declared: JsonValue, given_value: Json, sent: JsonValue) -> None:
    shape = arguments_shape({**schema(x=declared), "$defs": {"Id": {"type": "string"}}})
    assert cedar_arguments(shape, {"x": given_value}) == ({"x": sent}, ())


@pytest.mark.parametrize(
    ("declared", "given_value"),
    [
        ({"type": "string"}, 5),
        ({"type": "string"}, "\ud800"),
        ({"type": "integer"}, "5"),
        ({"type": "integer"}, 2.5),
        ({"type": "integer"}, True),
        ({"type": "integer"}, 2**63),
        ({"type": "integer"}, 10**4000),
        ({"type": "number"}, 0.00001),
        ({"type": "number"}, float("nan")),
        ({"type": "number"}, float("inf")),
        ({"type": "number"}, 1e300),
        ({"type": "number"}, 10**15),
        ({"type": "boolean"}, 1),
        ({"type": "array", "items": {"type": "string"}}, ["a", None]),
        (schema(y={"type": "integer"}), {"y": 1, "z": 2}),
    ],
)
def test_a_value_that_does_not_fit_is_a_misfit(declared: JsonValue, given_value: Json) -> None:
    _, misfits = cedar_arguments(arguments_shape(schema(x=declared)), {"x": given_value})
    assert len(misfits) == 1
    assert "argument x" in misfits[0]


@pytest.mark.parametrize(
    "declared",
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": "boolean"},
        {"type": "array", "items": {"type": "string"}},
        schema(y={"type": "string"}),
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    ],
)
def test_what_is_given_twice_fits_nothing(declared: JsonValue) -> None:
    shape = arguments_shape(schema(x=declared))
    _, misfits = cedar_arguments(shape, {"x": Repeated(["a", "a"])})
    assert misfits == ("argument x is given more than once",)
    open_ = arguments_shape({**schema(), "additionalProperties": True})
    _, misfits = cedar_arguments(open_, {"x": {"y": [Repeated([1, 2])]}})
    assert misfits == ("argument x is given more than once",)


def test_a_missing_required_argument_and_an_undeclared_one_are_misfits() -> None:
    shape = arguments_shape({**schema(x={"type": "string"}), "required": ["x"]})
    _, misfits = cedar_arguments(shape, {"y": "a"})
    assert misfits == ("argument y is not declared", "argument x is missing")


def test_null_is_absence() -> None:
    assert cedar_arguments(arguments_shape(schema(x={"type": "string"})), {"x": None}) == ({}, ())


def test_what_cedar_cannot_say_is_left_out_and_no_misfit() -> None:
    shape = arguments_shape(schema(x={"anyOf": [{"type": "string"}, {"type": "integer"}]}))
    assert cedar_arguments(shape, {"x": 1}) == ({}, ())
    assert cedar_type(shape) == {"type": "Record", "attributes": {}}


@pytest.mark.parametrize("open_schema", [{}, {**schema(), "additionalProperties": True}])
def test_a_tool_that_does_not_close_its_arguments_may_get_any(
    open_schema: dict[str, JsonValue],
) -> None:
    assert cedar_arguments(arguments_shape(open_schema), {"x": 1}) == ({}, ())


def test_an_argument_cannot_pose_as_a_cedar_escape() -> None:
    shape = arguments_shape(schema(__extn={"type": "string"}, x={"type": "string"}))
    forged: dict[str, Json] = {"__extn": "a", "x": {"__entity": {"type": "Agent", "id": "root"}}}
    record, misfits = cedar_arguments(shape, forged)
    assert "__extn" not in record
    assert misfits == ("argument x is no String",)


def test_a_schema_without_end_is_read_to_a_bound() -> None:
    endless: dict[str, JsonValue] = {
        "type": "object",
        "properties": {n: {"$ref": "#/$defs/T"} for n in "abcdefgh"},
    }
    shape = arguments_shape({**endless, "$defs": {"T": endless}})
    assert shape.kind == "Record"


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_sent_as_decimal_is_that_number(ten_thousandths: int) -> None:
    exact = Decimal(ten_thousandths) / 10_000
    sent, misfits = cedar_arguments(arguments_shape(NUMBER), {"x": float(exact)})
    if not misfits:
        written = f"{Decimal(repr(float(exact))):.4f}"
        assert sent["x"] == {"__extn": {"fn": "decimal", "arg": written}}


@pytest.mark.parametrize(
    ("kind", "value", "misfits"),
    [
        ("integer", 0, ()),
        ("integer", 100, ()),
        ("integer", -1, ("argument x is below its minimum 0",)),
        ("integer", 101, ("argument x is above its maximum 100",)),
        ("number", 100.5, ("argument x is above its maximum 100",)),
        ("number", 99.5, ()),
    ],
)
def test_a_number_outside_its_declared_bounds_is_a_misfit(
    kind: str, value: float, misfits: tuple[str, ...]
) -> None:
    bounded = schema(x={"type": kind, "minimum": 0, "maximum": 100})
    assert cedar_arguments(arguments_shape(bounded), {"x": value})[1] == misfits


@pytest.mark.parametrize(
    ("kind", "bounds", "inside", "outside"),
    [
        ("integer", {"exclusiveMinimum": 0}, (1, 2**62), (0, -1)),
        ("integer", {"exclusiveMaximum": 10}, (9, -5), (10, 11)),
        ("integer", {"exclusiveMinimum": 0.5, "minimum": -3}, (1,), (0,)),
        ("integer", {"exclusiveMinimum": 0, "minimum": 5}, (5,), (4,)),
        ("number", {"exclusiveMinimum": 0}, (0.0001, 3), (0, -0.5)),
        ("number", {"exclusiveMaximum": 1.5}, (1.4999, 0), (1.5, 2)),
    ],
)
def test_an_exclusive_bound_is_held_too(
    kind: str, bounds: dict[str, JsonValue], inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    shape = arguments_shape(schema(x={"type": kind, **bounds}))
    assert [cedar_arguments(shape, {"x": value})[1] for value in inside] == [()] * len(inside)
    assert all(cedar_arguments(shape, {"x": value})[1] for value in outside)
