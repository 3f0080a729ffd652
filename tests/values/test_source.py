"""Documents that people write: what is read, what is refused, and where it stood."""

from __future__ import annotations

import contextlib
import json
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from mythos.errors import DocumentError, PolicyError
from mythos.values.base import Value
from mythos.values.source import MAX_BYTES, document_of, read_document, validated

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
finite = scalars.filter(lambda value: value not in (float("inf"), float("-inf")))
values = st.recursive(
    finite, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


class Point(BaseModel):
    model_config = ConfigDict(extra="forbid")

    x: int
    y: list[int] = []


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    points: tuple[Point, ...]
    style: Point | tuple[int, int] | None = None


@given(values)
def test_json_is_read_as_the_standard_decoder_reads_it(value: JsonValue) -> None:
    for indent in (None, 2):
        text = json.dumps(value, indent=indent)
        assert read_document(text, source="a.json").value == json.loads(text)


def test_yaml_scalars_follow_the_core_schema_of_1_2() -> None:
    text = "[no, on, 12:30, 2026-01-01, true, ~, 0x1f, 0o17, 007, 1.5, '1', \"\\u00e9\", -.5e1]"
    assert read_document(text, source="a.yaml").value == [
        *("no", "on", "12:30", "2026-01-01", True, None, 31, 15, 7, 1.5, "1", "é", -5.0),
    ]


def test_yaml_keys_are_their_text() -> None:
    assert read_document("1: a\ntrue: b\n", source="a.yaml").value == {"1": "a", "true": "b"}


@pytest.mark.parametrize("source", ["a.json", "a.yaml"])
def test_every_part_knows_its_line_and_column(source: str) -> None:
    document = read_document('{"a": 1,\n "b": [2,\n  {"c": 3}]}', source=source)
    assert document.where(("a",)) == f"{source}:1:7"
    assert document.where_key(("b",)) == f"{source}:2:2"
    assert document.where(("b", 1, "c")) == f"{source}:3:9"
    assert document.where(("b", 1, "missing", 0)) == f"{source}:3:3"


@pytest.mark.parametrize(
    ("source", "text", "where", "message"),
    [
        ("a.yaml", "", "1:1", "the document is empty"),
        ("a.yaml", "a: 1\nb: 2\na: 3", "3:1", "'a' was already given at line 1, column 1"),
        ("a.json", '{"a": 1, "a": 1}', "1:10", "'a' was already given at line 1, column 2"),
        ("a.yaml", "a: &x 1\nb: *x", "2:4", "the alias .x is not supported"),
        ("a.yaml", "a: !!python/name:os.system x", "1:4", "the tag .* is not supported"),
        ("a.yaml", "a: 1\n---\nb: 2", "2:1", "a second document"),
        ("a.yaml", "? [a]\n: b", "1:3", "a key must be text"),
        ("a.yaml", "a:\n  - b\n - c", "3:2", "this is not YAML"),
        ("a.yaml", "a: .inf", "1:4", "not a finite number"),
        ("a.yaml", "a: 1e999", "1:4", "not a finite number"),
        ("a.yaml", "a: " + "9" * 5000, "1:4", "not a finite number"),
        ("a.yaml", "[" * 70, "1:66", "nested deeper than 64"),
        ("a.json", "[" * 70, "1:66", "nested deeper than 64"),
        ("a.json", '{"a": "\\ud800"}', "1:7", "half a surrogate pair"),
        ("a.json", '{"a": 1, "\\udc00": 1}', "1:10", "half a surrogate pair"),
        ("a.yaml", "a: 1\nb: é\0", "2:5", "the control character U\\+0000"),
        ("a.yaml", "a: 1\nb: x\x1by", "2:5", "the control character U\\+001B"),
        ("a.json", '{"a": NaN}', "1:7", "not a number that JSON knows"),
        ("a.json", '{"a": 1e999}', "1:7", "not finite"),
        ("a.json", '{"a": ' + "9" * 5000 + "}", "1:7", "not finite"),
        ("a.json", '{"a": [1, }', "1:11", "this is not JSON"),
        ("a.json", '{"a" 1}', "1:6", "expected ':'"),
        ("a.json", "{a: 1}", "1:2", "expected a key in double quotes"),
        ("a.json", "[1 2]", "1:4", "expected ',' or ']'"),
        ("a.json", "1 2", "1:3", "text after the end"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(
    source: str, text: str, where: str, message: str
) -> None:
    with pytest.raises(PolicyError, match=message) as caught:
        read_document(text, source=source, error=PolicyError)
    assert caught.value.where == f"{source}:{where}"
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["x" * (MAX_BYTES + 1), "\ud800"])
def test_a_text_out_of_bounds_is_refused_before_it_is_read(text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_document(text, source="a.yaml")
    assert caught.value.where == "a.yaml"


@given(st.text(max_size=60))
def test_any_text_is_a_document_or_a_document_error(text: str) -> None:
    for source in ("a.json", "a.yaml"):
        with contextlib.suppress(DocumentError):
            read_document(text, source=source)


def test_one_error_lists_every_wrong_part_with_its_place() -> None:
    document = read_document("points:\n- {x: 1}\n- {y: a, z: 2}\n", source="a.yaml")
    with pytest.raises(PolicyError) as caught:
        validated(Line, document, PolicyError)
    assert str(caught.value).splitlines() == [
        "a.yaml:3:3: 3 problems",
        "  a.yaml:3:3: points/1/x: this key is missing",
        "  a.yaml:3:7: points/1/y: 'a' is a text here, and a list belongs here",
        "  a.yaml:3:10: points/1/z: this key is unknown here",
    ]
    assert caught.value.remedy == "correct each place listed"


def test_of_a_union_only_the_likeliest_reading_is_complained_about() -> None:
    document = read_document("points: []\nstyle: {x: 1, yy: 2}\n", source="a.yaml")
    with pytest.raises(DocumentError) as caught:
        validated(Line, document, DocumentError)
    assert str(caught.value) == "a.yaml:2:15: style/yy: this key is unknown here"
    assert caught.value.remedy == "remove it or correct its spelling"


def test_a_built_document_is_named_by_its_source_alone() -> None:
    with pytest.raises(DocumentError, match="document: ") as caught:
        validated(Line, document_of([], source="the request"), DocumentError)
    assert caught.value.where == "the request"


def test_a_right_document_becomes_its_model() -> None:
    document = read_document("points: [{x: 1, y: [2]}]", source="a.yaml")
    assert validated(Line, document, DocumentError) == Line(points=(Point(x=1, y=[2]),))


class Walk(Value):
    steps: Annotated[int, Field(ge=1, lt=9)]
    edge: tuple[str, str]


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        ("steps: 0\nedge: [a, b]", "steps: 0 is here, at least 1 belongs here", "raise it to 1"),
        ("steps: 9\nedge: [a, b]", "steps: 9 is here, less than 9 belongs", "lower it below 9"),
        ("steps: 1\nedge: [a]", "edge/1: this key is missing", "add what is missing"),
        ("steps: 1\nedge: [a, b, c]", "has 3 parts, at most 2 belong here", "shorten it to 2"),
        ("steps: 1\nedge: a", "edge: 'a' is a text here, and a list belongs", "write ['a']"),
    ],
)
def test_what_is_out_of_bounds_is_told_in_plain_words(text: str, said: str, remedy: str) -> None:
    with pytest.raises(DocumentError) as caught:
        validated(Walk, read_document(text, source="a.yaml"), DocumentError)
    assert said in str(caught.value)
    assert caught.value.remedy == remedy
