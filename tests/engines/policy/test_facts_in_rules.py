"""Facts as rules read them: counted, summed, remembered, and undecidable where not told."""

from __future__ import annotations

import pytest

from mythos.engines.policy.facts.known import OneOf
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Request, Standing
from mythos.errors import PolicyError
from mythos.values.event import Json
from mythos.values.outcome import Outcome
from tests.engines.policy.scenes import Story, engine_of, forbid, permit, policy

UPHELD, VIOLATED, UNDECIDABLE = Outcome.UPHELD, Outcome.VIOLATED, Outcome.UNDECIDABLE


def refund(cents: int) -> dict[str, Json]:
    return {"amount_cents": cents, "to": "card"}


def test_given_a_running_total_when_the_cap_would_be_passed_then_the_refund_is_a_violation() -> (
    None
):
    capped = policy(
        "p",
        forbid("cap", "refund", "context.past.spent + context.input.amount_cents > 500"),
        facts={"spent": {"sum": "input.amount_cents", "of": "refund"}},
    )
    story = Story().user("hi").call("refund", refund(300)).call("refund", refund(200))
    assert story.call("refund", refund(1)).outcomes(capped) == [UPHELD, UPHELD, VIOLATED]


def test_given_a_count_by_order_when_it_is_another_order_then_it_counts_apart() -> None:
    once = policy(
        "p",
        forbid("once-per-order", "cancel_order", "context.past.cancelled >= 1"),
        facts={"cancelled": {"count": "cancel_order", "by": "order_id"}},
    )
    story = Story().user("hi")
    for order in ("A", "B", "A"):
        story.call("cancel_order", {"order_id": order})
    assert story.outcomes(once) == [UPHELD, UPHELD, VIOLATED]


def test_given_a_status_that_was_read_when_it_is_not_open_then_cancelling_is_a_violation() -> None:
    pending = policy(
        "p",
        permit("read", "get_order")
        + permit(
            "pending-only",
            "cancel_order",
            'context.past has status && context.past.status == "pending"',
        ),
        facts={"status": {"last": "output.status", "of": "get_order", "by": "order_id"}},
    )
    story = Story().user("hi").call("cancel_order", {"order_id": "A"})
    story.call("get_order", {"order_id": "A"}, output='{"status": "pending"}')
    story.call("cancel_order", {"order_id": "A"})
    story.call("get_order", {"order_id": "A"}, output="status: shipped")
    story.call("cancel_order", {"order_id": "A"})
    assert story.outcomes(pending) == [VIOLATED, UPHELD, UPHELD, UPHELD, VIOLATED]


def test_given_a_status_that_was_not_captured_then_only_what_needs_it_is_undecidable() -> None:
    facts: dict[str, Json] = {"status": {"last": "output.status", "of": "get_order"}}
    needs = 'context.past has status && context.past.status == "pending"'
    open_ = policy("a", permit("p", "cancel_order", needs), facts=facts)
    also = policy(
        "b", permit("p", "cancel_order", needs) + permit("q", "cancel_order"), facts=facts
    )
    never = policy(
        "c", permit("p", "cancel_order", needs) + forbid("f", "cancel_order"), facts=facts
    )
    veto = policy(
        "d", permit("q", "cancel_order") + forbid("p", "cancel_order", needs), facts=facts
    )
    story = Story().user("hi").blind_call("get_order").call("cancel_order", {"order_id": "A"})
    told = {each.policy_set: story.outcomes(each)[-1] for each in (open_, also, never, veto)}
    assert told == {"a": UNDECIDABLE, "b": UPHELD, "c": VIOLATED, "d": UNDECIDABLE}


def test_given_a_count_with_a_doubt_then_it_is_decided_where_both_numbers_agree() -> None:
    facts: dict[str, Json] = {"n": {"count": "cancel_order", "by": "order_id"}}
    story = Story().user("hi").call("cancel_order", {"order_id": "A"}).blind_call("cancel_order")
    story.call("cancel_order", {"order_id": "A"})
    for limit, outcome in ((1, VIOLATED), (2, UNDECIDABLE), (3, UPHELD)):
        capped = policy(
            "p", forbid("cap", "cancel_order", f"context.past.n >= {limit}"), facts=facts
        )
        assert story.outcomes(capped)[-1] is outcome, limit


def test_given_a_fact_of_the_fleet_then_the_rule_is_left_to_the_monitor_and_named() -> None:
    facts: dict[str, Json] = {
        "spent": {"sum": "input.amount_cents", "of": "refund", "scope": "fleet", "within": "1d"}
    }
    fleet = policy(
        "p",
        permit("any", "refund") + forbid("fleet-cap", "refund", "context.past.spent > 5"),
        facts=facts,
    )
    asked = Request(agent="a", tool="refund", arguments=refund(1))
    decision = engine_of(fleet).decide(asked, in_force=[digest(fleet)])
    assert decision.allowed
    assert decision.deferred == ("p/fleet-cap",)


def test_a_rule_may_read_the_time_and_the_depth_of_the_agent() -> None:
    late = policy(
        "p",
        forbid("late", "refund", 'context.now >= datetime("1970-01-02T00:00:00Z")')
        + forbid("deep", "refund", "context.depth > 1"),
    )
    engine, name = engine_of(late), digest(late)
    asked = Request(agent="a", tool="refund", arguments=refund(1), now_ns=10**9)
    assert engine.decide(asked, in_force=[name]).allowed
    tomorrow = Request(agent="a", tool="refund", arguments=refund(1), now_ns=86_400 * 10**9)
    assert engine.decide(tomorrow, in_force=[name]).verdicts[0].rule == "late"
    unknown = Request(agent="a", tool="refund", arguments=refund(1), depth=None)
    assert engine.decide(unknown, in_force=[name]).verdicts[0].standing is Standing.OPEN


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        ({"count": "get_ordr"}, "no tool of the catalogue"),
        ({"sum": "input.amount", "of": "refund"}, "refund has no input.amount"),
        ({"sum": "input.note", "of": "refund"}, "is String, no number"),
        ({"last": "input.note", "of": "refund", "type": "integer"}, "is String, not Long"),
        ({"count": "refund", "by": "order_id"}, "no argument of refund"),
        ({"count": "cancel_order", "by": "order_id"}, "for which rule 'r' reads it"),
    ],
)
def test_a_fact_that_does_not_fit_the_tools_is_refused(fact: Json, message: str) -> None:
    condition = "context.past has f" if "last" in str(fact) else "context.past.f > 1"
    with pytest.raises(PolicyError) as caught:
        engine_of(
            policy(
                "p",
                forbid("r", "refund", condition),
                facts={"f": fact},
                covers={"tools": "shop/retail"},
            )
        )
    assert message in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("condition", "standing"), [("true", Standing.CHARGED), ("false", Standing.OPEN)]
)
def test_more_ways_than_can_be_tried_leave_open_only_what_hangs_on_them(
    condition: str, standing: Standing
) -> None:
    names = ("a", "b", "c")
    read = " && ".join(f"context.past has {name} && context.past.{name} == 9" for name in names)
    rules = policy(
        "p",
        forbid("any", "refund", condition) + forbid("all", "refund", read),
        facts={name: {"last": "input.amount_cents", "of": "refund"} for name in names},
    )
    few = OneOf(tuple(range(3, 11)))
    request = Request(
        "clerk", "refund", refund(5), facts={digest(rules): dict.fromkeys(names, few)}
    )
    decision = engine_of(rules).decide(request, in_force=[digest(rules)])
    assert [verdict.standing for verdict in decision.verdicts] == [standing]
