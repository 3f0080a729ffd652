"""Promises over all calls: kept, or broken by a call that the engine itself decides so."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from mythos.engines.coherence.promise import Promise, prove
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Origin
from mythos.values.policy import Expectation, PolicySet
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import engine_of, forbid, permit, policy

FACTS: JsonValue = {
    "confirmed": {"once": "user.confirm", "since": "refund"},
    "refunds": {"count": "refund"},
    "state": {"last": "output.state", "of": "get_order"},
}


def asked(policy_set: PolicySet, **entry: object) -> Promise:
    expectation = Expectation.model_validate({"name": "p", **entry})
    return prove(expectation, digest=digest(policy_set), engine=engine_of(policy_set))


def rules(*texts: str) -> PolicySet:
    return policy("p", "".join(texts), facts=FACTS)


ASKED = rules(permit("yes", "refund", "context.past.confirmed"), permit("look", "get_order"))
CAPPED = rules(permit("any", "refund"), forbid("cap", "refund", "context.input.amount_cents > 500"))

REFERRED = rules(permit("any", ""), forbid("strange", "", "!context.sinks.referred"))
NOT_STRANGE = "!context.sinks.unknown && !context.sinks.untrusted"


@pytest.mark.parametrize(
    ("policy_set", "entry"),
    [
        (ASKED, {"never": "allow", "when": "!context.past.confirmed", "actions": "refund"}),
        (ASKED, {"always": "allow", "when": "context.past.confirmed", "actions": "refund"}),
        (ASKED, {"always": "allow", "actions": "get_order"}),
        (ASKED, {"always": "deny", "actions": ["cancel_order", "ask_user"]}),
        (ASKED, {"never": "deny", "actions": "get_order"}),
        (
            CAPPED,
            {"never": "allow", "when": "context.input.amount_cents > 500", "actions": "refund"},
        ),
        (REFERRED, {"always": "allow", "when": "!(context.input has to)", "actions": "refund"}),
        (REFERRED, {"always": "allow", "when": NOT_STRANGE, "actions": ["refund", "get_order"]}),
    ],
)
def test_what_holds_for_every_call_is_kept(policy_set: PolicySet, entry: dict[str, object]) -> None:
    assert asked(policy_set, **entry) == Promise("kept")


@pytest.mark.parametrize("origin", ["unknown", "untrusted"])
def test_a_strange_value_may_be_referred_to_or_not(origin: str) -> None:
    for decision in ("allow", "deny"):
        broken = asked(REFERRED, always=decision, when=f"context.sinks.{origin}", actions="refund")
        assert broken.kept == "broken"


def test_a_blank_value_has_no_origin_in_proofs_either() -> None:
    spoken = rules(
        permit("any", "refund"),
        forbid("none", "refund", "context.input has to && !(context.origin has to)"),
    )
    broken = asked(
        spoken,
        always="allow",
        when='context.input has to && context.input.to != ""',
        actions="refund",
    )
    assert broken.request is not None
    assert broken.request.arguments is not None
    assert (broken.kept, broken.request.arguments["to"]) == ("broken", " ")


def test_a_broken_promise_comes_with_a_call_that_breaks_it() -> None:
    broken = asked(CAPPED, never="allow", when="context.input.amount_cents > 499", actions="refund")
    assert broken.kept == "broken"
    assert broken.request is not None
    assert broken.answer is not None
    assert (broken.request.tool, broken.request.arguments) == ("refund", {"amount_cents": 500})
    assert (broken.answer.word, broken.answer.rules) == ("allow", ("any",))


def test_a_promise_that_some_call_is_always_allowed_is_broken_by_a_denial() -> None:
    broken = asked(ASKED, always="allow", actions="refund")
    assert broken.answer is not None
    assert (broken.kept, broken.answer.word, broken.answer.missing) == (
        "broken",
        "deny",
        ("confirmed",),
    )


def test_a_promise_about_every_tool_is_broken_by_any() -> None:
    broken = asked(ASKED, never="allow", when="!context.past.confirmed")
    assert broken.request is not None
    assert (broken.kept, broken.request.tool) == ("broken", "get_order")


def test_facts_of_every_form_may_be_spoken_of() -> None:
    counted = rules(
        permit("few", "refund", "context.past.refunds < 2"),
        forbid("closed", "refund", 'context.past has state && context.past.state == "closed"'),
    )
    closed = 'context.past has state && context.past.state == "closed"'
    assert asked(counted, never="allow", when="context.past.refunds >= 2").kept == "kept"
    assert asked(counted, never="allow", when=closed, actions="refund").kept == "kept"
    assert asked(counted, never="allow", when="context.past.refunds >= 1").kept == "broken"


def test_a_tool_that_the_set_does_not_govern_is_none_of_its_promise() -> None:
    elsewhere = policy("p", permit("any", ""), covers={"tools": "shop/other"})
    assert asked(elsewhere, never="allow") == Promise("kept")


GIVEN = policy(
    "p",
    '@id("any") permit(principal, action, resource);\n'
    '@id("strange") forbid(principal, action, resource)\n'
    "when { context.sinks.untrusted || context.sinks.unknown };",
)


def sender(*, takes_more: bool) -> ToolCatalogue:
    parameters = {
        "type": "object",
        "properties": {"to": {"type": "string"}, "undeclared_untrusted": {"type": "string"}},
        "required": ["to"],
        "additionalProperties": takes_more,
    }
    tool = {"name": "send", "effect": "egress", "sinks": ["to"], "parameters": parameters}
    return ToolCatalogue.model_validate({"domain": "shop/retail", "tools": [tool]})


@pytest.mark.parametrize(("takes_more", "kept"), [(True, "broken"), (False, "kept")])
def test_an_undeclared_argument_may_come_from_anywhere_where_a_call_can_have_one(
    takes_more: bool, kept: str
) -> None:
    named = 'context.origin has to && context.origin.to == "user"'
    entry = Expectation(name="p", always="allow", when=named)
    engine = engine_of(GIVEN, catalogue=sender(takes_more=takes_more))
    found = prove(entry, digest=digest(GIVEN), engine=engine)
    assert found.kept == kept
    if found.request is not None:
        strange = {name for name, each in found.request.origins.items() if each != {Origin.USER}}
        assert strange
        assert strange <= (found.request.arguments or {}).keys() - {"to", "undeclared_untrusted"}
