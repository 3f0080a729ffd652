"""What a schema says of values beyond their type is held, and what is not held is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.shape import arguments_shape, unheld_keywords
from mythos.values.event import Json

TEXTS: dict[str, JsonValue] = {"type": "array", "items": {"type": "string"}}


def schema(**properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "properties": properties}


def objection(declared: JsonValue, value: Json) -> str:
    """What is wrong with one argument; empty if nothing is."""
    _, misfits = cedar_arguments(arguments_shape(schema(x=declared)), {"x": value})
    assert len(misfits) < 2
    return misfits[0].removeprefix("argument x ") if misfits else ""


@pytest.mark.parametrize(
    ("declared", "inside", "outside"),
    [
        ({"type": "string", "enum": ["a", "b", None]}, ["a", "b", None], ["", "A", "ab"]),
        ({"enum": ["a", "b"]}, ["a"], ["c"]),
        ({"const": "a"}, ["a"], ["b"]),
        ({"type": "integer", "enum": [1, 2.0, "3", True]}, [1, 2, 2.0], [3, 0, True]),
        ({"type": "integer", "const": 7}, [7], [8]),
        ({"type": "number", "enum": [0.5, 1]}, [0.5, 1, 1.0], [0.25]),
        ({"type": "boolean", "const": True}, [True], [False]),
        ({"type": "string", "enum": []}, [], ["a"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "日本", "abc"], ["a", "abcd"]),
        ({"type": "string", "maxLength": "3", "minLength": True}, ["", "abcd"], []),
        ({**TEXTS, "minItems": 1, "maxItems": 2}, [["a"], ["a", "a"]], [[], ["a"] * 3]),
        ({**TEXTS, "uniqueItems": True}, [[], ["a", "b"]], [["a", "a"]]),
        ({"type": "array", "items": {"type": "number"}, "uniqueItems": True}, [[1, 2]], [[1, 1.0]]),
        ({"type": "integer", "multipleOf": 5}, [0, -10, 5], [1, -4]),
        ({"type": "integer", "multipleOf": 0.5}, [0, 1, 2**62], []),
        ({"type": "number", "multipleOf": 0.01}, [0.07, 1, 19.99], [0.005]),
        ({"type": "number", "multipleOf": 0}, [0.07], []),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "minimum": 3}, [3, None], [2]),
        ({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}], "const": "a"}, ["a", None], ["b"]),
        ({"allOf": [{"type": "string", "maxLength": 5}], "maxLength": 2}, ["ab"], ["abc"]),
        ({"$ref": "#/$defs/none", "enum": ["a"]}, [1, "b"], []),
        ({"type": "array", "items": {"enum": ["a"]}}, [["a"], []], [["b"]]),
        (schema(y={"const": "a"}), [{"y": "a"}, {}], [{"y": "b"}]),
    ],
)  # fmt: skip
def test_a_value_is_held_to_what_its_schema_says(
    declared: JsonValue, inside: list[Json], outside: list[Json]
) -> None:
    assert [value for value in inside if objection(declared, value)] == []
    assert [value for value in outside if not objection(declared, value)] == []


@pytest.mark.parametrize(
    ("declared", "value", "said"),
    [
        ({"enum": ["a"]}, "b", "is none of its declared values"),
        ({"type": "string", "minLength": 2}, "b", "has fewer than 2 characters"),
        ({**TEXTS, "maxItems": 1}, ["a", "b"], "has more than 1 items"),
        ({**TEXTS, "uniqueItems": True}, ["a", "a"], "has an item twice"),
        ({"type": "number", "multipleOf": 0.01}, 0.005, "is no multiple of 1/100"),
    ],
)
def test_what_is_wrong_with_a_value_is_said(declared: JsonValue, value: Json, said: str) -> None:
    assert objection(declared, value) == said


@given(st.integers(-(10**6), 10**6), st.integers(1, 9_999))
def test_a_decimal_is_a_multiple_exactly(times: int, ten_thousandths: int) -> None:
    step = ten_thousandths / 10_000
    declared: JsonValue = {"type": "number", "multipleOf": step}
    assert not objection(declared, times * ten_thousandths / 10_000)


def test_numbers_that_no_float_holds_are_no_trouble() -> None:
    huge = 10**400
    assert objection({"type": "integer", "multipleOf": huge}, 0) == ""
    assert objection({"type": "integer", "enum": [huge, float("inf")]}, 1)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        (schema(x={"type": "string", "pattern": "^W"}), {"pattern": ("x",)}),
        (schema(x={"type": "integer", "pattern": "^W", "maximum": 3}), {}),
        (schema(x={"anyOf": [{"type": "string"}, {"type": "integer"}]}), {"type": ("x",)}),
        (schema(x={**TEXTS, "contains": {"const": "a"}}), {"contains": ("x",)}),
        (schema(x={"type": "array", "items": {"pattern": "a", "type": "string"}}),
         {"pattern": ("x[]",)}),
        (schema(x=schema(y={"type": "string", "not": {"const": "a"}})), {"not": ("x.y",)}),
        ({**schema(x=TEXTS), "dependentRequired": {"x": ["y"]}}, {"dependentRequired": ("",)}),
        ({**schema(x=TEXTS), "additionalProperties": {"type": "string"}},
         {"additionalProperties": ("",)}),
        (schema(a={"type": "string", "pattern": "a"}, b={"type": "string", "pattern": "b"}),
         {"pattern": ("a", "b")}),
        ({}, {}),
    ],
)  # fmt: skip
def test_keywords_that_no_call_is_held_to_are_named(
    parameters: dict[str, JsonValue], told: dict[str, tuple[str, ...]]
) -> None:
    assert unheld_keywords(parameters) == told
