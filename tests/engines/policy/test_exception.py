"""An exception lets one kind of call through for a time, and the next version says so itself."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.exception import Excuse, with_exceptions
from mythos.engines.policy.exception_pins import Trial
from mythos.engines.policy.identity import canonical, digest
from mythos.engines.policy.rule import rules_of
from mythos.errors import PolicyError
from mythos.values.expected import ExpectedRequest
from mythos.values.policy import PolicySet
from tests.engines.policy.scenes import RETAIL, policy

UNTIL = datetime(2026, 12, 5, 10, 30, 0, 250_000, UTC)
BEFORE, AFTER = UNTIL - timedelta(days=1), UNTIL + timedelta(days=1)
CAP = policy(
    "refunds",
    """@id("cap")
@severity("critical")
forbid (principal, action == Action::"refund", resource)
when { context.input.amount_cents > 100 } // a comment; with a semicolon
;
@id("notes") forbid (principal, action == Action::"refund", resource)
when { context.input has note && context.input.note == "no" };
""",
)
DESK = policy(
    "desk",
    """@id("read") permit (principal, action == Action::"get_order", resource);
@id("confirmed-write")
permit (principal, action == Action::"cancel_order", resource) when { context.past.confirmed };
@id("explicit-yes")
forbid (principal, action == Action::"cancel_order", resource) unless { context.past.confirmed };
""",
    facts={"confirmed": {"once": "user.confirm"}},
)
REFUND = Excuse(
    name="benign-1",
    agent="clerk",
    tool="refund",
    rule="cap",
    until=UNTIL,
    arguments={"amount_cents": 500},
    sent={"amount_cents": 500, "to": "DE1"},
)
CANCEL = Excuse(
    name="benign-2",
    agent="clerk",
    tool="cancel_order",
    rule="explicit-yes",
    until=UNTIL,
    arguments={"order_id": "W-1"},
    sent={"order_id": "W-1"},
    missing=("confirmed",),
)


def word(policy_set: PolicySet, now: datetime = BEFORE, **call: JsonValue) -> str:
    request = ExpectedRequest.model_validate({"agent": "clerk", "now": now.isoformat(), **call})
    return Trial.of(policy_set, RETAIL).word(request)


def refund(policy_set: PolicySet, amount: int = 500, **more: JsonValue) -> str:
    now = more.pop("now", BEFORE)
    assert isinstance(now, datetime)
    arguments: JsonValue = {"amount_cents": amount, "to": "DE1"}
    return word(policy_set, now, **{"tool": "refund", "arguments": arguments, **more})


def test_the_call_is_allowed_until_the_end_and_denied_from_then_on() -> None:
    made = with_exceptions(CAP, [REFUND], RETAIL)
    assert (refund(CAP), refund(made)) == ("deny", "allow")
    assert word(made, AFTER, tool="refund", arguments={"amount_cents": 500}) == "deny"
    assert word(made, UNTIL, tool="refund", arguments={"amount_cents": 500}) == "deny"


def test_another_value_agent_or_reason_is_still_denied() -> None:
    made = with_exceptions(CAP, [REFUND], RETAIL)
    assert refund(made, 501) == "deny"
    assert refund(made, agent="other") == "deny"
    note: JsonValue = {"amount_cents": 500, "note": "no"}
    assert word(made, tool="refund", arguments=note) == "deny"


def test_the_next_version_loads_from_its_text_and_says_who_it_is() -> None:
    made = with_exceptions(CAP, [REFUND], RETAIL)
    assert load_policy_set(json.dumps(canonical(made)), source="next.json") == made
    assert (made.policy_set, made.version, made.facts) == ("refunds", 2, CAP.facts)


def test_only_the_rule_that_denied_changes() -> None:
    before = {rule.id: rule.text for rule in rules_of(CAP)}
    after = {rule.id: rule.text for rule in rules_of(with_exceptions(CAP, [REFUND], RETAIL))}
    assert after.keys() == before.keys()
    assert after["notes"] == before["notes"]
    assert after["cap"].startswith(before["cap"].removesuffix("\n;"))
    assert 'context.now < datetime("2026-12-05T10:30:00Z")' in after["cap"]


def test_its_promises_pin_the_exception_and_hold() -> None:
    made = with_exceptions(CAP, [REFUND], RETAIL)
    trial = Trial.of(made, RETAIL)
    assert [(each.name, each.decision) for each in made.expect] == [
        ("benign-1: allowed before its end", "allow"),
        ("benign-1: denied after its end", "deny"),
        ("benign-1: denied with another value", "deny"),
        ("benign-1: denied to another agent", "deny"),
    ]
    for each in made.expect:
        assert each.request is not None
        assert trial.word(each.request) == each.decision


def test_where_nothing_else_permits_the_call_the_exception_permits_it() -> None:
    made = with_exceptions(DESK, [CANCEL], RETAIL)
    call: JsonValue = {"order_id": "W-1"}
    assert word(DESK, tool="cancel_order", arguments=call) == "deny"
    assert word(made, tool="cancel_order", arguments=call) == "allow"
    assert word(made, tool="cancel_order", arguments={"order_id": "W-2"}) == "deny"
    assert word(made, AFTER, tool="cancel_order", arguments=call) == "deny"
    assert "benign-2" in {rule.id for rule in rules_of(made)}


def test_a_call_that_no_rule_permitted_gets_a_permit() -> None:
    excuse = replace(REFUND, rule="default", name="benign-3")
    made = with_exceptions(DESK, [excuse], RETAIL)
    assert (refund(DESK), refund(made), refund(made, 501)) == ("deny", "allow", "deny")


def test_several_exceptions_make_one_version() -> None:
    made = with_exceptions(DESK, [CANCEL, replace(REFUND, rule="default")], RETAIL)
    assert made.version == 2
    assert len(made.expect) == 8
    assert refund(made) == "allow"


def test_what_another_rule_denies_too_is_refused_with_the_way_on() -> None:
    excuse = replace(REFUND, sent={"amount_cents": 500, "note": "no"})
    with pytest.raises(PolicyError, match="would deny this call still") as caught:
        with_exceptions(CAP, [excuse], RETAIL)
    assert "mark the other rule's violation too" in caught.value.remedy


@pytest.mark.parametrize("rule", ["undeclared_tool", "gone"])
def test_no_rule_can_let_an_undeclared_tool_through(rule: str) -> None:
    with pytest.raises(PolicyError, match="no rule of refunds") as caught:
        with_exceptions(CAP, [replace(REFUND, rule=rule)], RETAIL)
    assert "declare the tool" in caught.value.remedy


def test_no_rule_can_let_arguments_that_do_not_fit_through() -> None:
    with pytest.raises(PolicyError, match="no rule of refunds") as caught:
        with_exceptions(CAP, [replace(REFUND, rule="invalid_arguments")], RETAIL)
    assert "declare what refund takes" in caught.value.remedy


def test_arguments_that_do_not_fit_the_schema_are_refused() -> None:
    excuse = replace(REFUND, sent={"amount_cents": "500"})
    with pytest.raises(PolicyError, match="does not fit the schema of refund"):
        with_exceptions(CAP, [excuse], RETAIL)


def test_a_rule_that_reads_origins_is_pinned_with_the_origin_that_broke_it() -> None:
    guard = policy(
        "sinks",
        '@id("sink") forbid (principal, action, resource) when { context.sinks.untrusted };',
    )
    excuse = replace(REFUND, rule="sink", arguments={"to": "DE1"})
    made = with_exceptions(guard, [excuse], RETAIL)
    allowed = made.expect[0].request
    assert allowed is not None
    assert allowed.origins == {"to": "untrusted"}
    assert [rule.id for rule in rules_of(made)] == ["sink"], "a guard stays a guard"


def test_a_promise_that_the_exception_would_break_leaves_out_that_call_alone() -> None:
    promises = [
        {"name": "yes first", "never": "allow", "when": "!context.past.confirmed"},
        {"name": "no finding", "never": "allow", "actions": "find_user"},
        {"name": "reading", "always": "allow", "actions": "get_order"},
    ]
    desk = policy("desk", DESK.rules, facts={"confirmed": {"once": "user.confirm"}})
    promised = PolicySet.model_validate({**canonical(desk), "expect": promises})
    made = with_exceptions(promised, [CANCEL], RETAIL)
    yes, finding, reading = made.expect[:3]
    assert yes.when is not None
    assert yes.when.startswith("(!context.past.confirmed) && !(principal == Agent::")
    assert (finding, reading) == promised.expect[1:]
    loaded = load_policy_set(json.dumps(canonical(made)), source="next.json")
    assert loaded.expect == made.expect


@pytest.mark.parametrize(("old", "excuse"), [(CAP, REFUND), (DESK, CANCEL)])
def test_over_all_calls_it_is_loosened_by_the_excused_call_alone(
    old: PolicySet, excuse: Excuse
) -> None:
    pytest.importorskip("z3")
    from mythos.engines.coherence.difference import compare

    new = with_exceptions(old, [excuse], RETAIL)
    engine = compile_policies([old, new], RETAIL)
    found = compare(engine, [digest(old)], [digest(new)])
    assert (found.verdict, found.doubts) == ("loosened", ())
    (call,) = found.calls
    request = call.new.request
    assert (request.agent, request.tool) == ("clerk", excuse.tool)
    assert request.arguments is not None
    assert {name: request.arguments[name] for name in excuse.arguments} == excuse.arguments
    assert request.now_ns < UNTIL.timestamp() * 10**9


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@settings(deadline=None, max_examples=60)
@given(value=TEXTS, other=TEXTS)
def test_any_text_is_let_through_and_no_other(value: str, other: str) -> None:
    excuse = replace(CANCEL, arguments={"order_id": value}, sent={"order_id": value})
    made = with_exceptions(DESK, [excuse], RETAIL)
    assert word(made, tool="cancel_order", arguments={"order_id": value}) == "allow"
    if other != value:
        assert word(made, tool="cancel_order", arguments={"order_id": other}) == "deny"
