"""Proofs know what the schema says of arguments, and every call they show fits it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.difference import Difference, compare
from mythos.engines.policy.arguments import cedar_arguments
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Request
from mythos.engines.policy.shape import arguments_shape
from mythos.values.event import Json
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import forbid, permit, policy

PARAMETERS: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "enum": ["late", "broken"]},
        "grade": {"type": "integer", "enum": [1, 2, 5]},
        "dozen": {"type": "integer", "multipleOf": 12, "minimum": 1},
        "price": {"type": "number", "multipleOf": 0.25, "minimum": 0.1},
        "sure": {"type": "boolean", "const": True},
        "code": {"type": "string", "minLength": 3, "maxLength": 5},
        "word": {"type": "string", "minLength": 1},
        "tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 2},
        "ids": {
            "type": "array",
            "items": {"type": "integer", "minimum": 3},
            "minItems": 2,
            "uniqueItems": True,
        },
        "empty": {"type": "array", "items": {"type": "string"}, "maxItems": 0},
        "place": {"type": "object", "properties": {"city": {"enum": ["Ulm"]}}},
    },
    "required": ["reason", "grade", "dozen", "price", "sure", "code", "word", "tags", "ids"],
}
CATALOGUE = ToolCatalogue.model_validate(
    {"domain": "shop", "tools": [{"name": "act", "effect": "write", "parameters": PARAMETERS}]}
)
ANY = permit("any", "act")
POSSIBLE = [
    'context.input.reason == "late"',
    'context.input.reason like "*o*"',
    "context.input.grade > 2",
    "context.input.grade != 5",
    "context.input.dozen > 12",
    "context.input.dozen + 1 == 25",
    'context.input.price.greaterThan(decimal("0.3"))',
    "context.input.sure",
    'context.input.code like "a*"',
    'context.input.code like "*@x"',
    'context.input.code == "abc"',
    'context.input.code != "abc"',
    'context.input.word like "*"',
    'context.input.tags.contains("c")',
    '!context.input.tags.contains("c")',
    "context.input.ids.contains(4)",
    "!context.input.ids.contains(3)",
    "context.input has empty",
    'context.input has place && context.input.place has city && context.input.place.city == "Ulm"',
]
IMPOSSIBLE = [
    'context.input.reason == "other"',
    'context.input.reason like "z*"',
    "context.input.grade == 3",
    "context.input.grade > 5",
    "context.input.dozen == 30",
    "context.input.dozen < 12",
    'context.input.price == decimal("0.3")',
    'context.input.price.lessThan(decimal("0.25"))',
    "!context.input.sure",
    'context.input.code == "ab"',
    'context.input.code == "abcdef"',
    'context.input.word == ""',
    'context.input.tags.contains("d")',
    "context.input.tags.isEmpty()",
    "context.input.ids.contains(2)",
    "context.input has empty && !context.input.empty.isEmpty()",
    'context.input has place && context.input.place has city && context.input.place.city == "Bonn"',
]


def with_forbid(condition: str) -> tuple[PolicySet, PolicySet]:
    return policy("old", ANY), policy("new", ANY + forbid("no", "act", condition))


def compared(old: PolicySet, new: PolicySet) -> Difference:
    engine = compile_policies([old, new], CATALOGUE)
    found = compare(engine, [digest(old)], [digest(new)])
    for call in found.calls:
        arguments = call.old.request.arguments or {}
        assert cedar_arguments(arguments_shape(PARAMETERS), arguments)[1] == ()
    return found


@pytest.mark.parametrize("condition", POSSIBLE)
def test_what_the_schema_allows_is_shown_by_a_call_that_fits_it(condition: str) -> None:
    found = compared(*with_forbid(condition))
    assert (found.verdict, found.doubts) == ("tightened", ())


@pytest.mark.parametrize("condition", IMPOSSIBLE)
def test_what_the_schema_excludes_cannot_be(condition: str) -> None:
    assert compared(*with_forbid(condition)) == Difference()


def test_a_text_that_no_size_allows_is_never_shown() -> None:
    """That no text of five characters is like this the solver does not know: it is undecided."""
    found = compared(*with_forbid('context.input.code like "abc*def"'))
    assert (found.verdict, found.calls) == ("undecided", ())
    assert "has more than 5 characters" in found.doubts[0]


FITTING: dict[str, st.SearchStrategy[Json]] = {
    "reason": st.sampled_from(["late", "broken"]),
    "grade": st.sampled_from([1, 2, 5]),
    "dozen": st.sampled_from([12, 24, 36]),
    "price": st.sampled_from([0.25, 0.5, 1]),
    "sure": st.just(value=True),
    "code": st.sampled_from(["abc", "a@x", "zzzzz"]),
    "word": st.sampled_from(["x", "zz"]),
    "tags": st.lists(st.sampled_from(["a", "b", "c"]), min_size=2, max_size=4),
    "ids": st.lists(st.sampled_from([3, 4, 9]), min_size=2, max_size=3, unique=True),
}
CALLS = st.fixed_dictionaries(
    FITTING,
    optional={
        "empty": st.just([]),
        "place": st.sampled_from([{}, {"city": "Ulm"}]),
        "bcc": st.just("x"),
    },
)
UNFIT: st.SearchStrategy[dict[str, Json]] = st.fixed_dictionaries(
    {},
    optional={
        "reason": st.just("other"),
        "grade": st.just(3),
        "dozen": st.just(30),
        "code": st.sampled_from(["ab", "abcdef"]),
        "tags": st.sampled_from([["d", "d"], []]),
        "ids": st.just([3, 3]),
    },
)
PARTS = st.lists(
    st.tuples(st.sampled_from([permit, forbid]), st.sampled_from([*POSSIBLE, *IMPOSSIBLE])),
    min_size=1,
    max_size=3,
)
KEPT = {
    "equal": {(False, False), (True, True)},
    "tightened": {(False, False), (True, True), (True, False)},
    "loosened": {(False, False), (True, True), (False, True)},
}


@settings(max_examples=40)
@given(PARTS, PARTS, st.lists(st.tuples(CALLS, UNFIT), min_size=10, max_size=20))
def test_no_call_is_decided_against_the_verdict(
    one: list[tuple[object, str]],
    other: list[tuple[object, str]],
    calls: list[tuple[dict[str, Json], dict[str, Json]]],
) -> None:
    old, new = (
        policy(name, "".join(write(f"r{n}", "act", text) for n, (write, text) in enumerate(parts)))  # type: ignore[operator]
        for name, parts in (("old", one), ("new", other))
    )
    engine = compile_policies([old, new], CATALOGUE)
    verdict = compared(old, new).verdict
    for fitting, unfit in calls:
        request = Request("agent", "act", fitting | unfit)
        both = tuple(engine.decide(request, in_force=[digest(each)]).allowed for each in (old, new))
        assert both in KEPT.get(verdict, {both}), (verdict, request.arguments)
        assert not any(both) or not (unfit or "bcc" in fitting)
