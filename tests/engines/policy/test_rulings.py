"""Whole runs: the outcomes of each action, from the run's own past."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.policy.blocked import DeniedAttempt, blocked_rulings
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.identity import digest
from mythos.engines.policy.rulings import rulings_of
from mythos.values.event import Event, Json, Kind
from mythos.values.outcome import DEFAULT_RULE, UNDECLARED_TOOL, Outcome, Ruling, Severity
from tests.engines.policy.scenes import (
    SECOND,
    Story,
    engine_of,
    forbid,
    outcome_of,
    permit,
    policy,
)

UPHELD, VIOLATED = Outcome.UPHELD, Outcome.VIOLATED
UNDECIDABLE, BLOCKED = Outcome.UNDECIDABLE, Outcome.BLOCKED

RETAIL_CARE = load_policy_set(
    """\
policy_set: retail-care
version: 1
covers: {tools: shop/retail}
facts:
  identified: {once: find_user}
  confirmed: {once: user.confirm, since: [cancel_order, refund], within: 10m}
rules: |
  @id("identify")
  permit(principal, action in [Action::"find_user", Action::"ask_user"], resource);

  @id("read-own") @explain("Identity before anything.")
  permit(principal, action == Action::"get_order", resource)
  when { context.past.identified };

  @id("confirmed-write")
  permit(principal, action in [Action::"cancel_order", Action::"refund"], resource)
  when { context.past.identified && context.past.confirmed };

  @id("refund-cap") @severity("critical") @explain("A refund is at most 200.00.")
  forbid(principal, action == Action::"refund", resource)
  when { context.input.amount_cents > 20000 };
