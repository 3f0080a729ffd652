from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given

from mythos.engines.coherence.compiled import Checks
from mythos.engines.coherence.draft import Variables
from mythos.engines.coherence.guess import Guesses
from mythos.engines.coherence.terms import Bank, Bool, Evaluation, Term
from tests.engines.coherence.random_terms import conditions

LEAST, MOST = -5, 40
HARD = {
    "a choice that the next term takes back": lambda bank: [
        bank.or_(bank.var("bool", "p"), bank.var("bool", "q")),
        bank.not_(bank.var("bool", "p")),
    ],
    "two ends of one text": lambda bank: [
        bank.like(bank.var("text", "s"), ("A", None)),
        bank.like(bank.var("text", "s"), (None, "Z")),
        bank.not_(bank.like(bank.var("text", "s"), (None, "x", None))),
    ],
    "a text that is not what it is by default": lambda bank: [
        bank.not_(bank.same(bank.var("text", "s"), each)) for each in ("x", "", "any")
    ],
    "a number between two that is none of them": lambda bank: [
        bank.le(7, bank.var("int", "n")),
        bank.le(bank.var("int", "n"), 9),
        *(bank.not_(bank.equal(bank.var("int", "n"), each)) for each in (7, 8)),
    ],
    "a sum with a factor": lambda bank: [
        bank.le(11, bank.add(bank.scale(-3, bank.var("int", "n")), 2)),
    ],
    "a number above another": lambda bank: [
        bank.le(30, bank.var("int", "n")),
        bank.not_(bank.le(bank.var("int", "m"), bank.var("int", "n"))),
    ],
    "a member that is a text": lambda bank: [
        bank.same(bank.var("text", "s"), "shop"),
        bank.member("set", bank.var("text", "s")),
        bank.not_(bank.member("set", "other")),
    ],
}


def guesses_of(bank: Bank, usual: dict[str, int | str] | None = None) -> Guesses:
    variables = Variables(bank.sorts, lambda _: (LEAST, MOST), usual or {})
    return Guesses(bank, variables, Checks())


@given(conditions())
def test_a_guessed_model_holds_and_keeps_the_bounds(asked: tuple[Bank, Bool]) -> None:
    bank, term = asked
    guesses = guesses_of(bank)
    for each in (term, bank.not_(term), term):
        model = guesses.model([each]) if isinstance(each, Term) else None
        if model is not None:
            assert Evaluation(model).of(each) is True
            numbers = [model[name] for name in "nm" if name in model]
            assert all(LEAST <= int(number) <= MOST for number in numbers)  # type: ignore[arg-type]


@pytest.mark.parametrize("terms", HARD.values(), ids=HARD)
def test_what_rules_compare_is_guessed(terms: Callable[[Bank], list[Term]]) -> None:
    bank = Bank()
    wanted = terms(bank)
    model = guesses_of(bank).model(wanted)
    assert model is not None
    assert all(Evaluation(model).holds(each) for each in wanted)


def test_what_any_value_will_do_for_has_its_usual_one() -> None:
    bank = Bank()
    term = bank.or_(bank.var("bool", "p"), bank.le(bank.var("int", "n"), 12))
    assert isinstance(term, Term)
    assert guesses_of(bank, {"n": 12}).model([term]) == {"n": 12, "p": False}
    assert guesses_of(bank, {"n": 13}).model([term]) == {"n": 13, "p": True}


def test_a_choice_of_many_is_searched_whole_wherever_the_search_begins() -> None:
    bank = Bank()
    n = bank.var("int", "n")
    parts = [bank.equal(n, number) for number in range(MOST)]
    choice = bank.or_(*parts)
    guesses = guesses_of(bank, {"n": MOST})
    assert isinstance(choice, Term)
    for least in (30, 31, 3):
        low, high = bank.le(least, n), bank.le(n, least + 1)
        assert isinstance(low, Term)
        assert isinstance(high, Term)
        assert guesses.model([low, high, choice]) is not None
