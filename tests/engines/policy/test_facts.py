"""Facts about the past: max registers that merge in any order."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.policy.facts import FactState, once_holds
from mythos.values.policy import FactOutcome, Once

NAMES = ("write", "look", "user.confirm")
Step = Callable[[FactState], FactState]


def seen(kind: str, name: str, at: int) -> Step:
    steps: dict[str, Step] = {
        "began": lambda state: state.began(name, at),
        "ok": lambda state: state.observe(name, at),
        "error": lambda state: state.observe(name, at, ok=False),
        "said": lambda state: state.said(name, at),
        "doubt": lambda state: state.doubt(name, at),
    }
    return steps[kind]


steps = st.lists(
    st.builds(
        seen,
        st.sampled_from(["began", "ok", "error", "said", "doubt"]),
        st.sampled_from(NAMES),
        st.integers(0, 50),
    ),
    max_size=12,
)


def told(these: list[Step]) -> FactState:
    state = FactState()
    for step in these:
        state = step(state)
    return state


@given(steps, steps, steps)
def test_states_merge_in_any_grouping_and_order(
    a: list[Step], b: list[Step], c: list[Step]
) -> None:
    one, two, three = told(a), told(b), told(c)
    assert (one | two) | three == one | (two | three)
    assert one | two == two | one
    assert one | one == one
    assert one | FactState() == one


@given(steps, st.randoms(use_true_random=False), st.data())
def test_a_shuffled_and_repeated_history_split_over_observers_is_the_history(
    history: list[Step], random: Random, data: st.DataObject
) -> None:
    repeats = st.lists(st.sampled_from(history), max_size=5) if history else st.just([])
    again = history + data.draw(repeats)
    random.shuffle(again)
    cut = data.draw(st.integers(0, len(again)))
    assert told(again[:cut]) | told(again[cut:]) == told(history)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=10),
    st.integers(40, 60),
    st.sampled_from([None, "5s", "20s"]),
)
def test_once_since_says_what_a_walk_through_the_history_says(
    history: list[tuple[bool, int]], now: int, within: str | None
) -> None:
    state, second = FactState(), 10**9
    for is_yes, at in history:
        at_ns = at * second
        state = state.said("user.confirm", at_ns) if is_yes else state.began("write", at_ns)
    yes = [at for is_yes, at in history if is_yes]
    writes = [at for is_yes, at in history if not is_yes]
    window = now if within is None else int(within[:-1])
    expected = any(all(w < y for w in writes) and now - y <= window for y in yes)
    fact = Once(once="user.confirm", since="write", within=within)
    assert once_holds(fact, state, now * second) is expected


@given(steps, st.integers(50, 60), st.sampled_from(["ok", "error", "any"]))
def test_a_fact_told_despite_doubts_is_the_fact_without_and_with_them(
    history: list[Step], now: int, outcome: FactOutcome
) -> None:
    fact = Once(once=("look", "user.confirm"), since=("write", "user.confirm"), outcome=outcome)
    state = told(history)
    known = FactState(state.begun, state.succeeded, state.failed)
    holds = once_holds(fact, state, now)
    assert holds is None or holds == once_holds(fact, known, now)


@pytest.mark.parametrize(
    ("outcome", "after_ok", "after_error"),
    [("ok", True, False), ("error", False, True), ("any", True, True)],
)
def test_the_outcome_of_a_call_chooses_what_counts(
    outcome: FactOutcome, *, after_ok: bool, after_error: bool
) -> None:
    fact = Once(once="look", outcome=outcome)
    assert once_holds(fact, FactState().observe("look", 1), 2) is after_ok
    assert once_holds(fact, FactState().observe("look", 1, ok=False), 2) is after_error


def test_an_attempt_resets_even_when_it_fails() -> None:
    fact = Once(once="user.confirm", since="write")
    state = FactState().said("user.confirm", 1)
    assert once_holds(fact, state, 2) is True
    assert once_holds(fact, state.began("write", 2).observe("write", 3, ok=False), 4) is False


def test_at_one_instant_the_reset_wins() -> None:
    fact = Once(once="user.confirm", since="write")
    assert once_holds(fact, FactState().said("user.confirm", 5).began("write", 5), 6) is False


def test_a_doubt_before_a_later_yes_does_not_matter() -> None:
    fact = Once(once="user.confirm", since="write")
    state = FactState().doubt("user.confirm", 5)
    assert once_holds(fact, state, 9) is None
    assert once_holds(fact, state.said("user.confirm", 6), 9) is True
    assert once_holds(fact, state.began("write", 7), 9) is False
