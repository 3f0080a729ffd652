"""Keys of `by`: one for what is certainly the same, a doubt for what may be, else another."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.policy.facts.happening import Happening
from mythos.engines.policy.facts.history import Asker, History
from mythos.engines.policy.facts.known import ABSENT, Known, OneOf
from mythos.engines.policy.facts.plan import FactPlan
from mythos.engines.policy.facts.recall import read_into, written
from mythos.engines.policy.facts.spelling import key_likeness, key_text, likeness, one_spelling
from mythos.values.outcome import Outcome
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
    ({"last": "input.cents", "of": "write"}, 5, None, ABSENT),
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
