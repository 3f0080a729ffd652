from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.coherence.compiled import OFTEN, Checks, compiled
from mythos.engines.coherence.terms import Assignment, Bank, Bool, Evaluation, Term
from tests.engines.coherence.random_terms import assignments, conditions


@given(conditions(), assignments())
def test_a_compiled_term_has_the_value_that_its_evaluation_has(
    asked: tuple[Bank, Bool], assignment: Assignment
) -> None:
    _, term = asked
    if not isinstance(term, Term):
        return
    check = compiled(term)
    assert check is not None
    assert check(assignment.get) is Evaluation(assignment).of(term)


@given(st.lists(conditions(), min_size=1, max_size=4), assignments())
def test_what_is_wrong_is_the_same_before_and_after_a_term_was_met_often(
    asked: list[tuple[Bank, Bool]], assignment: Assignment
) -> None:
    terms = [term for _, term in asked if isinstance(term, Term)]
    checks = Checks()
    found = [checks.wrong(terms, assignment) for _ in range(OFTEN + 3)]
    assert len(set(found)) == 1
    values = Evaluation(assignment)
    assert (found[0] is None) is all(values.holds(term) for term in terms)
    if found[0] is not None:
        assert not values.holds(found[0])
        assert found[0].op != "and"


def test_a_term_that_shares_its_parts_is_no_function_but_is_computed_all_the_same() -> None:
    bank = Bank()
    tests = [bank.var("bool", f"b{number}") for number in range(40)]
    shared: Bool = True
    for test in tests:
        shared = bank.iff(shared, test)
    assert isinstance(shared, Term)
    assert compiled(shared) is None
    checks = Checks()
    for _ in range(OFTEN + 3):
        assert checks.wrong([shared], dict.fromkeys(_names(tests), True)) is None
        assert checks.wrong([shared], {"b0": True}) is not None


def _names(terms: Iterable[Term]) -> list[str]:
    return [str(each.args[0]) for each in terms]
