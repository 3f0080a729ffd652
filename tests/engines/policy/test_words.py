"""Equal spellings give equal words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.links import addresses, links, mentions
from mythos.engines.policy.seen import BREAK, Seen, Sought, Vocabulary, sought
from mythos.engines.policy.words import numbers, only_number, plain, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada  LOVELACE", "ada lovelace"),
        ("\uff21\uff24\uff21\uff11", "ada1"),
        ("DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("100.00", "100"),
        ("12.50", "12.5"),
        ("Straße", "STRASSE"),
        ("'ada', \"lovelace\"", "ada (lovelace)"),
    ],
)
def test_spellings_of_one_thing_have_the_same_words(one: str, other: str) -> None:
    assert words(one) == words(other)


@pytest.mark.parametrize(("one", "other"), [("1.2.3", "1.2.30"), ("100.05", "100.5"), ("a1", "a")])
def test_spellings_of_different_things_have_not(one: str, other: str) -> None:
    assert words(one) != words(other)


def test_signs_that_no_spaces_part_are_words_of_their_own() -> None:
    assert words("转给张伟🎉") == ("转", "给", "张", "伟", "🎉")


def test_escapes_of_quoted_texts_are_resolved() -> None:
    assert words(plain(r"first\nsecond caf\u00e9 \"third\" \xfc")) == (
        "first", "second", "café", "third", "ü",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [("call +41 44 668-18.00 now", ["41446681800"]), ("4111 1111 1111 1111", ["4111111111111111"])],
)
def test_long_numbers_are_found_however_grouped(text: str, found: list[str]) -> None:
    assert list(numbers(text)) == found


def test_only_a_text_that_is_a_number_is_one() -> None:
    assert only_number(" (044) 668-1800 ") == "0446681800"
    assert only_number("room 446681800") == only_number("12-34") == ""


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("http://www.Shop.Example/", "shop.example"),
        ("https://shop.example:443/A/b/?q=1#top", "shop.example/A/b?q=1"),
        ("see www.shop.example.", "shop.example"),
        ("(shop.example/a)", "shop.example/a"),
        ("shop.com, please", "shop.com"),
        ("https://good.example@evil.example/x", "evil.example/x"),
        ("https://evil.example\\@good.example", "evil.example/@good.example"),
        ("![x](https://evil.example/?d=secret)", "evil.example?d=secret"),
        ("http://localhost:8080/x", "localhost:8080/x"),
    ],
)
def test_a_link_is_what_a_browser_would_open(text: str, key: str) -> None:
    assert [each.key for each in links(text)] == [key]


@pytest.mark.parametrize("text", ["notes.txt", "ada@shop.com", "e.g. this", "version 1.2.3", "a.b"])
def test_what_only_looks_like_a_link_is_none(text: str) -> None:
    assert links(text) == []


def test_a_link_that_a_missing_space_ran_on_is_meant_but_never_sent() -> None:
    text = "our site www.shop.com.They said"
    assert "shop.com" in [each.key for each in mentions(text)]
    assert [each.key for each in links(text)] == ["shop.com.they"]


def test_addresses_are_found_in_every_usual_form() -> None:
    text = "mailto:ada@x.example, Bob <BOB@x.example>; to=carl@x.example."
    assert addresses(text) == ["ada@x.example", "bob@x.example", "carl@x.example"]


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("Ada Lovelace <ada@x.example>", ["address"]),
        ("mailto:ada@x.example", ["address"]),
        ("ada@x.example, bob@x.example", ["address", "address"]),
        ("ask ada@x.example and friends", ["address", "words", "words"]),
        ("http://x.example/a", ["link"]),
        ("Ada", ["words"]),
        ("?!", ["words"]),
        ("  ", []),
    ],
)
def test_a_value_names_its_addresses_links_and_other_words(value: str, kinds: list[str]) -> None:
    told = ["address" if e.address else "link" if e.link else "words" for e in sought(value)]
    assert told == kinds


@given(st.text(max_size=200).filter(lambda text: BREAK not in text))
def test_whatever_a_text_names_is_seen_in_it(text: str) -> None:
    seen = Seen(Vocabulary())
    seen.take(text)
    assert all(seen.holds(one) for one in sought(text) if one != Sought())


@pytest.mark.parametrize("unit", ["a", "a.", "(", "1 ", "www.", "a@", "1.0", "\\", "<", "é-"])
def test_reading_is_linear_in_a_hostile_text(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.process_time()
        sought(plain(text))
        list(numbers(text))
        mentions(text)
        return time.process_time() - start

    assert seconds(200_000) < 40 * max(seconds(20_000), 0.01)
