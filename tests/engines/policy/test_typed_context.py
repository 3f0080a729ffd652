"""A request that Cedar need not check against its schema would have passed the check."""

from __future__ import annotations

from typing import get_args

import cedarpy
import orjson
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.policy.evaluate import context_of, input_of, typed
from mythos.engines.policy.facts.kind import FactKind, is_plain, kinds_of
from mythos.engines.policy.facts.known import Known
from mythos.engines.policy.facts.plan import plan_facts
from mythos.engines.policy.request import Origin, Request
from mythos.engines.policy.rule import rules_of
from mythos.engines.policy.schema import request_schema
from mythos.engines.policy.slice import CompiledSet, Slice, build_slice
from mythos.values.event import Json
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import permit, policy

TEXTS = st.text(max_size=6)
SCALARS = TEXTS | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.none()
PROPERTIES: dict[str, JsonValue] = {
    "text": {"type": "string"},
    "whole": {"type": "integer", "minimum": -5},
    "part": {"type": "number"},
    "flag": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "number"}},
    "inner": {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "array", "items": {"type": "string"}},
        },
    },
}
CATALOGUE = ToolCatalogue.model_validate(
    {
        "domain": "desk",
        "tools": [
            {
                "name": "act",
                "sinks": ["text"],
                "effect": "write",
                "parameters": {"type": "object", "properties": PROPERTIES},
            }
        ],
    }
)
EVERYTHING = policy(
    "all",
    permit(
        "all",
        "act",
        "context.input has text && context.past.done && context.past.n > 0 && context.licensed "
        "&& context.asked.deletion && context.links.user && context.run.calls > 0 && "
        "context.repeats > 0 && context.past has said && context.origin has text "
        "&& context.sinks.user && context.tool.consequential && context.depth > 0 "
        "&& context.past.total > 0 "
        '&& context.past has at && context.now > datetime("2000-01-01") ',
    )
    + permit("whole", "act", "context.input == context.input && context.past.n == 7"),
    facts={
        "done": {"once": "act"},
        "n": {"count": "act"},
        "total": {"sum": "input.whole", "of": "act"},
        "said": {"last": "input.text", "of": "act"},
        "at": {"last": "input.text", "of": "act", "type": "datetime"},
    },
)
NUMBERS = st.integers(-5, 5) | st.sampled_from([0.5, 1.25, 1.23456, 2.0**60, 2**63])
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "whole": NUMBERS,
        "part": NUMBERS,
        "flag": st.booleans(),
        "list": st.lists(NUMBERS, max_size=3),
        "inner": st.fixed_dictionaries({}, optional={"a": TEXTS, "b": st.lists(TEXTS)}),
    },
)
FACTS = st.fixed_dictionaries(
    {
        "done": st.booleans(),
        "n": st.integers(0, 9) | SCALARS,
        "total": st.integers(-(2**63), 2**63 - 1) | SCALARS,
    },
    optional={"said": TEXTS},
)


def slice_of() -> Slice:
    owner = CompiledSet(
        EVERYTHING, "d", rules_of(EVERYTHING), "past_0", True, plan_facts(EVERYTHING, CATALOGUE)
    )
    schema = request_schema(CATALOGUE, {"past_0": kinds_of(EVERYTHING, CATALOGUE)})
    handle = cedarpy.Schema.from_json_str(orjson.dumps(schema).decode())
    return build_slice(CATALOGUE.tools[0], [owner], domain="desk", schema=handle)


RULES = slice_of()


def answer(context: dict[str, JsonValue], schema: cedarpy.Schema | None) -> cedarpy.AuthzResult:
    return cedarpy.is_authorized(
        {
            "principal": {"type": "Agent", "id": "clerk"},
            "action": RULES.action,
            "resource": RULES.resource,
            "context": orjson.dumps(context).decode(),
        },
        RULES.full.handle,
        cedarpy.Entities.from_json_str("[]"),
        schema,
    )


@given(
    ARGUMENTS,
    FACTS,
    st.sampled_from(Origin),
    st.booleans(),
    st.integers(0, 2**62),
    st.integers(0, 1000),
)
def test_a_context_that_is_typed_by_how_it_was_made_fits_the_schema(
    arguments: dict[str, Json],
    facts: dict[str, Known],
    origin: Origin,
    licensed: bool,
    now_ns: int,
    depth: int,
) -> None:
    origins = {"text": frozenset({origin})}
    request = Request(
        "clerk", "act", arguments, {"d": facts}, licensed, origins, now_ns=now_ns, depth=depth
    )
    given_input = input_of(RULES, request, arguments)
    context = context_of(RULES, request, {})
    assume(not given_input.misfits and typed(RULES, context))
    context["input"] = given_input.record
    checked, unchecked = answer(context, RULES.schema), answer(context, None)
    assert checked.decision is not cedarpy.Decision.NoDecision, checked.diagnostics.errors
    assert checked.decision is unchecked.decision
    assert sorted(checked.diagnostics.reasons) == sorted(unchecked.diagnostics.reasons)
    assert checked.diagnostics.errors == unchecked.diagnostics.errors


@given(st.sampled_from(get_args(FactKind)), SCALARS)
def test_a_fact_of_another_kind_is_never_taken_as_plain(kind: FactKind, value: Json) -> None:
    wanted = {"Boolean": bool, "Long": int, "String": str}.get(kind)
    if is_plain(kind, value):
        assert type(value) is wanted
