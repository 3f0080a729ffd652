"""What a new version changed: calls that it decides otherwise, and laws that every answer keeps."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.difference import Difference, compare, merged
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.facts.known import FactValue
from mythos.engines.policy.identity import digest
from mythos.engines.policy.request import Origin, Request
from mythos.values.event import Json, Repeated
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue
from tests.engines.policy.scenes import RETAIL, engine_of, forbid, opened, permit, policy

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


def test_dropping_the_only_rule_that_reads_arguments_lets_nothing_through_that_does_not_fit() -> (
    None
):
    positive = forbid("positive", "refund", "context.input.amount_cents < 0")
    old, new = rules(ANY, positive), rules(ANY)
    catalogue = ToolCatalogue.model_validate(
        {
            "domain": "shop/retail",
            "tools": [
                {
                    "name": "refund",
                    "effect": "egress",
                    "parameters": {
                        "type": "object",
                        "properties": {"amount_cents": {"type": "integer", "minimum": 0}},
                        "required": ["amount_cents"],
                    },
                }
            ],
        }
    )
    engine = compile_policies([old, new], catalogue)
    assert compare(engine, [digest(old)], [digest(new)]).verdict == "equal"
    unfit: list[dict[str, Json]] = [{"amount_cents": -5}, {"amount_cents": 5, "bcc": "x"}, {}]
    for arguments in unfit:
        request = Request("agent", "refund", arguments)
        assert not any(
            engine.decide(request, in_force=[digest(each)]).allowed for each in (old, new)
        )


OPEN: JsonValue = {"type": "object", "additionalProperties": True}


@pytest.mark.parametrize(
    ("parameters", "misfit"),
    [
        ({"type": "object", "properties": {}}, "argument undeclared is not declared"),
        ({"type": "object", "properties": {"undeclared": {"type": "string"}},
          "required": ["undeclared"]}, "argument undeclared is missing"),
        ({"type": "object", "properties": {"n": {"type": "string"}},
          "additionalProperties": True}, "argument n is no String"),
        ({"type": "object", "properties": {"n": {"type": "integer"}},
          "additionalProperties": True}, "argument n is no Long"),
        (OPEN, "argument twice is given more than once"),
    ],
)  # fmt: skip
def test_a_guard_that_comes_to_govern_a_tool_denies_what_does_not_fit(
    parameters: JsonValue, misfit: str
) -> None:
    tool: JsonValue = {"name": "act", "parameters": parameters}
    catalogue = ToolCatalogue.model_validate({"domain": "one", "tools": [tool]})
    nothing = forbid("nothing", "", 'principal == Agent::"a" && principal == Agent::"b"')
    away = policy("p", nothing, covers={"tools": "two"})
    here = policy("p", nothing, covers={"tools": "one"})
    engine = compile_policies([away, here], catalogue)
    for old, new, change in ((away, here, "tightened"), (here, away, "loosened")):
        found = compare(engine, [digest(old)], [digest(new)])
        (call,) = found.calls
        assert (found.verdict, call.change) == (change, change)
        assert [call.old.allowed, call.new.allowed] == [old is away, new is away]
        assert misfit in (*call.old.misfits, *call.new.misfits)


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


MIXED = opened(RETAIL, "get_order")
MIXED_TOOLS = {tool.name: tool for tool in MIXED.tools}
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


ARGUMENTS: st.SearchStrategy[dict[str, Json]] = st.fixed_dictionaries(
    {},
    optional={
        "amount_cents": st.sampled_from(
            [0, 50, 500, 501, -5000, 2**63 - 1, 2**63, 50.5, "50", True, None, Repeated([1, 1])]
        ),
        "to": st.sampled_from(["a@shop.example", "b@evil.example", "", 5, ["a"], "\ud800"]),
        "order_id": st.sampled_from(["W1", 7]),
        "bcc": st.sampled_from(["c@evil.example", "", None, Repeated(["x", "x"])]),
    },
)
CALLS = st.builds(
    lambda tool, arguments, agent, confirmed, refunds, origin: (
        tool, arguments, agent, {"confirmed": confirmed, "refunds": refunds}, origin,
    ),
    st.sampled_from(["refund", "get_order", "find_user"]),
    ARGUMENTS,
    st.sampled_from(["clerk", "agent"]),
    st.booleans(),
    st.sampled_from([0, 1, 2, 7]),
    st.sampled_from(list(Origin)),
)  # fmt: skip
COVERS = st.sampled_from(["*", "shop/retail", "shop/toys"])
BEFORE = {
    "equal": {(False, False), (True, True)},
    "tightened": {(False, False), (True, True), (True, False)},
    "loosened": {(False, False), (True, True), (False, True)},
}


@settings(max_examples=60)
@given(SETS, SETS, COVERS, COVERS, st.booleans(), st.lists(CALLS, min_size=20, max_size=40))
def test_no_call_whatever_its_arguments_is_decided_against_the_verdict(
    one: str,
    other: str,
    old_covers: str,
    new_covers: str,
    same: bool,
    calls: list[tuple[str, dict[str, Json], str, dict[str, FactValue], Origin]],
) -> None:
    """Arguments that do not fit and arguments that nobody declared are among them."""
    idle = forbid(
        "idle", "refund", "context.input.amount_cents > 5 && 5 > context.input.amount_cents"
    )
    old = rules(one + idle if same else one, name="old", covers={"tools": old_covers})
    new = rules(one if same else other, name="new", covers={"tools": new_covers})
    engine = compile_policies([old, new], MIXED)
    verdict = compare(engine, [digest(old)], [digest(new)]).verdict
    for tool, arguments, agent, facts, origin in calls:
        request = Request(
            agent,
            tool,
            arguments,
            facts={digest(each): facts for each in (old, new)},
            licensed=True,
            origins={
                sink: frozenset({origin})
                for sink in MIXED_TOOLS[tool].sinks_of(arguments)
                if arguments.get(sink) not in (None, "", [])
            },
        )
        both = tuple(engine.decide(request, in_force=[digest(each)]).allowed for each in (old, new))
        assert both in BEFORE.get(verdict, {both}), (verdict, request)
