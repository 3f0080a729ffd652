"""The best case over the orders that a run may have had."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import permutations, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.conformance import Model, compile_blueprint
from mythos.engines.conformance.group import Group, lattice_of
from mythos.errors import WorkflowError
from tests.engines.conformance.strategies import LABELS, TREES, Tree, act, acts, block


@st.composite
def groups(draw: st.DrawFn, most: int = 4) -> Group:
    """Up to four labels and any order of some pairs of them, numbered in any way."""
    labels = draw(st.lists(st.sampled_from(LABELS + "x"), min_size=1, max_size=most))
    before = [0] * len(labels)
    for later in range(len(labels)):
        for earlier in range(later):
            if draw(st.booleans()):
                before[later] |= before[earlier] | 1 << earlier
    return renumbered(
        Group(tuple(labels), tuple(before)), draw(st.permutations(range(len(labels))))
    )


def renumbered(group: Group, order: Sequence[int]) -> Group:
    """The same group with its places listed in another order."""
    places = {old: new for new, old in enumerate(order)}
    before = (sum(1 << places[j] for j in places if group.before[i] >> j & 1) for i in order)
    return Group(tuple(group.labels[i] for i in order), tuple(before))


RUNS = st.lists(groups(), max_size=3)


def every_word(group: Group) -> set[tuple[str, ...]]:
    """The label sequences of all orders, tried one by one."""
    places = range(len(group.labels))
    return {
        tuple(group.labels[i] for i in order)
        for order in permutations(places)
        if all(
            order.index(j) < order.index(i)
            for i in places
            for j in places
            if group.before[i] >> j & 1
        )
    }


def every_trace(run: list[Group]) -> set[tuple[str, ...]]:
    return {
        tuple(label for word in words for label in word) for words in product(*map(every_word, run))
    }


def labels_in(run: list[Group], order: tuple[int, ...]) -> tuple[str, ...]:
    flat = [label for group in run for label in group.labels]
    return tuple(flat[i] for i in order)


@given(TREES, RUNS)
def test_a_run_costs_what_its_best_order_costs(steps: Tree, run: list[Group]) -> None:
    model = compile_blueprint(steps)
    order, alignment = model.align_groups(run)
    assert alignment.exact
    assert alignment.cost == min(model.costs(sorted(every_trace(run))))
    assert labels_in(run, order) in every_trace(run)
    assert alignment == model.align(labels_in(run, order))


@given(TREES, RUNS)
def test_of_the_best_orders_the_first_by_the_alphabet_is_meant(
    steps: Tree, run: list[Group]
) -> None:
    model = compile_blueprint(steps)
    order, alignment = model.align_groups(run)
    best = {
        trace
        for trace in every_trace(run)
        if model.align(trace).cost == alignment.cost
        and len(model.align(trace).deviations) == len(alignment.deviations)
    }
    assert labels_in(run, order) == min(best)


@given(TREES, RUNS, st.randoms(use_true_random=False))
def test_how_simultaneous_steps_are_listed_changes_nothing(
    steps: Tree, run: list[Group], random: Random
) -> None:
    listed = [
        renumbered(group, random.sample(range(len(group.labels)), len(group.labels)))
        for group in run
    ]
    model = compile_blueprint(steps)
    one, other = model.align_groups(run), model.align_groups(listed)
    assert one[1] == other[1]
    assert labels_in(run, one[0]) == labels_in(listed, other[0])


def test_places_may_be_numbered_against_their_order() -> None:
    model = compile_blueprint(block("seq", *acts("ca")))
    order, alignment = model.align_groups([Group(("c", "a", "a"), (0b100, 0, 0))])
    assert (alignment.cost, alignment.exact, order) == (1, True, (2, 0, 1))


@pytest.mark.parametrize(
    ("labels", "before", "said"),
    [
        ("ab", (0b10, 0b01), "wait for one another"),
        ("abc", (0b100, 0b001, 0b010), "wait for one another"),
        ("ab", (0, 0b10), "or for themselves"),
        ("ab", (0, 0b100), "4 in `before` of 'b' names no places of a group of 2"),
        ("ab", (-1, 0), "-1 in `before` of 'a'"),
        ("ab", (0,), "a group of 2 labels has 1 numbers"),
        ("", (0,), "a group of 0 labels has 1 numbers"),
    ],
)
def test_a_group_without_any_order_is_refused(
    labels: str, before: tuple[int, ...], said: str
) -> None:
    with pytest.raises(WorkflowError, match=re.escape(said)) as refused:
        Group(tuple(labels), before)
    assert refused.value.remedy


@given(st.lists(st.integers(-1, 16), min_size=4, max_size=4))
def test_a_group_is_refused_where_no_order_keeps_its_pairs(before: list[int]) -> None:
    possible = any(
        all(
            0 <= bits < 16
            and not any(bits >> j & 1 and order.index(j) >= order.index(i) for j in order)
            for i, bits in enumerate(before)
        )
        for order in permutations(range(4))
    )
    try:
        group = Group(tuple("abcd"), tuple(before))
    except WorkflowError:
        assert not possible
    else:
        assert possible
        assert set(group.words()) == every_word(group)


@given(groups(most=6))
def test_a_lattice_spells_the_words_of_its_group_and_no_others(group: Group) -> None:
    edges = lattice_of(group, most=10_000)
    assert edges is not None
    words: set[tuple[tuple[str, ...], int]] = {((), 0)}
    for _ in group.labels:
        words = {((*w, label), to) for w, node in words for label, to in edges[node].items()}
    assert {word for word, _ in words} == every_word(group) == set(group.words())
    assert {node for _, node in words} == {len(edges) - 1}
    for word, _ in words:
        order = group.spelled(word)
        assert tuple(group.labels[i] for i in order) == word
        assert all(
            order.index(j) < order.index(i)
            for i in order
            for j in order
            if group.before[i] >> j & 1
        )


def free(labels: str) -> Group:
    return Group(tuple(labels), (0,) * len(labels))


def test_ten_simultaneous_steps_are_weighed_exactly() -> None:
    model = compile_blueprint(block("seq", *acts("abcdefghij")))
    order, alignment = model.align_groups([free("jihgfedcba")])
    assert (alignment.cost, alignment.exact, order) == (0, True, tuple(range(9, -1, -1)))


def test_hundreds_of_small_groups_are_weighed_exactly() -> None:
    model = compile_blueprint({"loop": {"do": block("seq", *acts("abcd"))}})
    order, alignment = model.align_groups([free("dcba")] * 300)
    assert (alignment.cost, alignment.exact) == (0, True)
    assert order[:8] == (3, 2, 1, 0, 7, 6, 5, 4)


def test_hundreds_of_equal_calls_at_once_are_one_order() -> None:
    staggered = tuple(sum(1 << j for j in range(max(i - 3, 0))) for i in range(200))
    model = compile_blueprint({"loop": {"do": act("a")}})
    run = [Group(("a",) * 200, staggered), free("ab")]
    _, alignment = model.align_groups(run)
    assert (alignment.cost, alignment.exact) == (1, True)


WIDE = "abcdefghijklmnop"


@pytest.mark.parametrize(
    ("trace", "cost", "exact"),
    [(WIDE[::-1], 0, True), (WIDE[::-1] + "q", 1, True), (WIDE[1:] + "b", 2, True)],
)
def test_a_group_too_wide_to_weigh_is_ordered_as_the_workflow_wants_it(
    trace: str, cost: int, exact: bool
) -> None:
    model = compile_blueprint(block("seq", *acts(WIDE)))
    _, alignment = model.align_groups([free(trace)])
    assert (alignment.cost, alignment.exact) == (cost, exact)


def test_what_was_not_weighed_is_an_interval() -> None:
    either = block(
        "xor", block("seq", *acts("a" + WIDE[1:])), block("seq", *acts(WIDE[::-1] + "q"))
    )
    model = compile_blueprint(block("seq", either, act("z")))
    best = model.align([*WIDE[::-1], "q", "z"]).cost
    _, alignment = model.align_groups([free(WIDE + "q"), Group.single("z")])
    assert best == 0
    assert alignment.lower <= best <= alignment.cost
    assert alignment.exact == (alignment.lower == alignment.cost)


def parallel(n: int) -> Model:
    """Too parallel for an automaton; a step before and one after."""
    branches = [block("seq", act(f"m{i}"), act(f"n{i}")) for i in range(n)]
    model = compile_blueprint(block("seq", act("a"), block("and", *branches), act("z")))
    assert model.n_states is None
    return model


def test_a_workflow_without_automaton_takes_the_best_of_a_few_orders() -> None:
    model = parallel(9)
    inner = [Group.single(f"{kind}{i}") for kind in "mn" for i in range(9)]
    _, alignment = model.align_groups(
        [Group(("m0", "a"), (0, 0)), *inner[1:-1], Group(("z", "n8"), (0, 0))]
    )
    assert (alignment.cost, alignment.exact) == (0, True)


def test_wide_groups_of_a_workflow_without_automaton_are_weighed_exactly() -> None:
    model = parallel(9)
    firsts = Group(("n0", "m0", *(f"m{i}" for i in range(1, 7)), "a"), (0,) * 9)
    rest = [Group.single(label) for label in ("m7", "m8")]
    lasts = Group(("z", *(f"n{i}" for i in range(1, 9))), (0,) * 9)
    order, alignment = model.align_groups([firsts, *rest, lasts])
    assert (alignment.cost, alignment.exact) == (0, True)
    assert (order[0], order[-1]) == (8, 11)
    late = Group(("n0", "m0", "a"), (0, 0, 0))
    others = [Group.single(f"m{i}") for i in range(1, 7)]
    _, strayed = model.align_groups([*rest, late, *others, lasts])
    assert (strayed.cost, strayed.exact) == (2, True)


def test_a_group_that_nobody_looked_into_keeps_its_order() -> None:
    model = compile_blueprint(block("seq", act("a"), act("b")))
    order, alignment = model.align_groups([Group(("b", "a"), (), known=False)])
    assert (order, alignment.cost, alignment.lower, alignment.exact) == ((0, 1), 2, 0, False)
