"""Parallel branches without a common label: exact however far a run strayed, block by block."""

from __future__ import annotations

import random

from hypothesis import assume, given
from hypothesis import strategies as st

from mythos.engines.conformance import Alignment, Model, compile_blueprint
from mythos.engines.conformance.automaton import automaton_of
from mythos.engines.conformance.blockwise import Blockwise, parts_of
from mythos.engines.conformance.costs import Costs, fine
from mythos.engines.conformance.frontier import Frontier
from mythos.engines.conformance.table import Table
from mythos.engines.conformance.tree import numbered
from mythos.values.process import normal_form
from mythos.values.workflow import bare_workflow
from tests.engines.conformance.strategies import (
    ALL_BLOCKS,
    GRAPHS,
    LABELS,
    TRACES,
    Tree,
    act,
    block,
)
from tests.engines.conformance.test_alignment import PRICES, Prices, known, n_deviations


def renamed(tree: Tree, labels: dict[str, str]) -> Tree:
    """The same blocks with other labels."""

    def inner(value: object) -> object:
        if isinstance(value, list):
            return [inner(each) for each in value]
        if isinstance(value, dict):
            return {
                key: labels[each] if key == "act" else inner(each) for key, each in value.items()
            }
        return value

    found = inner(tree)
    assert isinstance(found, dict)
    return found


def around(tree: Tree, how: str) -> Tree:
    match how:
        case "loop":
            return {"loop": [tree, act("a")]}
        case "twice":
            return {"loop": {"do": tree, "max": 2}}
        case "xor":
            return block("xor", tree, act("b"))
        case "graph":
            return {
                "graph": {
                    "nodes": {"n": tree, "m": act("c"), "o": {"opt": act("a")}},
                    "start": ["n", "m"],
                    "edges": [["n", "m"], ["m", "n"], ["n", "o"]],
                    "ends": ["o"],
                }
            }
    return tree


def apart(one: Tree, other: Tree, before: Tree, how: str) -> Tree:
    """Two branches, one of the labels a and b, one of c and d, in blocks that know them too."""
    branches = (
        renamed(one, dict(zip(LABELS, "abab", strict=True))),
        renamed(other, dict(zip(LABELS, "cdcd", strict=True))),
    )
    return around(block("seq", before, block("and", *branches), act("d")), how)


APART = st.builds(
    apart,
    ALL_BLOCKS,
    ALL_BLOCKS,
    st.sampled_from(LABELS).map(act),
    st.sampled_from(["alone", "loop", "twice", "xor", "graph"]),
)


def routes(
    tree: Tree, prices: Prices, *, most: int, budget: int = 10**9
) -> tuple[Table, Blockwise]:
    numbers = numbered(
        normal_form(bare_workflow(tree).steps), skip_of=lambda label: fine(prices[label][0])
    )
    costs = Costs(
        tuple(prices[label][0] for label in numbers.labels),
        tuple(prices[label][1] for label in numbers.labels),
    )
    automaton, root = automaton_of(numbers), parts_of(numbers, costs, most=most)
    assume(automaton is not None and root is not None)
    assert automaton
    assert root
    frontier = Frontier(numbers, costs, budget=20_000)
    return Table(numbers, automaton, costs), Blockwise(root, costs, other=frontier, budget=budget)


@given(ALL_BLOCKS | GRAPHS | APART, TRACES, PRICES, st.sampled_from([0, 2, 1_000]))
def test_taken_apart_or_not_a_run_costs_the_same(
    tree: Tree, trace: list[str], prices: Prices, most: int
) -> None:
    table, apart = routes(tree, prices, most=most)
    events = known(tree, trace)
    one, other = table.trail(events), apart.trail(events)
    assert one.cost == other.cost == other.lower == apart.cost(events)
    assert n_deviations(one) == n_deviations(other)
    assert [move.index for move in other.moves if move.kind != "skip"] == [*range(len(events))]
    assert [move.label for move in other.moves if move.kind != "skip"] == events
    assert table.cost([move.label for move in other.moves if move.kind != "extra"]) == 0


@given(APART, TRACES, PRICES)
def test_past_the_budget_the_search_answers(tree: Tree, trace: list[str], prices: Prices) -> None:
    table, apart = routes(tree, prices, most=2, budget=0)
    events = known(tree, trace)
    assert table.cost(events) == apart.cost(events) == apart.trail(events).cost


def pairs(n_branches: int) -> list[Tree]:
    return [block("seq", act(f"a{i}"), act(f"b{i}")) for i in range(n_branches)]


def swapped(n_branches: int, wrong: set[int]) -> list[str]:
    """All first steps, then all second ones; some branches the other way round."""
    first = [f"b{i}" if i in wrong else f"a{i}" for i in range(n_branches)]
    return first + [f"a{i}" if i in wrong else f"b{i}" for i in range(n_branches)]


def checked(model: Model, trace: list[str]) -> Alignment:
    """An exact alignment whose moves are the trace, a word of the workflow, and the cost."""
    aligned = model.align(trace)
    assert aligned.exact
    assert aligned.cost == len(aligned.deviations) == model.costs([trace])[0]
    assert [move.label for move in aligned.moves if move.kind != "skip"] == trace
    word = [move.label for move in aligned.moves if move.kind != "extra"]
    assert model.align(word).cost == 0
    return aligned


def test_twenty_branches_of_which_any_number_ran_backward_are_aligned_exactly() -> None:
    model = compile_blueprint(block("and", *pairs(20)))
    for n_wrong in (0, 3, 11, 20):
        wrong = set(random.Random(n_wrong).sample(range(20), n_wrong))
        assert checked(model, swapped(20, wrong)).cost == 2 * n_wrong


def test_rounds_of_forty_branches_that_strayed_are_aligned_exactly() -> None:
    steps = block("seq", act("plan"), block("and", *pairs(40)), act("review"))
    model = compile_blueprint({"loop": [steps, act("again")]})
    one = ["plan", *swapped(40, {3, 8, 30}), "review"]
    other = [*swapped(40, {5}), "review", "x"]
    trace = [*one, "again", *other, "again", *one]
    assert checked(model, trace).cost == 6 + 4 + 6


def test_branches_that_share_a_label_are_one_part() -> None:
    sharing = [block("seq", act("ask"), act(f"s{i}")) for i in range(3)]
    model = compile_blueprint(block("and", *pairs(12), *sharing))
    assert model.n_states is None
    trace = [*swapped(12, set(range(12))), "ask", "s0", "s1", "ask", "s2", "ask"]
    assert checked(model, trace).cost == 24 + 2
