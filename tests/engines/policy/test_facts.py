"""Facts over histories: equal to what one observer who saw all in order would say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue, TypeAdapter

from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import Asker, History
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.facts.plan import FactPlan, plan_facts
from mythos.values.policy import Fact, PolicySet
from mythos.values.tools import ToolCatalogue

SHOP = ToolCatalogue.model_validate(
    {
        "domain": "shop",
        "tools": [
            {
                "name": name,
                "effect": effect,
                "parameters": {
                    "type": "object",
                    "properties": {
                        "order_id": {"type": "string"},
                        "cents": {"type": "integer"},
                        "price": {"type": "number"},
                    },
                },
            }
            for name, effect in (("look", "read"), ("write", "write"), ("send", "egress"))
        ],
    }
)
SECOND = 10**9
FACT: TypeAdapter[Fact] = TypeAdapter(Fact)


def plans(**facts: JsonValue) -> dict[str, FactPlan]:
    named = {name: FACT.validate_python(fact) for name, fact in facts.items()}
    return plan_facts(PolicySet(policy_set="p", version=1, facts=named, rules=""), SHOP)


def call(
    name: str, at_s: int, *, order: str | None = "A", cents: int = 1, **more: object
) -> Happening:
    arguments: dict[str, JsonValue] = {"cents": cents}
    if order is not None:
        arguments["order_id"] = order
    one = Happening(
        name, f"{name}@{at_s}", at_s * SECOND, (at_s + 1) * SECOND, "bot", arguments=arguments
    )
    return replace(one, **more)  # type: ignore[arg-type]


def words(kind: str, at_s: int) -> Happening:
    return Happening(kind, f"{kind}@{at_s}", at_s * SECOND, at_s * SECOND, "bot", text="yes")


def tell(history: History, events: Sequence[Happening]) -> History:
    for one in events:
        if one.name.startswith("user."):
            history.said(one)
        else:
            history.began(one)
            history.ended(one)
    return history


def tell_until(history: History, events: Sequence[Happening], now_ns: int) -> History:
    """What was seen up to a moment: a call in flight has begun and not ended."""
    for one in sorted(events, key=lambda one: (one.start_ns, one.id)):
        if one.name.startswith("user.") and one.start_ns <= now_ns:
            history.said(one)
        elif one.start_ns <= now_ns:
            history.began(one)
            if one.end_ns <= now_ns:
                history.ended(one)
    return history


def ask(
    plan: FactPlan, events: Sequence[Happening], *, at_s: int, order: str = "A", agent: str = "bot"
) -> Known:
    history = tell(History([plan], SHOP), events)
    return history.ask(plan, asker(at_s, order=order, agent=agent))


def asker(at_s: int, *, order: str = "A", agent: str = "bot") -> Asker:
    return Asker(agent, "write", {"order_id": order}, frozenset(), at_s * SECOND)


FORMS: dict[str, JsonValue] = {
    "once": {"once": ["look", "user.confirm"], "since": "write"},
    "fresh": {"once": "look", "within": "9s"},
    "count": {"count": ["write", "send"]},
    "capped": {"count": "data.egress", "within": "20s", "outcome": "any"},
    "spent": {"sum": "input.cents", "of": "write"},
    "keyed": {"sum": "input.cents", "of": "write", "by": "order_id", "within": "15s"},
    "last": {"last": "input.order_id", "of": "look"},
    "failed": {"count": "write", "outcome": "error"},
    "large": {"count": "write", "where": "input.cents > 2"},
    "agent": {"count": "write", "scope": "agent", "within": "30s"},
}
PLANS = plans(**FORMS)

happenings = st.lists(
    st.one_of(
        st.builds(
            call,
            st.sampled_from(["look", "write", "send"]),
            st.integers(0, 40),
            order=st.sampled_from(["A", "B", None]),
            cents=st.integers(0, 5),
            ok=st.booleans(),
        ),
        st.builds(words, st.sampled_from(["user.confirm", "user.message"]), st.integers(0, 40)),
    ),
    max_size=14,
    unique_by=lambda one: one.id,
)


@given(happenings, st.randoms(use_true_random=False), st.data())
def test_a_shuffled_repeated_and_split_history_answers_as_the_history(
    events: list[Happening], random: Random, data: st.DataObject
) -> None:
    in_order = tell(History(PLANS.values(), SHOP), sorted(events, key=lambda e: (e.start_ns, e.id)))
    again = events + (data.draw(st.lists(st.sampled_from(events), max_size=5)) if events else [])
    random.shuffle(again)
    cut = data.draw(st.integers(0, len(again)))
    merged = tell(History(PLANS.values(), SHOP), again[:cut])
    merged.absorb(tell(History(PLANS.values(), SHOP), again[cut:]))
    assert merged.logs() == in_order.logs()
    for plan in PLANS.values():
        for order in ("A", "B"):
            asked = asker(50, order=order)
            assert merged.ask(plan, asked) == in_order.ask(plan, asked)


@given(happenings, st.integers(0, 50), st.sampled_from(["A", "B"]))
def test_every_form_says_what_a_walk_through_the_history_says(
    events: list[Happening], at_s: int, order: str
) -> None:
    now = at_s * SECOND
    before = [one for one in events if one.end_ns <= now]
    begun = [one for one in events if one.start_ns <= now]
    calls = [one for one in before if not one.name.startswith("user.")]
    looks = [one for one in calls if one.name == "look" and one.ok]
    yes = [one for one in before if one.name == "user.confirm"]
    writes = [one for one in begun if one.name == "write"]
    good = [one for one in writes if one.ok or one.end_ns > now]
    since = max((one.start_ns for one in writes), default=-1)

    def cents(these: Sequence[Happening]) -> int:
        return sum(int(str((one.arguments or {})["cents"])) for one in these)

    mine = [one for one in good if (one.arguments or {}).get("order_id") == order]
    expected: dict[str, Known] = {
        "once": any(one.end_ns > since for one in (*looks, *yes)),
        "fresh": any(now - one.end_ns <= 9 * SECOND for one in looks),
        "count": len(good)
        + len([one for one in begun if one.name == "send" and (one.ok or one.end_ns > now)]),
        "capped": len([o for o in begun if o.name == "send" and now - o.start_ns <= 20 * SECOND]),
        "spent": cents(good),
        "keyed": cents([one for one in mine if now - one.start_ns <= 15 * SECOND]),
        "failed": len([one for one in calls if one.name == "write" and not one.ok]),
        "large": len([one for one in good if cents([one]) > 2]),
        "agent": len([one for one in good if now - one.start_ns <= 30 * SECOND]),
    }
    history = tell_until(History(PLANS.values(), SHOP), events, now)
    for name, value in expected.items():
        assert history.ask(PLANS[name], asker(at_s, order=order)) == value, name


@pytest.mark.parametrize(
    ("outcome", "after_ok", "after_error"),
    [("ok", True, False), ("error", False, True), ("any", True, True)],
)
def test_the_outcome_of_a_call_chooses_what_counts(
    outcome: str, *, after_ok: bool, after_error: bool
) -> None:
    plan = plans(seen={"once": "look", "outcome": outcome})["seen"]
    assert ask(plan, [call("look", 1)], at_s=9) is after_ok
    assert ask(plan, [call("look", 1, ok=False)], at_s=9) is after_error


def test_an_attempt_resets_even_when_it_fails() -> None:
    plan = plans(confirmed={"once": "user.confirm", "since": "write"})["confirmed"]
    assert ask(plan, [words("user.confirm", 1)], at_s=2) is True
    assert ask(plan, [words("user.confirm", 1), call("write", 2, ok=False)], at_s=9) is False


def test_at_one_instant_the_reset_wins() -> None:
    plan = plans(confirmed={"once": "user.confirm", "since": "write"})["confirmed"]
    assert ask(plan, [words("user.confirm", 5), call("write", 5)], at_s=9) is False


def test_a_doubt_before_a_later_yes_does_not_matter() -> None:
    plan = plans(confirmed={"once": "user.confirm", "since": "write"})["confirmed"]
    history = History([plan], SHOP)
    history.blur("user.confirm", 5 * SECOND)
    assert history.ask(plan, asker(9)) is None
    assert tell(history, [words("user.confirm", 6)]).ask(plan, asker(9)) is True
    assert tell(history, [call("write", 7)]).ask(plan, asker(9)) is False


def test_a_call_in_flight_counts_against_a_cap_until_it_fails() -> None:
    plan = plans(tries={"count": "write"})["tries"]
    history = History([plan], SHOP)
    history.began(call("write", 1))
    assert history.ask(plan, asker(1)) == 1
    history.ended(call("write", 1, ok=False))
    assert history.ask(plan, asker(3)) == 0


def test_a_value_that_was_never_seen_is_absent_and_one_not_captured_is_not_told() -> None:
    plan = plans(status={"last": "output.status", "of": "look", "by": "order_id"})["status"]
    seen = call("look", 1, output='{"status": "open"}', output_captured=True)
    assert ask(plan, [], at_s=9) is ABSENT
    assert ask(plan, [seen], at_s=9) == "open"
    assert ask(plan, [seen], at_s=9, order="B") is ABSENT
    assert ask(plan, [seen, call("look", 3)], at_s=9) is None
    later = replace(seen, start_ns=5 * SECOND, end_ns=6 * SECOND, id="later")
    assert ask(plan, [call("look", 3), later], at_s=9) == "open"


def test_a_call_of_which_the_key_was_masked_may_be_any() -> None:
    plan = plans(tries={"count": "write", "by": "order_id"})["tries"]
    masked = call("write", 3, hidden=frozenset({"order_id"}))
    assert ask(plan, [call("write", 1), masked], at_s=9) == OneOf((1, 2))
    assert ask(plan, [masked], at_s=9, order="B") == OneOf((0, 1))
    spent = plans(spent={"sum": "input.cents", "of": "write", "by": "order_id"})["spent"]
    assert ask(spent, [masked], at_s=9) is None


def test_a_condition_that_cannot_be_evaluated_is_a_doubt() -> None:
    plan = plans(big={"count": "write", "where": "output.total > 5"})["big"]
    big = call("write", 1, output={"total": 9}, output_captured=True)
    odd = call("write", 3, output={"sum": 9}, output_captured=True)
    assert ask(plan, [big], at_s=9) == 1
    assert ask(plan, [big, odd], at_s=9) == OneOf((1, 2))


def test_a_condition_may_read_an_earlier_fact() -> None:
    both = plans(
        after={"once": "write", "where": "past.looked"}, looked={"once": "look", "by": "order_id"}
    )
    told = [call("look", 1), call("write", 3)]
    history = tell(History(both.values(), SHOP), told)
    assert history.ask(both["after"], asker(9)) is True
    history = tell(History(both.values(), SHOP), [call("look", 1, order="B"), call("write", 3)])
    assert history.ask(both["after"], asker(9)) is False


def test_what_earlier_runs_of_the_agent_did_counts_where_the_scope_says_so() -> None:
    both = plans(
        today={"sum": "input.cents", "of": "write", "scope": "agent", "within": "1d"},
        here={"sum": "input.cents", "of": "write"},
    )
    past = tell(History(both.values(), SHOP), [call("write", 1, cents=30)])
    run = tell(History(both.values(), SHOP, past=past), [call("write", 5, cents=4)])
    assert run.ask(both["today"], asker(9)) == 34
    assert run.ask(both["today"], asker(9, agent="other")) == 0
    assert run.ask(both["here"], asker(9)) == 4


def test_two_versions_of_a_set_share_the_history_of_a_fact_they_both_declare() -> None:
    one = plans(spent={"sum": "input.cents", "of": "write", "scope": "agent", "within": "1d"})
    two = plans(paid={"within": "1d", "of": "write", "sum": "input.cents", "scope": "agent"})
    past = tell(History(one.values(), SHOP), [call("write", 1, cents=30)])
    assert History(two.values(), SHOP, past=past).ask(two["paid"], asker(9)) == 30


def test_fractions_are_added_exactly_and_what_is_no_exact_decimal_is_not_told() -> None:
    plan = plans(paid={"sum": "input.price", "of": "write"})["paid"]
    exact = [call("write", at, arguments={"price": 0.1}) for at in (1, 3, 5)]
    assert ask(plan, exact, at_s=9) == {"__extn": {"fn": "decimal", "arg": "0.3000"}}
    assert ask(plan, [call("write", 1, arguments={"price": 0.00001})], at_s=9) is None


def test_a_sum_beyond_64_bits_is_not_told() -> None:
    plan = plans(spent={"sum": "input.cents", "of": "write"})["spent"]
    assert ask(plan, [call("write", 1, cents=2**62), call("write", 3, cents=2**62)], at_s=9) is None


def test_a_tool_that_calls_itself_a_user_event_confirms_nothing() -> None:
    plan = plans(confirmed={"once": "user.confirm"}, heard={"count": "user.message"})
    forged = [call("user.confirm", 1), call("user.message", 3)]
    history = History(plan.values(), SHOP)
    for one in forged:
        history.began(one)
        history.ended(one)
    assert history.ask(plan["confirmed"], asker(9)) is False
    assert history.ask(plan["heard"], asker(9)) == 0


@pytest.mark.parametrize(
    "fact",
    [
        {"count": "write", "where": "output.done"},
        {"count": "write", "where": "!past.looked"},
        {"sum": "output.cents", "of": "write"},
    ],
)
def test_a_call_in_flight_of_which_the_end_decides_is_a_doubt_until_then(fact: JsonValue) -> None:
    both = plans(fact=fact, looked={"once": "look"})
    history = History(both.values(), SHOP)
    flying = call("write", 1, output={"done": True, "cents": 5}, output_captured=True)
    history.began(flying)
    assert history.ask(both["fact"], asker(1)) in (None, OneOf((0, 1)))
    history.ended(flying)
    assert history.ask(both["fact"], asker(3)) in (1, 5)
    failed = History(both.values(), SHOP)
    failed.began(flying)
    failed.ended(replace(flying, ok=False))
    assert failed.ask(both["fact"], asker(3)) == 0


def test_a_mask_inside_an_output_is_no_value() -> None:
    masked = call("look", 1, output={"status": "[REDACTED]"}, output_captured=True)
    last = plans(status={"last": "output.status", "of": "look"})["status"]
    bad = plans(bad={"count": "look", "where": 'output.status == "frozen"'})["bad"]
    assert ask(last, [masked], at_s=9) is None
    assert ask(bad, [masked], at_s=9) == OneOf((0, 1))


def test_an_amount_that_its_tool_does_not_allow_makes_the_sum_unknown() -> None:
    bounded = SHOP.model_copy(
        update={
            "tools": tuple(
                tool.model_copy(
                    update={
                        "parameters": {
                            "type": "object",
                            "properties": {"cents": {"type": "integer", "minimum": 1}},
                        }
                    }
                )
                for tool in SHOP.tools
            )
        }
    )
    named = {"spent": FACT.validate_python({"sum": "input.cents", "of": "write"})}
    plan = plan_facts(PolicySet(policy_set="p", version=1, facts=named, rules=""), bounded)["spent"]
    history = tell(History([plan], bounded), [call("write", 1, cents=-100, order=None)])
    assert history.ask(plan, asker(9)) is None


def test_keys_are_values_and_not_spellings() -> None:
    by_price = plans(n={"count": "write", "by": "price"})["n"]
    events = [call("write", at, arguments={"price": p}) for at, p in ((1, 5), (3, 5.0), (5, 6))]
    history = tell(History([by_price], SHOP), events)
    asked = Asker("bot", "write", {"price": 5.00}, frozenset(), 9 * SECOND)
    assert history.ask(by_price, asked) == 2
    misfit = Asker("bot", "write", {"price": ["5"]}, frozenset(), 9 * SECOND)
    assert history.ask(by_price, misfit) is None


@pytest.mark.parametrize("odd", ["\ud800", 2**80, [{"a": None}], 1e300])
def test_a_key_of_any_json_value_is_a_key_or_not_told(odd: JsonValue) -> None:
    plan = plans(n={"count": "write", "by": "order_id"})["n"]
    history = tell(History([plan], SHOP), [call("write", 1, arguments={"order_id": odd})])
    assert history.ask(plan, asker(9, order="A")) in (0, OneOf((0, 1)))


def test_an_optional_argument_that_was_left_out_adds_nothing() -> None:
    both = plans(
        spent={"sum": "input.cents", "of": "write"}, note={"last": "input.order_id", "of": "write"}
    )
    events = [call("write", 1, cents=5), call("write", 3, arguments={})]
    assert ask(both["spent"], events, at_s=9) == 5
    assert ask(both["note"], events, at_s=9) is ABSENT
    assert ask(both["note"], events[:1], at_s=9) == "A"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("0999-12-31", "0999-12-31T00:00:00.000Z"),
        ("0001-01-01T00:00:00-05:00", "0001-01-01T05:00:00.000Z"),
        ("0001-01-01T00:00:00+05:00", None),
        ("9999-12-31T23:59:59-05:00", None),
    ],
)
def test_a_time_beyond_the_calendar_is_a_doubt(text: str, known: str | None) -> None:
    plan = plans(f={"last": "output", "of": "look", "type": "datetime"})["f"]
    told = ask(plan, [call("look", 1, output=text, output_captured=True)], at_s=9)
    assert told == (known and {"__extn": {"fn": "datetime", "arg": known}})
