"""Maps and graphs: the words they are defined by, on both routes, and how large they may be."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.conformance import Stream, compile_blueprint
from mythos.engines.conformance.automaton import Automaton, automaton_of
from mythos.engines.conformance.space import Space, State
from mythos.engines.conformance.stranded import stranded_in
from mythos.engines.conformance.tree import MANY, numbered
from mythos.engines.conformance.tree import Tree as Numbered
from mythos.errors import WorkflowError
from mythos.values.process import normal_form
from mythos.values.workflow import bare_workflow
from tests.engines.conformance.strategies import (
    GRAPHS,
    MAPS,
    TRACES,
    TREES_OF_TWO,
    Tree,
    act,
    acts,
    block,
    graphs,
    mapped,
)
from tests.engines.conformance.words import Word, words

LONGEST = 5
COPY = block("seq", act("call"), act("return"))


def numbers_of(tree: Tree) -> Numbered:
    return numbered(normal_form(bare_workflow(tree).steps), skip_of=lambda _: 1)


def built(tree: Tree) -> tuple[Numbered, Automaton]:
    numbers = numbers_of(tree)
    automaton = automaton_of(numbers)
    assume(automaton is not None)
    assert automaton
    return numbers, automaton


def accepted(tree: Tree) -> set[Word]:
    """The words of the automaton of at most so many labels."""
    numbers, automaton = built(tree)
    reached: list[tuple[Word, int]] = [((), 0)]
    for word, state in reached:
        if len(word) < LONGEST:
            row = automaton.rows[state]
            reached += (((*word, numbers.labels[label]), to) for label, to in row.items())
    return {word for word, state in reached if automaton.final[state]}


def stepped(tree: Tree) -> set[Word]:
    """The words that the states of the tree spell."""
    numbers = numbers_of(tree)
    space = Space(numbers.root)
    reached: set[tuple[Word, State]] = {((), space.start())}
    found: set[Word] = set()
    while reached:
        found |= {word for word, state in reached if state.final}
        reached = {
            ((*word, numbers.labels[step.label]), step.target)
            for word, state in reached
            for step in space.steps(state)
            if len(word) < LONGEST
        }
    return found


@given(MAPS | GRAPHS | st.builds(block, st.just("and"), GRAPHS, MAPS))
def test_both_routes_allow_the_words_of_the_definition(tree: Tree) -> None:
    assert accepted(tree) == stepped(tree) == words(tree, LONGEST)


@given(MAPS | GRAPHS | st.builds(block, st.just("and"), GRAPHS, MAPS))
def test_bounds_move_with_every_step_and_are_exact_where_they_must_be(tree: Tree) -> None:
    space = Space(numbers_of(tree).root)
    seen = {space.start()}
    pending = list(seen)
    while pending and len(seen) < 300:
        state = pending.pop()
        assert state.final == (state.length == 0) == (state.bounds.cost == 0)
        steps = space.steps(state)
        if not state.final:
            assert state.length == state.bounds.cost == 1 + min(s.target.length for s in steps)
            assert len(list(space.cheapest_end(state))) == state.length
        for step in steps:
            target, low, high = step.target, state.bounds.low, state.bounds.high
            for label in {*high, *target.bounds.high}:
                taken = int(label == step.label)
                assert low.get(label, 0) <= target.bounds.low.get(label, 0) + taken
                least = target.bounds.high.get(label, 0) + taken
                assert min(least, MANY // 2) <= high.get(label, 0)
        pending += {step.target for step in steps} - seen
        seen |= {step.target for step in steps}


@given(TREES_OF_TWO, st.integers(0, 2), st.integers(0, 2), TRACES)
def test_a_map_is_so_many_copies_some_of_them_optional(
    do: Tree, least: int, more: int, trace: list[str]
) -> None:
    one = mapped(do, least, more)
    maybe: Tree = {"opt": do}
    n_maybe = cast("dict[str, int]", one["map"])["max"] - least
    copies: list[JsonValue] = [*[do] * least, *[maybe] * n_maybe]
    written = block("and", *copies)
    assert built(one)[1].rows == built(written)[1].rows
    assert built(one)[1].final == built(written)[1].final
    here, there = compile_blueprint(one), compile_blueprint(written)
    assert here.min_length == there.min_length
    assert here.costs([trace]) == there.costs([trace])


def test_a_count_of_one_step_is_a_small_automaton() -> None:
    model = compile_blueprint(mapped(act("call"), 1, 63))
    assert model.n_states == 65
    assert model.costs([[], ["call"] * 64, ["call"] * 67]) == [1, 0, 3]


def test_sixty_four_open_copies_are_weighed_on_the_tree() -> None:
    model = compile_blueprint(mapped(COPY, 40, 24))
    assert model.n_states is None
    trace = ["call"] * 40 + ["return"] * 38
    aligned = model.align(trace)
    assert aligned.exact
    assert [(m.kind, m.block) for m in aligned.deviations] == [
        ("skip", "steps/map/do/seq/1/act")
    ] * 2
    run = Stream(model)
    for label in trace:
        run.add(label)
    assert run.cost == 2


def test_copies_share_the_path_of_the_step_they_copy() -> None:
    aligned = compile_blueprint(mapped(COPY, 2, 0)).align(["call", "call", "return", "return"])
    assert [move.block for move in aligned.moves] == [
        *["steps/map/do/seq/0/act"] * 2,
        *["steps/map/do/seq/1/act"] * 2,
    ]


def test_a_walk_goes_round_and_out_and_names_its_node() -> None:
    graph: Tree = {
        "graph": {
            "nodes": {"ask": act("ask"), "check": act("check"), "pay": act("pay")},
            "start": ["ask"],
            "edges": [["ask", "check"], ["check", "ask"], ["check", "pay"]],
            "ends": ["pay"],
        }
    }
    model = compile_blueprint(graph)
    assert model.costs([["ask", "check"] * 3 + ["pay"], ["ask", "check", "check", "pay"]]) == [0, 1]
    (skipped,) = model.align(["ask", "check"]).deviations
    assert (skipped.kind, skipped.block) == ("skip", "steps/graph/nodes/pay/act")


def test_a_node_on_no_walk_is_no_step() -> None:
    graph: Tree = {
        "graph": {
            "nodes": {"a": act("a"), "before": act("b"), "behind": act("c")},
            "start": ["a"],
            "edges": [["before", "a"], ["a", "behind"]],
            "ends": ["a"],
        }
    }
    assert compile_blueprint(graph).labels == {"a"}


@given(graphs(st.just({"tau": True})))
def test_stranded_nodes_are_those_that_are_no_step(tree: Tree) -> None:
    """Each node gets a label of its own, so that it can be told from the others."""
    graph = cast("dict[str, JsonValue]", tree["graph"])
    names = list(cast("dict[str, JsonValue]", graph["nodes"]))
    named: Tree = {"graph": graph | {"nodes": {name: act(name) for name in names}}}
    stranded = list(stranded_in(bare_workflow(named).steps))
    assert compile_blueprint(named).labels == set(names) - {node.name for node in stranded}
    assert all(node.path == f"steps/graph/nodes/{node.name}" for node in stranded)


def test_more_steps_at_once_than_a_workflow_may_have_are_refused() -> None:
    many = mapped(mapped(block("and", *acts("ab")), 0, 64), 0, 33)
    with pytest.raises(WorkflowError, match=r"steps/seq/1/map: 4224 steps at the same time"):
        compile_blueprint(block("seq", act("c"), many))
