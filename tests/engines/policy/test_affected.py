"""A changed tool catalogue names the rules and facts that it touches, and no others."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from mythos.engines.policy.affected import affected
from mythos.engines.policy.catalogue_change import catalogue_changes
from mythos.engines.policy.rule import rules_of
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import forbid, permit, policy

AMOUNT: dict[str, JsonValue] = {"type": "integer", "maximum": 500}
PAY: dict[str, JsonValue] = {
    "name": "pay",
    "description": "Pay money out.",
    "effect": "egress",
    "sinks": ["to"],
    "parameters": {
        "type": "object",
        "properties": {"amount": AMOUNT, "to": {"type": "string"}},
        "required": ["amount"],
    },
}
LOOK: dict[str, JsonValue] = {"name": "look", "effect": "read", "trusted": True}

SET = policy(
    "p",
    permit("plain", "pay")
    + forbid("cap", "pay", "context.input.amount > 5")
    + forbid("effects", "", "context.tool.consequential")
    + forbid("sources", "", "context.sinks.untrusted")
    + forbid("asked", "pay", "!context.licensed")
    + permit("read", "look"),
    facts={
        "looked": {"once": "look"},
        "agreed": {"once": "user.confirm", "since": "pay"},
        "spent": {"sum": "input.amount", "of": "pay"},
        "reads": {"count": "data.read"},
        "balance": {"last": "output.balance", "of": "look"},
    },
)


def catalogue(*tools: dict[str, JsonValue]) -> ToolCatalogue:
    return ToolCatalogue.model_validate({"domain": "d", "tools": list(tools)})


def touched(*tools: dict[str, JsonValue], policy_set: PolicySet = SET) -> dict[str, list[str]]:
    """What a change from pay and look to these tools touches, and how."""
    changes = catalogue_changes([catalogue(PAY, LOOK)], [catalogue(*tools)])
    found = affected(rules_of(policy_set), policy_set.facts, changes)
    return {each.name: [str(change) for change in each.changes] for each in found}


def with_parameters(
    properties: dict[str, JsonValue], required: list[JsonValue]
) -> dict[str, JsonValue]:
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": properties,
        "required": required,
    }
    return {**PAY, "parameters": schema}


def test_an_equal_catalogue_touches_nothing() -> None:
    assert touched(LOOK, PAY) == {}


TO: dict[str, JsonValue] = {"type": "string"}


@pytest.mark.parametrize(
    ("now", "change", "names"),
    [
        ([LOOK], "pay: tool gone", {"plain", "cap", "asked", "agreed", "spent"}),
        ([PAY], "look: tool gone", {"read", "looked", "reads", "balance"}),
        ([PAY, LOOK, {"name": "send"}], "send: tool new", {"effects", "sources"}),
        (
            [PAY, LOOK, {"name": "scan", "effect": "read"}],
            "scan: tool new",
            {"effects", "sources", "reads"},
        ),
        (
            [PAY, {**LOOK, "output_schema": {"type": "object"}}],
            "look: output schema changed",
            {"balance"},
        ),
        ([LOOK, with_parameters({"to": TO}, [])], "pay.amount: argument gone", {"cap", "spent"}),
        (
            [LOOK, with_parameters({"amount": AMOUNT, "to": TO, "note": TO}, ["amount"])],
            "pay.note: argument new",
            {"cap"},
        ),
        (
            [LOOK, with_parameters({"amount": {**AMOUNT, "type": "number"}, "to": TO}, ["amount"])],
            "pay.amount: argument retyped from Long to decimal",
            {"cap", "spent"},
        ),
        (
            [LOOK, with_parameters({"amount": AMOUNT, "to": TO}, ["amount", "to"])],
            "pay.to: argument now required",
            {"cap"},
        ),
        (
            [LOOK, with_parameters({"amount": AMOUNT, "to": TO}, [])],
            "pay.amount: argument now optional",
            {"cap", "spent"},
        ),
        (
            [LOOK, with_parameters({"amount": {"type": "integer"}, "to": TO}, ["amount"])],
            "pay.amount: bounds changed from maximum 500 to none",
            {"cap", "spent"},
        ),
        (
            [LOOK, {**PAY, "effect": "write"}],
            "pay: effect changed from egress to write",
            {"effects"},
        ),
        ([LOOK, {**PAY, "sinks": []}], "pay: sinks changed from to to none", {"sources"}),
        (
            [{**LOOK, "trusted": ["id"]}, PAY],
            "look: trust changed from trusted to trusted id",
            {"effects", "sources"},
        ),
        (
            [{**LOOK, "user": True}, PAY],
            "look: user answer changed from false to true",
            {"sources", "asked", "agreed"},
        ),
        ([LOOK, {**PAY, "description": "Send coins."}], "pay: words changed", {"asked"}),
    ],
)
def test_a_change_touches_the_rules_and_facts_that_can_see_it(
    now: list[dict[str, JsonValue]], change: str, names: set[str]
) -> None:
    assert touched(*now) == {name: [change] for name in names}


FACTS = policy(
    "f",
    permit("sent", "look", "context.past.sends < 2")
    + permit("looked_late", "pay", "context.past.late")
    + permit("unread", "look"),
    facts={
        "sends": {"count": "send"},
        "late": {"once": "look", "where": "past.sends > 0"},
        "later": {"once": "user.message", "where": "past.late"},
        "undone": {"once": "look", "since": "send"},
        "out": {"sum": "input.amount", "of": "data.egress"},
        "read": {"last": "output.status", "of": "data.read"},
        "agreed": {"once": "user.confirm"},
    },
)
SEND: dict[str, JsonValue] = {"name": "send", "effect": "write"}


@pytest.mark.parametrize(
    ("was", "now", "change", "names"),
    [
        (
            [PAY, LOOK],
            [PAY, LOOK, SEND],
            "send: tool new",
            {"sent", "looked_late", "sends", "late", "later", "undone"},
        ),
        (
            [PAY, LOOK, SEND],
            [PAY, LOOK],
            "send: tool gone",
            {"sent", "looked_late", "sends", "late", "later", "undone"},
        ),
        (
            [PAY, LOOK],
            [LOOK, with_parameters({"amount": AMOUNT}, [])],
            "pay.amount: argument now optional",
            {"out"},
        ),
        (
            [PAY, LOOK],
            [PAY, {**LOOK, "output_schema": {"type": "object"}}],
            "look: output schema changed",
            {"read", "late", "later", "looked_late"},
        ),
        (
            [PAY, LOOK],
            [PAY, LOOK, {"name": "ask", "user": True}],
            "ask: user answer changed",
            {"agreed", "later"},
        ),
    ],
)
def test_a_change_touches_facts_over_its_tool_and_what_reads_them(
    was: list[dict[str, JsonValue]], now: list[dict[str, JsonValue]], change: str, names: set[str]
) -> None:
    changes = catalogue_changes([catalogue(*was)], [catalogue(*now)])
    found = affected(rules_of(FACTS), FACTS.facts, changes)
    assert {each.name for each in found if change in map(str, each.changes)} == names


def test_an_attribute_inside_a_record_does_not_change_unseen() -> None:
    def address(kind: str) -> ToolCatalogue:
        inner: JsonValue = {"type": "object", "properties": {"zip": {"type": kind}}}
        return catalogue(with_parameters({"address": inner}, []))

    [change] = catalogue_changes([address("string")], [address("integer")])
    assert str(change) == ("pay.address: argument retyped from {zip: String?} to {zip: Long?}")