""",
    source="retail-care.yaml",
)


def identified() -> Story:
    return Story().user("I am a@b.example").call("find_user", {"email": "a@b.example"})


def test_nothing_is_permitted_before_identity() -> None:
    story = Story().user("Show my order").call("get_order", {"order_id": "1"})
    (ruling,) = story.judged(RETAIL_CARE).in_force
    assert (ruling.outcome, ruling.rule) == (VIOLATED, DEFAULT_RULE)
    assert ruling.missing == ("identified",)


def test_a_failed_identification_identifies_nobody() -> None:
    story = Story().user("hello").call("find_user", {"email": "x"}, failed=True)
    assert story.call("get_order", {"order_id": "1"}).outcomes(RETAIL_CARE) == [UPHELD, VIOLATED]


def test_one_yes_pays_for_one_write() -> None:
    story = identified().user("Yes, cancel it").call("cancel_order", {"order_id": "1"})
    assert story.outcomes(RETAIL_CARE)[1:] == [UPHELD]
    story.call("cancel_order", {"order_id": "2"})
    assert story.outcomes(RETAIL_CARE)[1:] == [UPHELD, VIOLATED]
    story.user("yes").call("cancel_order", {"order_id": "2"})
    assert story.outcomes(RETAIL_CARE)[1:] == [UPHELD, VIOLATED, UPHELD]


def test_a_message_that_is_no_yes_confirms_nothing() -> None:
    story = identified().user("Hm, let me think").call("cancel_order", {"order_id": "1"})
    assert story.judged(RETAIL_CARE).in_force[-1].missing == ("confirmed",)


def test_the_answer_to_a_tool_that_asks_the_user_confirms() -> None:
    story = identified().call("ask_user", {"question": "Cancel?"}, output="Yes please")
    assert story.call("cancel_order", {"order_id": "1"}).outcomes(RETAIL_CARE)[-1] is UPHELD


def test_a_yes_goes_stale() -> None:
    story = identified().user("Yes")
    story.now_s += 601
    assert story.call("cancel_order", {"order_id": "1"}).outcomes(RETAIL_CARE)[-1] is VIOLATED


def test_the_cap_is_counted_in_whole_cents() -> None:
    for cents, outcome in ((20_000, UPHELD), (20_001, VIOLATED)):
        story = identified().user("Yes").call("refund", {"amount_cents": cents})
        ruling = story.judged(RETAIL_CARE).in_force[-1]
        assert ruling.outcome is outcome
    assert (ruling.rule, ruling.severity) == ("refund-cap", Severity.CRITICAL)
    assert ruling.why == "A refund is at most 200.00."


def test_two_writes_in_flight_cannot_share_one_yes() -> None:
    story = identified().user("Yes")
    story.call("cancel_order", {"order_id": "1"}).call("cancel_order", {"order_id": "2"})
    first, second = story.events[-2:]
    story.events[-1] = replace(second, start_ns=first.start_ns)
    assert story.outcomes(RETAIL_CARE)[1:] == [UPHELD, VIOLATED]


def test_a_result_counts_only_once_it_is_known() -> None:
    story = identified().call("get_order", {"order_id": "1"})
    lookup, read = story.events[-2:]
    story.events[-2] = replace(lookup, end_ns=read.start_ns + 1)
    assert story.outcomes(RETAIL_CARE) == [UPHELD, VIOLATED]
    story.events[-2] = replace(lookup, end_ns=read.start_ns)
    assert story.outcomes(RETAIL_CARE) == [UPHELD, UPHELD]


def test_a_call_that_takes_no_time_does_not_count_for_itself() -> None:
    again = policy("p", permit("a", "get_order", "context.past.was"), facts=was("get_order"))
    story = Story().user("x").call("get_order", {"order_id": "1"})
    story.events[-1] = replace(story.events[-1], end_ns=story.events[-1].start_ns)
    assert story.outcomes(again) == [VIOLATED]
    assert story.call("get_order", {"order_id": "1"}).outcomes(again) == [VIOLATED, UPHELD]


def was(tool: str) -> dict[str, JsonValue]:
    return {"was": {"once": tool}}


def test_an_executed_denied_call_is_violated_even_if_it_failed() -> None:
    story = Story().user("x").call("refund", {"amount_cents": 1}, failed=True)
    assert story.outcomes(RETAIL_CARE) == [VIOLATED]


def test_an_undeclared_tool_is_violated_even_without_arguments() -> None:
    (ruling,) = Story().user("x").blind_call("wire_money").judged(RETAIL_CARE).in_force
    assert (ruling.outcome, ruling.rule) == (VIOLATED, UNDECLARED_TOOL)


def test_a_call_without_captured_arguments_is_undecidable_for_every_set() -> None:
    guard = policy("guard", forbid("a", "refund", "context.input.amount_cents > 1"))
    rulings = Story().user("x").blind_call("get_order").judged(RETAIL_CARE, guard).in_force
    assert [ruling.outcome for ruling in rulings] == [UNDECIDABLE, UNDECIDABLE]


def test_when_no_word_of_the_user_was_captured_a_confirmation_is_undecidable() -> None:
    story = Story().model().call("find_user", {"email": "x"})
    story.call("get_order", {"order_id": "1"}).call("cancel_order", {"order_id": "1"})
    assert story.outcomes(RETAIL_CARE) == [UPHELD, UPHELD, UNDECIDABLE]
    story.call("cancel_order", {"order_id": "2"})
    assert story.outcomes(RETAIL_CARE)[-1] is UNDECIDABLE


def test_a_masked_message_may_have_been_a_yes_until_a_write_used_it_up() -> None:
    story = identified().user("").call("cancel_order", {"order_id": "1"})
    assert story.outcomes(RETAIL_CARE)[-1] is UNDECIDABLE
    assert story.call("cancel_order", {"order_id": "2"}).outcomes(RETAIL_CARE)[-1] is VIOLATED


def test_an_unseen_answer_of_a_tool_that_asks_the_user_may_have_been_a_yes() -> None:
    story = identified().blind_call("ask_user").call("cancel_order", {"order_id": "1"})
    assert story.outcomes(RETAIL_CARE)[-1] is UNDECIDABLE


def test_a_masked_argument_is_undecidable_for_the_rules_that_read_it_alone() -> None:
    masked: dict[str, Json] = {"amount_cents": 5, "note": "[REDACTED]"}
    assert identified().user("Yes").call("refund", masked).outcomes(RETAIL_CARE)[-1] is UPHELD
    masked = {"amount_cents": "***", "note": "x"}
    (*_, ruling) = identified().user("Yes").call("refund", masked).judged(RETAIL_CARE).in_force
    assert ruling.outcome is UNDECIDABLE
    assert "amount_cents" in ruling.why


def test_each_agent_is_decided_by_its_own_sets() -> None:
    lax, strict = policy("lax", permit("a", "")), policy("strict", permit("a", "get_order"))
    story = Story().user("x").call("refund", {"amount_cents": 1})
    story.agent = "auditor"
    story.call("refund", {"amount_cents": 1})
    in_force = {"clerk": [digest(lax)], "auditor": [digest(strict)]}
    rulings = rulings_of(story.run, engine_of(lax, strict), sets_of=in_force.__getitem__).in_force
    assert [(each.agent, each.policy_set, each.outcome) for each in rulings] == [
        ("clerk", "lax", UPHELD),
        ("auditor", "strict", VIOLATED),
    ]


def test_shadow_outcomes_are_kept_apart_and_change_nothing() -> None:
    lax, strict = policy("lax", permit("a", "")), policy("strict", forbid("b", "refund"))
    rulings = Story().user("x").call("refund", {"amount_cents": 1}).judged(lax, shadow=(strict,))
    assert outcome_of(rulings.in_force, lax) is UPHELD
    assert outcome_of(rulings.shadow, strict) is VIOLATED


def test_a_set_in_force_is_not_also_its_own_shadow() -> None:
    lax = policy("lax", permit("a", ""))
    rulings = Story().user("x").call("refund", {"amount_cents": 1}).judged(lax, shadow=(lax,))
    assert (len(rulings.in_force), rulings.shadow) == (1, ())


@given(st.permutations(range(9)))
def test_the_order_in_which_events_are_listed_does_not_matter(order: list[int]) -> None:
    story = identified().call("get_order", {"order_id": "1"}).user("Yes")
    story.call("cancel_order", {"order_id": "1"}).call("refund", {"amount_cents": 1})
    story.user("ok").call("refund", {"amount_cents": 1})
    assert len(story.events) == 9
    expected = story.judged(RETAIL_CARE)
    shuffled = replace(story.run, events=tuple(story.events[each] for each in order))
    sets = [digest(RETAIL_CARE)]
    assert rulings_of(shuffled, engine_of(RETAIL_CARE), sets_of=lambda _: sets) == expected


# Blocked attempts


def denial(story: Story, *, call_id: str = "", at_s: int | None = None) -> DeniedAttempt:
    at_ns = (story.now_s if at_s is None else at_s) * SECOND
    ruling = Ruling("p", "sha256:0", "", "clerk", "refund", at_ns, BLOCKED, "cap")
    return DeniedAttempt("clerk", "refund", call_id, {"amount_cents": 9}, at_ns, (ruling,))


def test_a_denial_that_was_obeyed_is_blocked() -> None:
    story = Story().user("x")
    (ruling,) = blocked_rulings(story.run, [denial(story)])
    assert ruling.outcome is BLOCKED


def test_a_denial_whose_call_was_made_is_no_block() -> None:
    story = Story().user("x")
    attempt = denial(story)
    assert blocked_rulings(story.call("refund", {"amount_cents": 9}).run, [attempt]) == []


@pytest.mark.parametrize(
    ("denied_as", "called_as", "n_blocked"), [("c1", "c1", 0), ("c1", "c2", 1), ("c1", "", 0)]
)
def test_call_ids_decide_where_both_have_one(
    denied_as: str, called_as: str, n_blocked: int
) -> None:
    story = Story().user("x")
    attempt = denial(story, call_id=denied_as)
    story.call("refund", {"amount_cents": 9}, call_id=called_as)
    assert len(blocked_rulings(story.run, [attempt])) == n_blocked


def test_an_earlier_call_answers_no_later_denial() -> None:
    story = Story().user("x").call("refund", {"amount_cents": 9})
    assert len(blocked_rulings(story.run, [denial(story)])) == 1


def test_one_call_answers_one_denial() -> None:
    story = Story().user("x")
    attempts = [denial(story), denial(story)]
    assert len(blocked_rulings(story.call("refund", {"amount_cents": 9}).run, attempts)) == 1


def test_a_claimed_denial_is_blocked_for_the_sets_that_do_deny_it() -> None:
    lax = policy("lax", permit("a", ""))
    arguments = '{"amount_cents": 30000}'
    story = identified().denied("refund", gen_ai__tool__call__arguments=arguments)
    rulings = story.judged(RETAIL_CARE, lax)
    assert [(each.policy_set, each.rule, each.claimed) for each in rulings.claimed] == [
        ("retail-care", "refund-cap", True)
    ]
    assert all(each.tool != "refund" for each in rulings.in_force)


def test_a_claimed_denial_whose_call_was_made_is_violated_and_not_blocked() -> None:
    arguments = '{"amount_cents": 30000}'
    story = identified().denied("refund", gen_ai__tool__call__arguments=arguments)
    rulings = story.call("refund", {"amount_cents": 30000}).judged(RETAIL_CARE)
    assert rulings.claimed == ()
    assert rulings.in_force[-1].outcome is VIOLATED


def test_a_denied_attempt_uses_up_no_confirmation() -> None:
    story = identified().user("Yes").denied("refund").call("cancel_order", {"order_id": "1"})
    assert story.outcomes(RETAIL_CARE)[-1] is UPHELD


def test_an_executed_call_that_claims_to_be_denied_is_judged_as_executed() -> None:
    story = Story().user("x").call("refund", {"amount_cents": 30000})
    event: Event = story.events[-1]
    assert event.kind is Kind.TOOL_CALL
    story.events[-1] = replace(event, verdict="deny")
    rulings = story.judged(RETAIL_CARE)
    assert (rulings.in_force[0].outcome, rulings.claimed) == (VIOLATED, ())
