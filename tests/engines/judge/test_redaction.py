"""Samples leave the host: what they may not show is masked first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.judge.redaction import MASK, is_redacted, redacted, redacted_text
from mythos.values.event import Json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize("name", ["password", "api_key", "access_token", "X-Authorization", "PIN"])
def test_an_argument_named_like_a_secret_is_masked_whole(name: str) -> None:
    assert redacted({name: "hunter2", "order_id": "O-1"}) == {name: MASK, "order_id": "O-1"}


@pytest.mark.parametrize("name", ["max_tokens", "shipping", "passenger", "spinning", "passport"])
def test_an_argument_that_only_sounds_like_one_is_kept(name: str) -> None:
    assert redacted({name: "plain"}) == {name: "plain"}


def test_of_a_card_number_the_last_four_digits_stay() -> None:
    assert redacted_text("card 4111 1111 1111 1111 please") == "card •••• 1111 please"
    assert redacted({"card": 4111111111111111}) == {"card": "•••• 1111"}


def test_a_long_number_that_is_no_card_is_kept() -> None:
    assert redacted_text("order 4111111111111112") == "order 4111111111111112"


def test_of_an_iban_the_last_four_stay_and_what_only_looks_like_one_is_kept() -> None:
    assert redacted_text("to DE89 3704 0044 0532 0130 00") == "to •••• 3000"
    assert redacted_text("to DE00 3704 0044 0532 0130 00") == "to DE00 3704 0044 0532 0130 00"


def test_known_secret_shapes_are_masked_anywhere() -> None:
    assert redacted({"note": "use sk-abcdefghijklmnop1234 now"}) == {"note": f"use {MASK} now"}
    assert redacted({"deep": [{"h": "Bearer abcdefghijklmnop1234"}]}) == {"deep": [{"h": MASK}]}


def test_what_stands_for_another_value_is_told_wherever_it_lies() -> None:
    masked = redacted({"pin": 1234, "to": {"iban": "DE89 3704 0044 0532 0130 00"}, "n": 5})
    assert [name for name, value in masked.items() if is_redacted(value)] == ["pin", "to"]
    assert is_redacted(["fine", "<redacted>"])


@given(arguments=st.dictionaries(st.text(), JSON, max_size=4))
def test_redacting_twice_changes_nothing_more(arguments: dict[str, Json]) -> None:
    once = redacted(arguments)
    assert redacted(once) == once
    assert set(once) == set(arguments)
