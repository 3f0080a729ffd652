from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.coherence.numbers import LEAST, MOST
from mythos.engines.coherence.solver import Solver
from mythos.engines.coherence.terms import Bank, Bool, Evaluation, Term
from mythos.engines.coherence.z3_terms import new_context

CONTEXT = new_context()
OURS = (None, "@shop.example")
ANY_SHOP = (None, "shop", None)
PATTERNS = [OURS, ANY_SHOP, ("a", None)]


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


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Bank, Bool]:
    bank = Bank()
    texts = [bank.var("text", name) for name in "st"]
    numbers = [bank.var("int", name) for name in "nm"]
    atoms = st.one_of(
        st.builds(bank.like, st.sampled_from(texts), st.sampled_from(PATTERNS)),
        st.builds(bank.same, st.sampled_from(texts), st.sampled_from([*texts, "a", "shop"])),
        st.builds(bank.le, st.sampled_from([*numbers, 3]), st.sampled_from([*numbers, 3])),
        st.builds(bank.equal, st.sampled_from(numbers), st.sampled_from([*numbers, MOST])),
        st.builds(bank.member, st.just("set"), st.sampled_from([*texts, "a"])),
    )
    term = draw(
        st.recursive(
            atoms,
            lambda inner: st.one_of(
                st.builds(bank.and_, inner, inner),
                st.builds(bank.or_, inner, inner),
                st.builds(bank.not_, inner),
                st.builds(bank.choose, inner, inner, inner),
            ),
            max_leaves=12,
        )
    )
    return bank, term


@given(conditions())
def test_a_condition_or_its_contrary_has_a_model_and_models_hold(asked: tuple[Bank, Bool]) -> None:
    bank, term = asked
    found = [solver_of(bank).model(each) for each in (term, bank.not_(term))]
    assert any(model is not None for model in found)
    for model, holds in zip(found, (True, False), strict=True):
        if model is not None:
            assert Evaluation(model).of(term) is holds
    if isinstance(term, Term) and found[0] is None:
        assert not Evaluation({"s": "a", "t": "shop", "n": 3, "m": MOST}).holds(term)
