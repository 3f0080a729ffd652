"""Laws of alignments, held against words and costs computed by definition."""

from __future__ import annotations

import random
from typing import cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.conformance import Alignment, Move, compile_blueprint
from mythos.engines.conformance.alignment import Trail
from mythos.engines.conformance.automaton import automaton_of
from mythos.engines.conformance.costs import Costs, fine
from mythos.engines.conformance.frontier import Frontier
from mythos.engines.conformance.table import Table
from mythos.engines.conformance.tree import numbered
from mythos.errors import WorkflowError
from mythos.values.process import normal_form
from mythos.values.workflow import bare_workflow
from tests.engines.conformance.strategies import (
    ALL_BLOCKS,
    LABELS,
    TRACES,
    TREES,
    WEIGHT,
    WEIGHTS,
    Tree,
    act,
    acts,
    block,
    workflow,
)
from tests.engines.conformance.words import edits, words

Prices = dict[str, tuple[int, int]]
PRICES = st.fixed_dictionaries({label: st.tuples(WEIGHT, WEIGHT) for label in LABELS})


def a_word(tree: Tree, pick: random.Random) -> list[str]:
    """One of the shorter words of a tree."""
    shortest = compile_blueprint(tree).min_length
    assume(shortest <= 6)
    return list(pick.choice(sorted(words(tree, shortest + 2))))


@given(TREES, TRACES)
def test_the_cost_is_the_least_edit_distance_to_a_word(tree: Tree, trace: list[str]) -> None:
    model = compile_blueprint(tree)
    longest = len(trace) + model.min_length
    assume(longest <= 9)
    found = words(tree, longest + len(trace))
    assert model.min_length == min(map(len, found))
    assert model.costs([trace]) == [min(edits(tuple(trace), word) for word in found)]


def routes(tree: Tree, prices: Prices, *, budget: int) -> tuple[Table, Frontier]:
    steps = normal_form(bare_workflow(tree).steps)
    numbers = numbered(steps, skip_of=lambda label: fine(prices[label][0]))
    costs = Costs(
        tuple(prices[label][0] for label in numbers.labels),
        tuple(prices[label][1] for label in numbers.labels),
    )
    automaton = automaton_of(numbers)
    assume(automaton is not None)
    assert automaton
    table = Table(numbers, automaton, costs, budget=budget)
    return table, Frontier(numbers, costs, budget=budget)


def known(tree: Tree, trace: list[str]) -> list[int]:
    labels = numbered(normal_form(bare_workflow(tree).steps), skip_of=lambda _: 1).labels
    return [labels.index(label) for label in trace if label in labels]


@given(ALL_BLOCKS, TRACES, PRICES)
def test_both_routes_give_one_cost(tree: Tree, trace: list[str], prices: Prices) -> None:
    table, frontier = routes(tree, prices, budget=20_000)
    events = known(tree, trace)
    one, other = table.trail(events), frontier.trail(events)
    assert one.cost == other.cost == other.lower == table.cost(events)
    assert n_deviations(one) == n_deviations(other)


def n_deviations(trail: Trail) -> int:
    return sum(move.kind != "match" for move in trail.moves)


@given(ALL_BLOCKS, TRACES, PRICES, st.integers(0, 6))
def test_past_the_budget_the_interval_holds_the_cost(
    tree: Tree, trace: list[str], prices: Prices, budget: int
) -> None:
    events = known(tree, trace)
    exact, _ = routes(tree, prices, budget=20_000)
    for route in routes(tree, prices, budget=budget):
        found = route.trail(events)
        assert found.lower <= exact.cost(events) <= found.cost
        assert exact.cost(events) <= route.cost(events) <= found.cost
        assert exact.cost([move.label for move in found.moves if move.kind != "extra"]) == 0
        assert [move.label for move in found.moves if move.kind != "skip"] == events


@given(ALL_BLOCKS, TRACES, WEIGHTS, st.sampled_from(["count", "ignore"]))
def test_moves_retell_the_trace_and_a_word_and_add_up(
    tree: Tree, trace: list[str], weights: dict[str, JsonValue], extra: str
) -> None:
    model = compile_blueprint(workflow(tree, weights, extra))
    aligned = model.align(trace)
    told = [(move.position, move.label) for move in aligned.moves if move.position is not None]
    seen = [pair for pair in enumerate(trace) if extra == "count" or pair[1] in model.labels]
    assert told == seen
    word = [move.label for move in aligned.moves if move.kind != "extra"]
    assert compile_blueprint(tree).costs([word]) == [0]
    assert model.costs([trace]) == [aligned.cost]
    assert aligned.exact
    assert aligned.lower == aligned.upper == aligned.cost == priced(aligned, weights)


