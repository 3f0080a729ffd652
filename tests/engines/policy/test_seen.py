"""The index of texts answers as a plain search through all of them would."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy import seen as index
from mythos.engines.policy.links import addresses, mentions
from mythos.engines.policy.seen import Seen, Sought, Vocabulary, sought
from mythos.engines.policy.words import numbers, plain, words

PIECES = [
    "ada",
    "bob",
    "42",
    "ada@x.example",
    "www.x.example/a",
    "\\n",
    '"',
    "4111 1111 1111",
    "Bo",
]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map(" ".join)


def seen(*texts: str) -> Seen:
    made = Seen(Vocabulary())
    assert all(made.take(text) for text in texts)
    return made


def searched(texts: list[str], one: Sought) -> bool:
    """The same question, asked of every text in turn."""
    readings = [reading for text in texts for reading in (text, plain(text))]
    if one.link:
        return any(one.link in mentions(text) for text in readings)
    if one.address:
        return any(one.address in addresses(text) for text in readings)
    if one.number and any(one.number in numbers(text) for text in readings):
        return True
    rows = [words(text) for text in readings]
    if len(one.words) < 2:
        return any(word in row for row in rows for word in one.words)
    return all(any(pair in pairwise(row) for row in rows) for pair in pairwise(one.words))


@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_the_index_says_what_a_search_says(texts: list[str], value: str) -> None:
    made = seen(*texts)
    for one in sought(value):
        assert made.holds(one) == searched(texts, one), one


@given(st.lists(TEXTS, max_size=6), TEXTS, st.randoms())
def test_order_and_repetition_of_texts_do_not_matter(
    texts: list[str], value: str, random: Random
) -> None:
    shuffled = [*texts, *texts]
    random.shuffle(shuffled)
    for one in sought(value):
        assert seen(*texts).holds(one) == seen(*shuffled).holds(one)


def test_a_host_covers_its_paths_and_a_path_only_what_lies_below_it() -> None:
    (below,) = sought("https://x.example/team/list")
    (beside,) = sought("https://x.example/other")
    assert seen("x.example/team").covers(below)
    assert seen("www.x.example").covers(beside)
    assert not seen("x.example/team").covers(beside)
    assert not seen("x.example/te").covers(below)
    assert not seen("www.x.example").holds(beside)


def test_texts_taken_in_as_one_do_not_run_into_each_other() -> None:
    made = seen(index.BREAK.join(["Ada", "Bob"]))
    assert not made.holds(*sought("Ada Bob"))
    assert made.holds(*sought("Ada"))


def test_what_is_too_much_to_keep_is_refused_whole_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(index, "MAX_KEYS", 4)
    made = seen("one two three")
    assert not made.take("four")
    assert not made.holds(*sought("four"))
    assert made.take("one two three")
    assert not seen().take("x" * (index.MAX_TEXT + 1))


@pytest.mark.parametrize("size", [10, 10_000])
def test_the_same_text_again_adds_nothing(size: int) -> None:
    made = seen("one two")
    before = made.vocabulary.n_keys
    for _ in range(size):
        made.take("one two")
    assert made.vocabulary.n_keys == before
