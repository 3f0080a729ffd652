"""Keys of `by`: one for what is certainly the same, a doubt for what may be, else another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.policy.compile import compile_policies
from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import Asker, History
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.facts.recall import read_into, written
from mythos.engines.policy.facts.spelling import key_likeness, key_text, likeness, one_spelling
from mythos.engines.policy.identity import digest
from mythos.engines.policy.replay import replay
from mythos.values.outcome import Outcome
from mythos.values.policy import PolicySet
from tests.engines.policy.scenes import Story, forbid, permit, policy
from tests.engines.policy.test_facts import SECOND, SHOP, plans

IBAN = "DE89 3704 0044 0532 0130 00"
ONE = [
    ("a@x.com", "A@X.com "),
    ("a@x.com", "mailto:a@x.com"),
    ("a@x.com", "Ada <A@x.com>"),
    ("W1", " W1\n"),
    ("caf\u00e9", "cafe\u0301"),
    (IBAN, "de89370400440532013000"),
    ("https://Shop.example:443/A", "HTTPS://shop.example/A"),
    ("https://shop.example", "https://shop.example/"),
]
PERHAPS = [
    ("W1", "w1"),
    ("W1", "\uff371"),  # full width
    ("W1", "W\u200b1"),  # a space without width
    ("Ada Byron", "Ada  byron"),
    ("stra\u00dfe@x.com", "strasse@x.com"),
    ("https://www.shop.example/a", "http://shop.example/a/"),
    ("https://a@shop.example", "https://shop.example"),
    (
        "DE89 3704 0044 0532 0130 01",
        "de89370400440532013001",
    ),  # no IBAN: its check digits are wrong
]
TWO = [
    ("W1", "W2"),
    ("W-1", "W1"),
    ("a@x.com", "b@x.com"),
    ("a@x.com", "a@x.com.evil.example"),
    ("a+1@x.com", "a@x.com"),
    ("https://shop.example/a", "https://shop.example/b"),
    ("a@x.com b@x.com", "a@x.com"),
    ("", "x"),
]


@pytest.mark.parametrize(("one", "other"), ONE)
def test_what_is_certainly_the_same_is_one_key(one: str, other: str) -> None:
    assert one_spelling(one) == one_spelling(other)
    assert key_text(one) == key_text(other)


@pytest.mark.parametrize(("one", "other"), PERHAPS)
def test_what_may_be_the_same_is_alike_and_no_more(one: str, other: str) -> None:
    assert one_spelling(one) != one_spelling(other)
    assert likeness(one) == likeness(other)
    assert key_likeness(key_text([one])) == key_likeness(key_text([other]))


@pytest.mark.parametrize(("one", "other"), TWO)
def test_what_is_not_the_same_is_another_key(one: str, other: str) -> None:
    assert likeness(one) != likeness(other)


TEXTS = st.one_of(
    st.text(max_size=12),
    st.text("aA@. x:/w\u200b\u0130\u00df", max_size=14),
    st.sampled_from([each for pairs in (ONE, PERHAPS, TWO) for pair in pairs for each in pair]),
)


@given(TEXTS)
@example("ß://")
def test_a_spelling_is_its_own_and_keeps_its_likeness(text: str) -> None:
    once = one_spelling(text)
    assert one_spelling(once) == once
    assert likeness(once) == likeness(text)
    assert likeness(likeness(text)) == likeness(text)


@given(st.lists(st.one_of(TEXTS, st.integers(), st.booleans(), st.none()), max_size=4))
def test_a_key_is_json_that_reads_as_itself(values: list[JsonValue]) -> None:
    told = key_text(values)
    assert key_text(json.loads(told)) == told
    assert key_text(values[::-1]) == told


def paid(order: str, at_s: int, *, cents: int = 5) -> Happening:
    arguments: dict[str, JsonValue] = {"order_id": order, "cents": cents}
    at = at_s * SECOND
    return Happening("write", f"{at_s}", at, at + SECOND, "bot", arguments=arguments)


def known(plan: FactPlan, *events: Happening, order: str, of: History | None = None) -> Known:
    history = of or History([plan], SHOP)
    for one in events:
        history.began(one)
        history.ended(one)
    asker = Asker("bot", "write", {"order_id": order}, frozenset(), 50 * SECOND)
    return history.ask(plan, asker)


FACTS: list[tuple[dict[str, JsonValue], Known, Known, Known]] = [
    # the fact; what it is after one payment of the same key, of one that may be, of another
    ({"count": "write"}, 1, OneOf((0, 1)), 0),
    ({"sum": "input.cents", "of": "write"}, 5, OneOf((0, 5)), 0),
    ({"once": "write"}, True, None, False),
    ({"last": "input.cents", "of": "write"}, 5, OneOf((ABSENT, 5)), ABSENT),
    ({"once": ["write", "look"], "since": "send"}, True, None, False),
]


@pytest.mark.parametrize(("fact", "same", "perhaps", "other"), FACTS)
def test_a_fact_by_a_key_takes_what_may_be_the_same_for_a_doubt(
    fact: dict[str, JsonValue], same: Known, perhaps: Known, other: Known
) -> None:
    plan = plans(f={**fact, "by": "order_id"})["f"]
    assert known(plan, paid("A@x.com", 1), order="a@X.com ") == same
    assert known(plan, paid("W1", 1), order="w1") == perhaps
    assert known(plan, paid("W1", 1), order="W2") == other


def test_a_fact_that_comes_out_the_same_either_way_is_told() -> None:
    once = plans(f={"once": "write", "by": "order_id"})["f"]
    assert known(once, paid("w1", 1), paid("W1", 2), order="W1") is True
    fresh = plans(f={"count": "write", "by": "order_id", "within": "9s"})["f"]
    assert known(fresh, paid("w1", 1), order="W1") == 0


NEAR = ("w1", "W 1")
LASTING: list[dict[str, JsonValue]] = [
    {"once": "write"},
    {"once": "write", "within": "9s"},
    {"once": "write", "since": "send"},
    {"once": ["write", "look"], "since": "send", "within": "20s"},
    {"last": "input.cents", "of": "write"},
    {"last": "input.cents", "of": ["write", "look"], "within": "20s"},
]


@st.composite
def happenings(draw: st.DrawFn) -> list[Happening]:
    """Calls about `W1`, about keys that may be it, about another, and about a key not captured."""
    found = []
    for at_s in draw(st.lists(st.integers(1, 45), max_size=6, unique=True)):
        name = draw(st.sampled_from(["write", "write", "look", "send"]))
        order = draw(st.sampled_from(["W1", *NEAR, "W2", "hidden"]))
        one = replace(
            paid(order, at_s, cents=draw(st.sampled_from([1, 2]))),
            name=name,
            hidden=frozenset({"order_id"} if order == "hidden" else ()),
        )
        found.append(one)
    return found


def readings(events: list[Happening]) -> Iterator[list[Happening]]:
    """All ways in which the keys may have been: each near key `W1` or not, each hidden one too."""
    hidden = [one.id for one in events if one.hidden]
    for same in product((True, False), repeat=len(NEAR) + len(hidden)):
        meant = dict(zip((*NEAR, *hidden), same, strict=True))
        yield [_read(one, meant) for one in events]


def _read(one: Happening, meant: dict[str, bool]) -> Happening:
    assert one.arguments is not None
    key = one.id if one.hidden else str(one.arguments["order_id"])
    places = {name: place for place, name in enumerate(meant)}
    order = key if key not in meant else "W1" if meant[key] else f"other-{places[key]}"
    return replace(one, arguments={**one.arguments, "order_id": order}, hidden=frozenset())


@given(happenings(), st.sampled_from(LASTING))
def test_what_a_once_or_last_is_told_to_be_it_is_in_every_reading(
    events: list[Happening], fact: dict[str, JsonValue]
) -> None:
    plan = plans(f={**fact, "by": "order_id"})["f"]
    told = known(plan, *events, order="W1")
    found = [known(plan, *each, order="W1") for each in readings(events)]
    assert not any(each is None or isinstance(each, OneOf) for each in found)
    values = {repr(each) for each in found}
    if told is None:
        assert values == {"True", "False"}
    elif isinstance(told, OneOf):
        assert len(told.values) > 1
        assert values == set(map(repr, told.values))
    else:
        assert values == {repr(told)}


STATES: list[dict[str, JsonValue]] = [
    {"once": "write", "since": "send"},
    {"once": "write", "within": "3s"},
    {"last": "input.cents", "of": "write"},
    {"last": "input.cents", "of": "write", "within": "4s"},
]
HOLDS = ["context.past.f", "!context.past.f"]
AMOUNTS = [
    "context.past has f",
    "context.past has f && context.past.f > 5",
    "if context.past has f then context.past.f == 5 else true",
]
CALLS = st.tuples(
    st.sampled_from(["write", "write", "send"]),
    st.sampled_from(["W1", "w1", "W2"]),
    st.sampled_from([5, 6]),
)


@given(st.sampled_from(STATES), st.lists(CALLS, max_size=5), st.data())
def test_a_call_is_undecidable_only_where_two_readings_decide_otherwise(
    fact: dict[str, JsonValue], calls: list[tuple[str, str, int]], data: st.DataObject
) -> None:
    condition = data.draw(st.sampled_from(AMOUNTS if "last" in fact else HOLDS))
    rules = policy(
        "p",
        permit("any", "") + forbid("no", "write", condition),
        facts={"f": {**fact, "by": "order_id"}},
        covers={"tools": "shop"},
    )
    decided = last_word(rules, calls)
    found = {
        last_word(rules, [(tool, other if to == "w1" else to, n) for tool, to, n in calls])
        for other in ("W1", "another")
    }
    assert (found == {decided}) if decided != "undecidable" else (found == {"allow", "deny"})


def last_word(rules: PolicySet, calls: list[tuple[str, str, int]]) -> str:
    """What is decided of a write about `W1` after these calls."""
    story = Story().user("Write it.")
    for tool, order, cents in (*calls, ("write", "W1", 1)):
        story.call(tool, {"cents": cents, "order_id": order})
    engine = compile_policies([rules], SHOP)
    return replay(story.run, engine, in_force=[digest(rules)])[-1].answer.word


def test_each_of_several_keys_that_may_be_the_same_is_added_or_not() -> None:
    plan = plans(f={"sum": "input.cents", "of": "write", "by": "order_id"})["f"]
    events = (paid("W1", 1, cents=1), paid("w1", 2, cents=2), paid("W 1", 3, cents=4))
    assert known(plan, *events, order="W1") == OneOf((1, 3, 5, 7))
    many = [paid(f"W{' ' * n}1", n + 1, cents=2**n) for n in range(5)]
    assert known(plan, *many, order="W1") is None


def test_an_undoing_of_what_may_be_the_same_is_a_doubt_too() -> None:
    plan = plans(f={"once": "write", "since": "send", "by": "order_id"})["f"]
    sent = Happening("send", "9", 9 * SECOND, 10 * SECOND, "bot", arguments={"order_id": "w1"})
    assert known(plan, paid("W1", 1), sent, order="W1") is None
    assert known(plan, paid("W2", 1), sent, order="W2") is True


def test_keys_that_an_earlier_version_kept_are_spelt_anew() -> None:
    plan = plans(f={"count": "write", "by": "order_id", "scope": "agent", "within": "1h"})["f"]
    before = History([plan], SHOP)
    assert known(plan, paid("a@x.com", 1), order="a@x.com", of=before) == 1
    kept = json.loads(json.dumps(written(before)).replace("a@x.com", " A@x.com "))
    after = History([plan], SHOP)
    read_into(after, kept)
    assert known(plan, order="A@X.COM", of=after) == 1


CAP = policy(
    "p",
    permit("any", "refund") + forbid("once", "refund", "context.past.refunds > 0"),
    facts={"refunds": {"count": "refund", "by": "to"}},
)
ASKED = policy(
    "p",
    permit("asked", "refund", "context.past.asked") + permit("look", "get_order"),
    facts={"asked": {"once": "refund", "by": "to", "outcome": "error"}},
)


def outcome(second: str, *, failed: bool = False) -> Outcome:
    """Of a refund to `second` after one to `Ada@x.com` or `W1`."""
    first = "Ada@x.com" if "@" in second else "W1"
    story = Story().user("Refund them.")
    story.call("refund", {"amount_cents": 5, "to": first}, failed=failed)
    story.call("refund", {"amount_cents": 5, "to": second})
    return story.outcomes(ASKED if failed else CAP)[-1]


def test_a_cap_is_not_dodged_by_spelling_and_a_prerequisite_not_met_by_it() -> None:
    assert outcome("ADA@x.com ") is Outcome.VIOLATED
    assert outcome("w1") is Outcome.UNDECIDABLE
    assert outcome("W2") is Outcome.UPHELD
    assert outcome("ADA@x.com ", failed=True) is Outcome.UPHELD
    assert outcome("w1", failed=True) is Outcome.UNDECIDABLE
    assert outcome("W2", failed=True) is Outcome.VIOLATED