def priced(aligned: Alignment, weights: dict[str, JsonValue]) -> int:
    default = cast("int", weights["default"])
    return sum(
        cast("dict[str, int]", weights.get(move.label, {})).get(move.kind, default)
        for move in aligned.deviations
    )


@given(ALL_BLOCKS, TRACES)
def test_every_block_named_by_a_move_is_the_step_of_that_label(
    tree: Tree, trace: list[str]
) -> None:
    for move in compile_blueprint(tree).align(trace).moves:
        if move.kind == "extra":
            assert move.block == ""
        else:
            assert at_path({"steps": tree}, move.block) == move.label


def at_path(value: JsonValue, path: str) -> JsonValue:
    for part in path.split("/"):
        value = value[int(part)] if isinstance(value, list) else cast("Tree", value)[part]
    return value


@given(ALL_BLOCKS, TRACES, WEIGHTS, st.sampled_from(["count", "ignore"]))
def test_fitness_is_a_share_whatever_the_weights(
    tree: Tree, trace: list[str], weights: dict[str, JsonValue], extra: str
) -> None:
    aligned = compile_blueprint(workflow(tree, weights, extra)).align(trace)
    assert 0 <= aligned.cost <= aligned.denominator
    assert 0.0 <= aligned.fitness <= 1.0
    assert (aligned.fitness == 1.0) == (aligned.cost == 0)


@given(TREES, st.randoms(use_true_random=False))
def test_a_word_of_the_workflow_fits(tree: Tree, pick: random.Random) -> None:
    aligned = compile_blueprint(tree).align(a_word(tree, pick))
    assert (aligned.cost, aligned.fitness) == (0, 1.0)
    assert all(move.kind == "match" for move in aligned.moves)


@given(TREES, st.randoms(use_true_random=False), st.integers(0, 5))
def test_as_many_random_edits_cost_no_more_than_their_number(
    tree: Tree, pick: random.Random, n_edits: int
) -> None:
    trace = a_word(tree, pick)
    for _ in range(n_edits):
        if trace and pick.random() < 0.5:
            del trace[pick.randrange(len(trace))]
        else:
            trace.insert(pick.randrange(len(trace) + 1), pick.choice(LABELS))
    assert compile_blueprint(tree).costs([trace])[0] <= n_edits


@given(TREES, TRACES)
def test_cost_and_lengths_have_one_parity(tree: Tree, trace: list[str]) -> None:
    aligned = compile_blueprint(tree).align(trace)
    word = [move for move in aligned.moves if move.kind != "extra"]
    assert (aligned.cost - len(trace) - len(word)) % 2 == 0


@given(TREES, TRACES, st.randoms(use_true_random=False))
def test_reordered_branches_change_no_move_but_its_path(
    tree: Tree, trace: list[str], pick: random.Random
) -> None:
    one = compile_blueprint(tree).align(trace)
    other = compile_blueprint(reordered(tree, pick)).align(trace)
    assert [(m.kind, m.label, m.position) for m in one.moves] == [
        (m.kind, m.label, m.position) for m in other.moves
    ]


def reordered(tree: Tree, pick: random.Random) -> Tree:
    ((kind, inner),) = tree.items()
    if kind in ("xor", "and", "seq"):
        children = [reordered(child, pick) for child in cast("list[Tree]", inner)]
        if kind != "seq":
            pick.shuffle(children)
        return block(kind, *children)
    if kind == "opt":
        return {"opt": reordered(cast("Tree", inner), pick)}
    return tree


