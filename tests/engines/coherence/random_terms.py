"""Random conditions about two texts, two numbers, two Bools and a set, and values for these."""

from __future__ import annotations

from hypothesis import strategies as st

from mythos.engines.coherence.numbers import LEAST, MOST
from mythos.engines.coherence.terms import Assignment, Bank, Bool, Int

PATTERNS = [(None, "@shop.example"), (None, "shop", None), ("a", None), ("s", None, "p", None)]
TEXTS = ["", "a", "shop", "an@shop.example", "sap"]
NUMBERS = [LEAST, -3, 0, 1, 3, MOST]


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Bank, Bool]:
    bank = Bank()
    texts = [bank.var("text", name) for name in "st"]
    numbers = _numbers(bank)
    words = st.sampled_from([*texts, *TEXTS])
    atoms = st.one_of(
        st.builds(bank.var, st.just("bool"), st.sampled_from(["p", "q"])),
        st.builds(bank.like, st.sampled_from(texts), st.sampled_from(PATTERNS)),
        st.builds(bank.same, st.sampled_from(texts), words),
        st.builds(bank.le, numbers, numbers),
        st.builds(bank.equal, numbers, numbers),
        st.builds(bank.member, st.just("set"), words),
    )
    return bank, draw(st.recursive(atoms, lambda inner: _joined(bank, inner), max_leaves=12))


def _joined(bank: Bank, inner: st.SearchStrategy[Bool]) -> st.SearchStrategy[Bool]:
    return st.one_of(
        st.builds(bank.and_, inner, inner),
        st.builds(bank.or_, inner, inner),
        st.builds(bank.not_, inner),
        st.builds(bank.choose, inner, inner, inner),
    )


def _numbers(bank: Bank) -> st.SearchStrategy[Int]:
    plain = st.sampled_from([*(bank.var("int", name) for name in "nm"), *NUMBERS])
    test = st.builds(bank.var, st.just("bool"), st.sampled_from(["p", "q"]))
    return st.one_of(
        plain,
        st.builds(bank.add, plain, plain),
        st.builds(bank.scale, st.sampled_from([-2, 0, 3]), plain),
        st.builds(bank.floor_div, plain, st.just(7)),
        st.builds(bank.pick, test, plain, plain),
    )


def assignments() -> st.SearchStrategy[Assignment]:
    """Values of some of the variables."""
    text, number, truth = st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans()
    members = st.frozensets(text)
    return st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys("st", text),
            **dict.fromkeys("nm", number),
            **dict.fromkeys("pq", truth),
            "set": members,
        },
    )
