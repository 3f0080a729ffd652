from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.coherence.globs import clashes, core, example, fits
from mythos.engines.coherence.terms import Pattern, matches

LETTERS = "ab@"
texts = st.text(LETTERS, max_size=6)
patterns = st.lists(
    st.one_of(st.none(), st.text(LETTERS, min_size=1, max_size=2)), min_size=1, max_size=4
).map(tuple)
signs = st.lists(st.tuples(patterns, st.booleans()), min_size=1, max_size=4)


def as_regex(pattern: Pattern) -> str:
    return "".join(".*" if part is None else re.escape(part) for part in pattern)


@given(patterns, texts)
def test_a_glob_matches_what_the_same_regular_expression_matches(
    pattern: Pattern, text: str
) -> None:
    assert matches(pattern, text) is bool(re.fullmatch(as_regex(pattern), text, re.DOTALL))


@given(signs, st.frozensets(texts, max_size=4), texts)
def test_an_example_fits_and_without_one_nothing_does(
    signed: list[tuple[Pattern, bool]], avoid: frozenset[str], other: str
) -> None:
    found = example(signed, avoid)
    if found is None:
        assert other in avoid or not fits(other, signed)
    else:
        assert fits(found, signed)
        assert found not in avoid


@given(signs, texts)
def test_patterns_that_clash_have_no_text_in_common(
    signed: list[tuple[Pattern, bool]], text: str
) -> None:
    for clash in clashes(signed):
        assert not fits(text, clash)
        assert example(clash) is None


@given(signs)
def test_the_reason_why_no_text_fits_holds_nothing_needless(
    signed: list[tuple[Pattern, bool]],
) -> None:
    if example(signed) is None:
        reason = core(signed)
        assert example(reason) is None
        for each in reason:
            assert example([other for other in reason if other != each]) is not None


def test_text_with_a_known_end_and_no_known_letter_is_found() -> None:
    wanted = ((None, "@shop.example"), True)
    found = example([wanted, ((None, "a", None), False), (("x", None), False)], ["@shop.example"])
    assert found is None  # every other end holds an a
    found = example([wanted, (("x", None), False)], ["@shop.example"])
    assert found is not None
    assert found.endswith("@shop.example")
