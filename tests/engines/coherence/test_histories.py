"""Bounds of facts and relations between them, against the histories that decisions use."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.coherence.coherence import Coherence, check_coherence
from mythos.engines.coherence.domain import Domain
from mythos.engines.coherence.histories import Fact, family_of, kin_hold
from mythos.engines.coherence.symbols import Number, Truth, Word
from mythos.engines.coherence.terms import Bank, Evaluation
from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.document import load_policy_set
from mythos.engines.policy.facts.amounts import size_of
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import Asker, History
from mythos.engines.policy.facts.known import ABSENT, FactValue, OneOf
from mythos.engines.policy.facts.plan import FactPlan, plan_facts
from mythos.engines.policy.facts.recall import read_into, written
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

SECOND = 10**9
CENTS: JsonValue = {"type": "integer", "minimum": 0, "maximum": 900}


def shop(**fields: JsonValue) -> ToolCatalogue:
    """Two tools that pay, with these fields beside an order."""
    return ToolCatalogue.model_validate(
        {
            "domain": "shop",
            "tools": [
                {
                    "name": name,
                    "effect": "write",
                    "parameters": {
                        "type": "object",
                        "properties": {"order": {"type": "string"}, **fields},
                        "required": ["order", "cents"],
                    },
                }
                for name in ("pay", "give")
            ],
        }
    )


SHOP = shop(cents=CENTS, tip={"type": "number", "minimum": -2, "maximum": 2.5})


def a_set(facts: Mapping[str, JsonValue], rules: str, **more: JsonValue) -> PolicySet:
    document = {"policy_set": "p", "version": 1, "facts": dict(facts), "rules": rules, **more}
    return load_policy_set(json.dumps(document), source="p.json")


def plans(facts: Mapping[str, JsonValue], catalogue: ToolCatalogue = SHOP) -> dict[str, FactPlan]:
    found = a_set(facts, '@id("any") permit(principal, action, resource);')
    return plan_facts(found, catalogue)


def promised(facts: Mapping[str, JsonValue], never: str, *, cents: JsonValue = CENTS) -> Coherence:
    """Coherence of a set that allows everything and promises that something is never so."""
    wanted: JsonValue = [{"name": "held", "never": "allow", "when": never}]
    policy_set = a_set(facts, '@id("any") permit(principal, action, resource);', expect=wanted)
    return check_coherence([compile_policies([policy_set], shop(cents=cents))])


def kept(result: Coherence) -> bool:
    """Whether the promise holds, for it speaks of no call that there can be."""
    return not result.has_errors and all(not each.witness for each in result.findings)


SUM: JsonValue = {"sum": "input.cents", "of": "pay"}


@pytest.mark.parametrize("scope", [{}, {"scope": "agent", "within": "1h"}])
@pytest.mark.parametrize(
    ("fact", "impossible", "possible"),
    [
        ({"sum": "input.cents", "of": "pay"}, "context.past.f < 0", "context.past.f > 10000"),
        ({"sum": "input.cents", "of": ["pay", "give"]}, "context.past.f < 0", "context.past.f > 0"),
        (
            {"last": "input.cents", "of": "pay"},
            "context.past has f && context.past.f > 900",
            "context.past has f && context.past.f == 900",
        ),
    ],
)
def test_a_fact_is_within_what_the_argument_it_reads_may_be(
    scope: dict[str, JsonValue], fact: dict[str, JsonValue], impossible: str, possible: str
) -> None:
    facts = {"f": {**fact, **scope}}
    assert kept(promised(facts, impossible))
    assert not kept(promised(facts, possible))
    free: JsonValue = {"type": "integer"}
    assert not kept(promised(facts, impossible, cents=free))


@pytest.mark.parametrize(
    "fact",
    [
        {"sum": "output.cents", "of": "pay"},  # nobody holds outputs to their schema
        {"sum": "input.cents", "of": ["pay", "data.egress", "elsewhere"]},
    ],
)
def test_what_nobody_bounds_is_free(fact: JsonValue) -> None:
    tools = json.loads(SHOP.model_dump_json())
    for tool in tools["tools"]:
        tool["output_schema"] = {"type": "object", "properties": {"cents": CENTS}}
    found = plans({"f": fact}, ToolCatalogue.model_validate(tools))["f"]
    assert found.amounts is None


def test_amounts_are_in_the_units_of_the_fact_and_an_optional_one_may_add_nothing() -> None:
    found = plans({"f": SUM, "g": {"sum": "input.tip", "of": "pay"}})
    assert found["f"].amounts == (0, 900)
    assert found["g"].amounts == (-20_000, 25_000)
    dear = shop(cents={"type": "integer", "minimum": 5}, tip={"type": "integer", "minimum": 5})
    needed, optional = (plans({"f": {"sum": f, "of": "pay"}}, dear)["f"] for f in FIELDS)
    assert (needed.amounts, optional.amounts) == ((5, 2**63 - 1), (0, 2**63 - 1))


FIELDS = ("input.cents", "input.tip")


@pytest.mark.parametrize(
    ("one", "other", "impossible"),
    [
        (SUM, {"count": "pay"}, "context.past.one > 0 && context.past.other == 0"),
        (SUM, {"count": "pay"}, "context.past.one > 1800 && context.past.other == 2"),
        ({"once": "pay"}, {"count": "pay"}, "context.past.one && context.past.other == 0"),
        (
            {"count": "pay", "within": "10m"},
            {"count": "pay", "within": "1h"},
            "context.past.one > context.past.other",
        ),
        (
            {"count": "pay", "outcome": "error"},
            {"once": "pay", "outcome": "error"},
            "context.past.one > 0 && !context.past.other",
        ),
        (
            {"last": "input.order", "of": "pay"},
            {"once": "pay"},
            "context.past has one && !context.past.other",
        ),
    ],
)
def test_kin_never_contradict_each_other_and_strangers_may(
    one: dict[str, JsonValue], other: dict[str, JsonValue], impossible: str
) -> None:
    assert kept(promised({"one": one, "other": other}, impossible))
    strangers = {"one": one, "other": {**other, "by": "order"}}
    assert not kept(promised(strangers, impossible))
    lasting: dict[str, JsonValue] = {"scope": "agent", "within": "1h"}
    apart = {"one": {**one, **lasting}, "other": {**other, **lasting}}  # declared on different days
    assert not kept(promised(apart, impossible))


def test_a_call_in_flight_is_counted_and_nothing_else_knows_of_it() -> None:
    facts: dict[str, JsonValue] = {"one": {"count": "pay"}, "other": {"once": "pay"}}
    assert not kept(promised(facts, "context.past.one > 0 && !context.past.other"))
    facts = {"one": {"once": "pay", "within": "1m"}, "other": {"count": "pay", "within": "1m"}}
    assert not kept(promised(facts, "context.past.one && context.past.other == 0"))


def test_a_sum_that_can_fall_may_be_more_in_the_narrower_window() -> None:
    facts: dict[str, JsonValue] = {
        "one": {"sum": "input.cents", "of": "pay", "within": "10m"},
        "other": {"sum": "input.cents", "of": "pay", "within": "1h"},
    }
    more = "context.past.one > context.past.other"
    assert kept(promised(facts, more))
    assert not kept(promised(facts, more, cents={"type": "integer", "minimum": -5}))


def declared() -> st.SearchStrategy[dict[str, JsonValue]]:
    """A fact of any form, most of which have kin in a handful."""
    form = st.sampled_from(
        [
            {"once": "pay"},
            {"once": "pay", "since": "give"},
            {"count": "pay"},
            {"sum": "input.cents", "of": "pay"},
            {"sum": "input.tip", "of": "pay"},
            {"last": "input.cents", "of": "pay"},
            {"count": "user.confirm"},
            {"once": "user.confirm"},
        ]
    )
    more = st.fixed_dictionaries(
        {},
        optional={
            "within": st.sampled_from(["3s", "8s", "20s"]),
            "outcome": st.sampled_from(["ok", "any", "error"]),
        },
    )
    return st.builds(lambda one, other: {**one, **other}, form, more).filter(
        lambda fact: "user.confirm" not in fact.values() or fact.get("outcome") != "error"
    )


calls = st.builds(
    lambda name, at, took, cents, tip, ok: Happening(
        name,
        f"{name}@{at}",
        at * SECOND,
        (at + took) * SECOND,
        "bot",
        ok,
        {"order": "A", "cents": cents} | ({} if tip is None else {"tip": tip}),
    ),
    st.sampled_from(["pay", "give"]),
    st.integers(0, 30),
    st.integers(0, 9),
    st.integers(-1, 901),
    st.sampled_from([None, -2, 0.5, 2.5]),
    st.booleans(),
)
yes = st.integers(0, 30).map(
    lambda at: Happening("user.confirm", f"yes@{at}", at * SECOND, at * SECOND, "bot", text="yes")
)
told = st.lists(st.one_of(calls, yes), max_size=8, unique_by=lambda one: one.id)


@given(st.lists(declared(), min_size=2, max_size=6), told, st.integers(0, 35))
def test_whatever_happens_facts_are_within_their_bounds_and_agree_with_their_kin(
    facts: list[dict[str, JsonValue]], events: list[Happening], at_s: int
) -> None:
    found = plans({f"f{n}": fact for n, fact in enumerate(facts)})
    now = at_s * SECOND
    history = History(found.values(), SHOP)
    for one in sorted(events, key=lambda each: each.start_ns):
        if one.name == "user.confirm" and one.start_ns <= now:
            history.said(one)
        elif one.start_ns <= now:
            history.began(one)
            if one.end_ns <= now:
                history.ended(one)
    asker = Asker("bot", "pay", {"order": "A"}, frozenset(), now)
    known = {name: history.ask(plan, asker) for name, plan in found.items()}
    told = {n: v for n, v in known.items() if v is not None and not isinstance(v, OneOf)}
    bank = Bank()
    terms = kin_hold(bank, {name: variable(bank, found[name]) for name in told})
    values = Evaluation({k: v for name, v in told.items() for k, v in assigned(name, v)})
    assert all(map(values.holds, terms)), known
    limits = Domain.of(SHOP.tools[0], {name: found[name] for name in told}).limits
    for name, value in told.items():
        size = None if value is ABSENT else size_of(value)
        if name in limits and size is not None:
            assert limits[name][0] <= size <= limits[name][1], (known, limits)


def variable(bank: Bank, plan: FactPlan) -> Fact:
    there = bank.var("bool", f"{plan.name}?")
    if plan.kind == "Boolean":
        return plan, Truth(bank.var("bool", plan.name)), there
    if plan.kind == "String":
        return plan, Word(bank.var("text", plan.name)), there
    return plan, Number(plan.kind, bank.var("int", plan.name)), there


def assigned(name: str, value: FactValue) -> list[tuple[str, int | bool | str]]:
    if value is ABSENT:
        return [(f"{name}?", False)]
    plain = value if isinstance(value, bool | str) else size_of(value)
    assert plain is not None
    return [(f"{name}?", True), (name, plain)]


def test_facts_that_reach_beyond_a_run_have_no_kin() -> None:
    lasting = plans({"f": {"count": "pay", "scope": "agent", "within": "1h"}})["f"]
    assert family_of(lasting) is None
    assert family_of(plans({"f": {"count": "pay"}})["f"]) is not None


@pytest.mark.parametrize("cents", [-1, 901])
def test_an_amount_from_before_a_bound_was_declared_is_a_doubt(cents: int) -> None:
    """Else a sum that is proved to be within the bound would not be."""
    facts: dict[str, JsonValue] = {"f": {**SUM, "scope": "agent", "within": "1h"}}  # type: ignore[dict-item]
    asked = Asker("bot", "pay", {"order": "A"}, frozenset(), 20 * SECOND)
    was = plans(facts, shop(cents={"type": "integer"}))["f"]
    before = History([was], SHOP)
    one = Happening("pay", "1", SECOND, 2 * SECOND, "bot", arguments={"cents": cents})
    before.began(one)
    before.ended(one)
    assert before.ask(was, asked) == cents
    now = plans(facts)["f"]
    after = History([now], SHOP)
    read_into(after, written(before))
    assert after.ask(now, asked) is None
    read_into(before, written(before))
    assert before.ask(was, asked) == cents