def test_ties_prefer_a_match_then_an_extra_then_the_lowest_skip() -> None:
    model = compile_blueprint(block("seq", *acts("ab"), block("and", *acts("cd"))))
    assert model.align(["a", "x"]).moves == (
        Move("match", "a", 0, "steps/seq/0/act"),
        Move("extra", "x", 1, ""),
        Move("skip", "b", None, "steps/seq/1/act"),
        Move("skip", "c", None, "steps/seq/2/and/0/act"),
        Move("skip", "d", None, "steps/seq/2/and/1/act"),
    )
    assert [m.kind for m in model.align(["b", "a", "c", "d"]).moves] == [
        *("extra", "match", "skip", "match", "match"),
    ]


def test_a_repeated_label_is_told_by_the_step_it_stands_for() -> None:
    model = compile_blueprint(block("xor", block("seq", *acts("ac")), block("seq", *acts("bc"))))
    assert [move.block for move in model.align(["b", "c"]).moves] == [
        "steps/xor/1/seq/0/act",
        "steps/xor/1/seq/1/act",
    ]


def test_ignored_labels_cost_nothing_and_have_no_move() -> None:
    steps = block("seq", *acts("ab"))
    trace = ["x", "a", "x", "b", "x"]
    ignoring = compile_blueprint(workflow(steps, extra="ignore")).align(trace)
    counting = compile_blueprint(workflow(steps)).align(trace)
    assert (ignoring.cost, ignoring.denominator, len(ignoring.moves)) == (0, 4, 2)
    assert (counting.cost, counting.denominator, len(counting.moves)) == (3, 7, 5)
    assert [move.position for move in ignoring.moves] == [1, 3]


def test_weights_decide_which_deviation_is_cheaper() -> None:
    steps = block("xor", block("seq", *acts("ab")), act("c"))
    model = compile_blueprint(workflow(steps, {"b": {"skip": 5}}))
    aligned = model.align(["a"])
    assert [(m.kind, m.label) for m in aligned.moves] == [("extra", "a"), ("skip", "c")]
    assert (aligned.cost, aligned.denominator, model.shortest_cost) == (2, 2, 1)
    assert aligned.fitness == 0.0


def test_a_free_extra_is_still_told() -> None:
    model = compile_blueprint(workflow(act("a"), {"x": {"extra": 0}}))
    aligned = model.align(["x", "a"])
    assert (aligned.cost, aligned.fitness) == (0, 1.0)
    assert aligned.deviations == (Move("extra", "x", 0, ""),)


def test_nothing_to_do_and_nothing_done_fits() -> None:
    aligned = compile_blueprint({"tau": True}).align([])
    assert (aligned.cost, aligned.denominator, aligned.fitness, aligned.moves) == (0, 0, 1.0, ())


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        ({"nodes": {"n": act("a"), "m": act("b")}, "start": ["n"], "ends": ["m"]}, "no walk leads"),
        (
            {"nodes": {"n": act("a"), "m": act("b")}, "start": ["n"], "ends": ["m"]}
            | {"edges": [["m", "n"]]},
            "no walk leads",
        ),
    ],
)
def test_a_graph_without_a_walk_is_refused_by_its_path(graph: Tree, said: str) -> None:
    with pytest.raises(WorkflowError, match=f"steps/seq/1/graph: {said}") as caught:
        compile_blueprint(block("seq", act("b"), {"graph": graph}))
    assert "edges" in caught.value.remedy


def test_what_is_no_workflow_is_refused() -> None:
    with pytest.raises(WorkflowError, match="exactly one of the keys act"):
        compile_blueprint({"acts": "a"})


@pytest.mark.parametrize("value", ['{"act": "plan"}', b"act", None, 1, [{"act": "plan"}]])
def test_what_is_no_mapping_is_refused_as_no_workflow(value: object) -> None:
    with pytest.raises(WorkflowError, match="is no workflow and no block"):
        compile_blueprint(cast("Tree", value))


def nested(n_levels: int) -> Tree:
    steps: Tree = act("plan")
    for _ in range(n_levels):
        steps = {"opt": steps}
    return steps


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (nested(5_000), "this nests too deep, or holds itself"),
        ({"act": nested(5_000)}, "steps/act: what is nested here is a mapping"),
        ({"seq": [1] * 100_000}, "steps/seq: expected 1 to 4096 blocks, not 100000"),
    ],
)
def test_steps_too_deep_and_too_many_are_one_objection(steps: Tree, said: str) -> None:
    with pytest.raises(WorkflowError, match=said) as caught:
        compile_blueprint(steps)
    assert caught.value.each == (caught.value,)
