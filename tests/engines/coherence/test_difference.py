"""What a new version changed: calls that it decides otherwise, and laws that every answer keeps."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.difference import Difference, compare, merged
from mythos.engines.policy.identity import digest
from mythos.values.policy import PolicySet
from tests.engines.policy.scenes import engine_of, forbid, permit, policy

FACTS: JsonValue = {"confirmed": {"once": "user.confirm"}, "refunds": {"count": "refund"}}


def rules(*texts: str, name: str = "p", facts: JsonValue = FACTS, **more: JsonValue) -> PolicySet:
    return policy(name, "".join(texts), facts=facts, **more)


def compared(old: Sequence[PolicySet], new: Sequence[PolicySet]) -> Difference:
    """The difference; each call it shows is decided again by either version alone."""
    engine = engine_of(*{digest(each): each for each in (*old, *new)}.values())
    found = compare(engine, [digest(each) for each in old], [digest(each) for each in new])
    for call in found.calls:
        assert call.old.request == call.new.request
        decided = [
            engine.in_cedar.decide(
                call.old.request, in_force=[digest(each) for each in sets]
            ).allowed
            for sets in (old, new)
        ]
        assert decided == [call.old.allowed, call.new.allowed]
        assert decided == [call.change == "tightened", call.change == "loosened"]
    return found


def cap(cents: int) -> str:
    return forbid("cap", "refund", f"context.input.amount_cents > {cents}")


ANY, ASKED = permit("any", "refund"), permit("any", "refund", "context.past.confirmed")
CHANGES = [
    ((ANY, cap(500)), (ANY, cap(900)), "loosened"),
    ((ANY, cap(500)), (ANY,), "loosened"),
    ((cap(500),), (ANY, cap(500)), "tightened"),  # a guard alone denies nothing else
    ((ANY, cap(500)), (ASKED, cap(500)), "tightened"),
    ((ANY,), (ANY, permit("small", "refund", "context.input.amount_cents < 5")), "equal"),
    ((ANY, cap(500)), (cap(500), ANY), "equal"),
    ((ANY, cap(500)), (ASKED, cap(900)), "incomparable"),
    ((ANY, permit("look", "get_order")), (permit("also", "find_user"),), "incomparable"),
    ((ANY,), (ANY, forbid("w", "refund", 'context.input has note && "a" == "b"')), "equal"),
]


@pytest.mark.parametrize(("old", "new", "verdict"), CHANGES)
def test_a_change_is_told_and_its_calls_replay_on_both_versions(
    old: tuple[str, ...], new: tuple[str, ...], verdict: str
) -> None:
    found = compared([rules(*old)], [rules(*new)])
    assert found.verdict == verdict
    assert not found.doubts


def test_a_raised_cap_is_shown_by_a_call_between_the_two() -> None:
    (call,) = compared([rules(ANY, cap(500))], [rules(ANY, cap(900))]).calls
    arguments = call.old.request.arguments
    assert arguments is not None
    assert 500 < arguments["amount_cents"] <= 900  # type: ignore[operator]
    assert [rule for _, rule in call.old.denied_by] == ["cap"]
    assert call.new.denied_by == ()


def test_each_tool_and_direction_has_its_own_call() -> None:
    old = rules(ANY, cap(500), permit("look", "get_order"))
    new = rules(ASKED, cap(900), permit("find", "find_user"))
    found = compared([old], [new])
    assert {(call.change, call.old.request.tool) for call in found.calls} == {
        ("loosened", "refund"),
        ("tightened", "refund"),
        ("tightened", "get_order"),
        ("loosened", "find_user"),
    }


def test_what_the_other_sets_forbid_anyway_is_no_change() -> None:
    other = rules(cap(100), name="q")
    assert compared([rules(ANY, cap(500)), other], [rules(ANY, cap(900)), other]).verdict == "equal"
    assert compared([other, rules(ANY)], [rules(ANY)]).verdict == "loosened"


def test_what_hangs_on_an_untranslatable_rule_is_undecided_unless_a_call_shows_it() -> None:
    product = "context.input.amount_cents * context.past.refunds > {}"
    old, new = (rules(ANY, forbid("p", "refund", product.format(n))) for n in (7, 8))
    found = compared([old], [new])
    assert found.verdict == "undecided"
    assert all("two unknown numbers" in doubt for doubt in found.doubts)
    elsewhere = rules(permit("look", "get_order"), ANY, forbid("p", "refund", product.format(8)))
    assert compared([old], [elsewhere]).verdict == "loosened"


def test_rules_that_are_untranslatable_but_the_same_leave_the_rest_decided() -> None:
    product = forbid("p", "refund", "context.input.amount_cents * context.past.refunds > 7")
    found = compared([rules(ANY, product)], [rules(ANY, product, permit("look", "get_order"))])
    assert (found.verdict, found.doubts) == ("loosened", ())


def test_a_fact_that_is_declared_otherwise_is_another_history() -> None:
    anew: JsonValue = {
        "confirmed": {"once": "user.message"},
        "refunds": {"count": "refund"},
    }
    assert compared([rules(ASKED)], [rules(ASKED, facts=anew)]).verdict == "incomparable"


def test_a_fact_that_now_looks_back_less_far_holds_less_often() -> None:
    anew: JsonValue = {
        "confirmed": {"once": "user.confirm", "within": "1h"},
        "refunds": {"count": "refund"},
    }
    assert compared([rules(ASKED)], [rules(ASKED, facts=anew)]).verdict == "tightened"


def test_differences_of_several_catalogues_are_one() -> None:
    looser = compared([rules(ANY, cap(500))], [rules(ANY)])
    tighter = compared([rules(ANY)], [rules(ANY, cap(500))])
    assert merged([]).verdict == "equal"
    assert merged([looser, Difference()]).verdict == "loosened"
    assert merged([looser, tighter]).verdict == "incomparable"
    assert merged([tighter, Difference(doubts=("no",))]).verdict == "undecided"


CONDITIONS = st.sampled_from(
    [
        "true",
        "context.past.confirmed",
        "context.past.refunds < 2",
        "context.input.amount_cents > 500",
        "context.input.amount_cents + 1 > 0",
        "context.input.amount_cents <= 500",
        'context.input has to && context.input.to like "*@shop.example"',
        'context.input has to && context.input.to like "a*"',
        'principal == Agent::"clerk"',
        "context.sinks.untrusted",
        "context.input.amount_cents * context.past.refunds > 7",
    ]
)
SETS = st.lists(
    st.tuples(
        st.sampled_from([permit, forbid]), st.sampled_from(["refund", "get_order"]), CONDITIONS
    ),
    min_size=1,
    max_size=4,
).map(
    lambda parts: "".join(
        write(f"r{n}", tool, text if tool == "refund" or "input" not in text else "true")
        for n, (write, tool, text) in enumerate(parts)
    )
)
MIRROR = {"loosened": "tightened", "tightened": "loosened"}


@settings(max_examples=25)
@given(SETS)
def test_a_policy_set_is_equal_to_itself_whatever_it_holds(text: str) -> None:
    old, new = rules(text), rules(text, name="q")
    assert digest(old) != digest(new)
    assert compared([old], [new]) == Difference()


@settings(max_examples=25)
@given(SETS, SETS)
def test_what_one_way_loosens_the_other_way_tightens(one: str, other: str) -> None:
    there = compared([rules(one)], [rules(other)])
    back = compared([rules(other)], [rules(one)])

    def told(found: Difference) -> set[tuple[str, str]]:
        return {(call.change, call.old.request.tool) for call in found.calls}

    if not there.doubts and not back.doubts:
        assert {(MIRROR[change], tool) for change, tool in told(there)} == told(back)
        assert MIRROR.get(there.verdict, there.verdict) == back.verdict


@settings(max_examples=25)
@given(SETS, CONDITIONS)
def test_one_more_forbid_never_loosens_and_one_more_permit_never_tightens(
    text: str, condition: str
) -> None:
    text += permit("look", "find_user")  # a set without any permit is a guard
    for write, never in ((forbid, "loosened"), (permit, "tightened")):
        found = compared([rules(text)], [rules(text + write("more", "refund", condition))])
        assert never not in {call.change for call in found.calls}
