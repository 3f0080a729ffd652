from __future__ import annotations

from hypothesis import given

from mythos.engines.coherence.numbers import LEAST, MOST
from mythos.engines.coherence.solver import Solver
from mythos.engines.coherence.terms import Assignment, Bank, Bool, Evaluation
from mythos.engines.coherence.z3_terms import new_context
from tests.engines.coherence.random_terms import assignments, conditions

CONTEXT = new_context()
OURS = (None, "@shop.example")
ANY_SHOP = (None, "shop", None)


def solver_of(bank: Bank) -> Solver:
    return Solver(bank, bounds=lambda _: (LEAST, MOST), context=CONTEXT)


def test_no_text_ends_like_ours_without_naming_the_shop() -> None:
    bank = Bank()
    to = bank.var("text", "to")
    ours, shop = bank.like(to, OURS), bank.like(to, ANY_SHOP)
    assert solver_of(bank).model(ours, bank.not_(shop)) is None
    model = solver_of(bank).model(bank.not_(ours), shop)
    assert model is not None
    assert "shop" in str(model["to"])


def test_a_lemma_learned_by_one_solver_is_not_missing_in_another() -> None:
    """A lemma kept for both would leave the second solver with atoms that nothing ties."""
    bank = Bank()
    for name in ("to", "from"):
        text = bank.var("text", name)
        impossible = bank.and_(bank.like(text, OURS), bank.not_(bank.like(text, ANY_SHOP)))
        first, second = solver_of(bank), solver_of(bank)
        assert first.model(impossible) is None
        assert second.model(impossible) is None
        assert first.n_lemmas == second.n_lemmas > 0


def test_equal_texts_match_alike() -> None:
    bank = Bank()
    one, other = bank.var("text", "one"), bank.var("text", "other")
    differ = bank.and_(bank.like(one, OURS), bank.not_(bank.like(other, OURS)))
    assert solver_of(bank).model(differ, bank.same(one, other)) is None
    assert solver_of(bank).model(differ) is not None


def test_equal_elements_are_one_member() -> None:
    bank = Bank()
    one = bank.var("text", "one")
    outside = bank.not_(bank.member("tags", "a"))
    inside = bank.member("tags", one)
    assert solver_of(bank).model(bank.same(one, "a"), inside, outside) is None
    model = solver_of(bank).model(inside, outside)
    assert model is not None
    assert model["tags"] == frozenset({model["one"]})


def test_the_core_names_the_terms_that_clash_and_no_other() -> None:
    bank = Bank()
    n, told = bank.var("int", "n"), bank.var("bool", "told")
    small, large = bank.le(n, 3), bank.le(5, n)
    assert solver_of(bank).core([told, small, large]) == [small, large]
    assert solver_of(bank).core([told, small]) is None


def test_equal_texts_match_what_each_of_them_matches() -> None:
    bank = Bank()
    one, other = bank.var("text", "s"), bank.var("text", "t")
    narrow, wide = bank.like(one, (None, "@shop.example")), bank.like(other, (None, "shop", None))
    solver = solver_of(bank)
    assert solver.model(narrow, bank.not_(wide)) is not None
    assert solver.model(narrow, bank.not_(wide), bank.same(one, other)) is None


@given(conditions())
def test_a_condition_or_its_contrary_has_a_model_and_models_hold(asked: tuple[Bank, Bool]) -> None:
    bank, term = asked
    found = [solver_of(bank).model(each) for each in (term, bank.not_(term))]
    assert any(model is not None for model in found)
    for model, holds in zip(found, (True, False), strict=True):
        if model is not None:
            assert Evaluation(model).of(term) is holds


@given(conditions(), assignments())
def test_what_has_no_model_holds_under_no_assignment(
    asked: tuple[Bank, Bool], assignment: Assignment
) -> None:
    bank, term = asked
    if solver_of(bank).model(term) is None:
        assert not Evaluation(assignment).of(term)


@given(conditions())
def test_a_model_is_found_without_z3_only_if_z3_finds_one(asked: tuple[Bank, Bool]) -> None:
    bank, term = asked
    solver = solver_of(bank)
    model, searched = solver.model(term), solver.searched(term)
    assert (model is None) is (searched is None)
    if searched is not None:
        assert Evaluation(searched).of(term) is True


def test_a_required_contradiction_leaves_no_model() -> None:
    bank = Bank()
    told = bank.var("bool", "told")
    solver = solver_of(bank)
    solver.require(bank.and_(told, bank.not_(told)))
    assert solver.model(told) is None
    assert solver.model() is None


def test_a_number_that_can_be_nothing_leaves_no_model() -> None:
    bank = Bank()
    solver = Solver(bank, bounds=lambda _: (5, 3), context=CONTEXT)
    n = bank.var("int", "n")
    assert solver.model(bank.le(n, 5)) is None
