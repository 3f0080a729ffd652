"""A run compared event by event: the same answers as a closed run, and never more than is known."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import JsonValue

from mythos.engines.conformance import Group, Interval, Model, Stream, columns, compile_blueprint
from mythos.engines.conformance.frontier import BUDGET, Frontier
from mythos.engines.conformance.residue import Residues
from mythos.errors import WorkflowError
from tests.engines.conformance.strategies import (
    ALL_BLOCKS,
    GRAPHS,
    LABELS,
    TRACES,
    TREES,
    WEIGHTS,
    Tree,
    act,
    acts,
    block,
    workflow,
)
from tests.engines.conformance.test_orders import RUNS, every_trace, labels_in, renumbered
from tests.engines.conformance.words import edits, words

Answer = tuple[int, Interval, frozenset[str]]
EXTRA = st.sampled_from(["count", "ignore"])


def on_residues(model: Model, *, window: int | None = None) -> Model:
    """The same workflow, as if it were too parallel for an automaton."""
    costs = model._costs if model._costs.are_unit else model._costs.refined()
    residues = Residues(model._tree, costs)
    model.__dict__["ground"] = replace(model.ground, places=residues, window=window)
    return model


def in_window(model: Model, window: int) -> Model:
    model.__dict__["ground"] = replace(model.ground, window=window)
    return model


def answers(run: Stream, trace: list[str]) -> list[Answer]:
    found = [(run.prefix_cost, run.certificate, run.obligations)]
    for label in trace:
        run.add(label)
        found.append((run.prefix_cost, run.certificate, run.obligations))
    return found


def prefixes(trace: list[str]) -> list[list[str]]:
    return [trace[:n] for n in range(len(trace) + 1)]


@given(ALL_BLOCKS, TRACES, WEIGHTS, EXTRA)
def test_at_every_event_the_cost_of_ending_there_is_that_of_the_closed_run(
    tree: Tree, trace: list[str], weights: dict[str, JsonValue], extra: str
) -> None:
    model = compile_blueprint(workflow(tree, weights, extra))
    costs = model.costs(prefixes(trace))
    found = answers(Stream(model), trace)
    assert [certificate for _, certificate, _ in found] == [Interval(c, c) for c in costs]


@given(ALL_BLOCKS | GRAPHS, TRACES, WEIGHTS, EXTRA)
def test_without_an_automaton_the_answers_are_the_same(
    tree: Tree, trace: list[str], weights: dict[str, JsonValue], extra: str
) -> None:
    document = workflow(tree, weights, extra)
    known = answers(Stream(compile_blueprint(document)), trace)
    assert answers(Stream(on_residues(compile_blueprint(document))), trace) == known


@given(ALL_BLOCKS, TRACES, WEIGHTS, st.integers(0, 3), st.booleans(), st.integers(1, 9))
def test_in_a_window_the_interval_holds_the_cost(
    tree: Tree,
    trace: list[str],
    weights: dict[str, JsonValue],
    window: int,
    automaton: bool,
    size: int,
) -> None:
    document = workflow(tree, weights)
    whole = compile_blueprint(document)
    model = in_window(compile_blueprint(document), window * (1 if whole.ground.are_unit else 2**32))
    if not automaton:
        model = on_residues(model, window=model.ground.window)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "MAX_SIZE", size)
        found = answers(Stream(model), trace)
    for (prefix, certificate, _), (least, exact, _) in zip(
        found, answers(Stream(whole), trace), strict=True
    ):
        assert certificate.lower <= exact.cost <= certificate.cost
        assert prefix >= least
        if certificate.exact:
            assert prefix == least
    assert all(one[0] <= other[0] for one, other in pairwise(found))


@given(TREES, TRACES)
def test_the_prefix_cost_is_the_least_edit_distance_to_the_beginning_of_a_word(
    tree: Tree, trace: list[str]
) -> None:
    begun = splits(tree, trace)
    run = Stream(compile_blueprint(tree))
    assert answers(run, trace)[-1][0] == min(edits(tuple(trace), word) for word, _ in begun)


@given(TREES, TRACES)
def test_what_is_left_is_what_every_cheapest_way_to_the_end_holds(
    tree: Tree, trace: list[str]
) -> None:
    ways = []
    for done, left in splits(tree, trace):
        so_far = edits(tuple(trace), done)
        ways.append((so_far + len(left), so_far, frozenset(left)))
    cheapest = min(way[:2] for way in ways)
    needed = frozenset.intersection(*(left for *costs, left in ways if tuple(costs) == cheapest))
    assert answers(Stream(compile_blueprint(tree)), trace)[-1][2] == needed


def splits(tree: Tree, trace: list[str]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Every word that may matter, cut in two at every place."""
    longest = len(trace) + compile_blueprint(tree).min_length
    assume(longest <= 7)
    found = words(tree, longest + len(trace))
    assume(len(found) <= 2_000)
    return [(word[:n], word[n:]) for word in found for n in range(len(word) + 1)]


@given(TREES, TRACES, WEIGHTS)
def test_the_prefix_cost_never_falls_and_bounds_every_way_on(
    tree: Tree, trace: list[str], weights: dict[str, JsonValue]
) -> None:
    model = compile_blueprint(workflow(tree, weights))
    found = [prefix for prefix, _, _ in answers(Stream(model), trace)]
    assert found == sorted(found)
    assert found[-1] <= model.costs([trace])[0]


@given(ALL_BLOCKS, TRACES, WEIGHTS, EXTRA, st.booleans(), st.none() | st.integers(0, 2), st.data())
def test_a_restart_anywhere_changes_nothing(
    tree: Tree,
    trace: list[str],
    weights: dict[str, JsonValue],
    extra: str,
    automaton: bool,
    window: int | None,
    data: st.DataObject,
) -> None:
    def fresh() -> Model:
        model = compile_blueprint(workflow(tree, weights, extra))
        model = model if automaton else on_residues(model)
        return model if window is None else in_window(model, window)

    whole = Stream(fresh())
    halves = Stream(fresh())
    for label in trace:
        whole.add(label)
        halves.add(label)
        if data.draw(st.booleans()):
            written = json.dumps(halves.to_json())
            halves = Stream.from_json(fresh(), json.loads(written))
            assert json.dumps(halves.to_json()) == written
    assert json.dumps(halves.to_json()) == json.dumps(whole.to_json())
    assert answers(halves, []) == answers(whole, [])
    assert halves.n_events == len(trace)


def listed(labels: str) -> Group:
    """Steps without any order."""
    return Group(tuple(labels), (0,) * len(labels))


@given(ALL_BLOCKS, RUNS, WEIGHTS, EXTRA, st.booleans())
def test_steps_without_an_order_cost_what_their_best_order_costs(
    tree: Tree, run: list[Group], weights: dict[str, JsonValue], extra: str, automaton: bool
) -> None:
    model = compile_blueprint(workflow(tree, weights, extra))
    _, aligned = model.align_groups(run)
    stream = Stream(model if automaton else on_residues(model))
    for group in run:
        stream.add_group(group)
    assert stream.certificate == Interval(aligned.cost, aligned.cost)
    assert stream.n_events == sum(len(group.labels) for group in run)


def on_the_tree(model: Model, *, window: int | None = None) -> Model:
    """The same workflow, streams and closed runs alike, as if it had no automaton."""
    model._automaton = None
    model._route = Frontier(model._tree, model._costs, budget=BUDGET)
    return on_residues(model, window=window)


@given(ALL_BLOCKS, RUNS, WEIGHTS, EXTRA, st.none() | st.integers(0, 2))
def test_on_the_tree_a_closed_run_finds_the_order_that_its_stream_finds(
    tree: Tree, run: list[Group], weights: dict[str, JsonValue], extra: str, window: int | None
) -> None:
    document = workflow(tree, weights, extra)
    _, best = compile_blueprint(document).align_groups(run)
    model = on_the_tree(compile_blueprint(document), window=window)
    stream = Stream(model)
    for group in run:
        stream.add_group(group)
    order, aligned = model.align_groups(run)
    assert aligned.lower <= best.cost <= aligned.cost <= stream.cost
    if stream.certificate.exact:
        assert stream.certificate == Interval(aligned.lower, aligned.cost)
    assert labels_in(run, order) in every_trace(run)


@given(ALL_BLOCKS, RUNS, st.randoms(use_true_random=False))
def test_on_the_tree_how_simultaneous_steps_are_listed_changes_nothing(
    tree: Tree, run: list[Group], pick: random.Random
) -> None:
    model = on_the_tree(compile_blueprint(tree))
    listed = [
        renumbered(group, pick.sample(range(len(group.labels)), len(group.labels))) for group in run
    ]
    one, other = model.align_groups(run), model.align_groups(listed)
    assert one[1] == other[1]
    assert labels_in(run, one[0]) == labels_in(listed, other[0])


def test_too_many_orders_to_weigh_are_one_order_and_an_interval() -> None:
    labels = "abcdefghijklm"
    model = compile_blueprint(block("seq", *acts(labels), act("z")))
    run = Stream(model)
    run.add_group(listed(labels[::-1]))
    assert run.certificate == Interval(0, 1)
    run.add("x")
    assert run.certificate == Interval(1, 2)
    unseen = Stream(model)
    unseen.add_group(Group(tuple(labels), (), known=False))
    assert unseen.certificate == Interval(0, 1)


def test_in_a_window_steps_without_an_order_keep_their_cost_in_the_interval() -> None:
    steps = block("seq", *acts("abcabcabc"))
    run = Stream(in_window(compile_blueprint(steps), 1))
    for group in (listed("cba"), listed("ca"), listed("bbc")):
        run.add_group(group)
    _, aligned = compile_blueprint(steps).align_groups([listed("cba"), listed("ca"), listed("bbc")])
    assert run.certificate.lower <= aligned.cost <= run.certificate.cost


def test_a_graph_beside_too_many_steps_is_followed_exactly() -> None:
    graph: Tree = {
        "graph": {
            "nodes": {"ask": act("ask"), "check": act("check"), "pay": act("pay")},
            "start": ["ask"],
            "edges": [["ask", "check"], ["check", "ask"], ["check", "pay"]],
            "ends": ["pay"],
        }
    }
    copies: Tree = {"map": {"do": block("seq", *acts("cr")), "min": 64, "max": 64}}
    model = compile_blueprint(block("and", graph, copies))
    assert model.n_states is None
    run = Stream(model)
    for label in ["ask", *"c" * 64, "check", "ask", *"r" * 63, "pay"]:
        run.add(label)
    assert run.certificate == Interval(2, 2)
    assert run.obligations == {"r"}


def test_what_an_open_run_still_owes() -> None:
    steps = block("seq", act("a"), block("and", *acts("bc")), {"opt": act("d")}, act("e"))
    run = Stream(compile_blueprint(steps))
    owed = [sorted(obligations) for _, _, obligations in answers(run, ["a", "c", "x", "e"])]
    assert owed == [["a", "b", "c", "e"], ["b", "c", "e"], ["b", "e"], ["b", "e"], []]
    assert (run.prefix_cost, run.cost) == (2, 2)


def pairs(n_branches: int) -> Tree:
    branches = (block("seq", act(f"a{i}"), act(f"b{i}")) for i in range(n_branches))
    return block("seq", act("plan"), block("and", *branches), act("review"))


def test_forty_parallel_branches_are_followed_exactly() -> None:
    pick = random.Random(1)
    waiting = [[f"b{i}", f"a{i}"] for i in range(40)]
    trace = ["plan"]
    while any(waiting):
        trace.append(pick.choice([branch for branch in waiting if branch]).pop())
    model = compile_blueprint(pairs(40))
    run = Stream(model)
    owed = [obligations for _, _, obligations in answers(run, trace)]
    assert run.certificate == Interval(1, 1)
    assert all({*model.labels} - {*trace[:n]} == left for n, left in enumerate(owed))
    run.add("review")
    assert run.certificate == Interval(0, 0)


def test_deviations_in_forty_parallel_branches_are_counted_exactly() -> None:
    steps = [f"{part}{i}" for part in "ab" for i in range(40)]
    trace = ["plan", *steps, "review"]
    del trace[70], trace[7]
    trace[20:20] = ["b30", "x"]
    model = compile_blueprint(pairs(40))
    found = answers(Stream(model), trace)
    assert found[-1][1] == Interval(4, 4)
    assert model.costs([trace]) == [4]


def test_interchangeable_branches_are_few_places() -> None:
    branch = block("seq", act("call"), act("think"), act("return"))
    run = Stream(compile_blueprint(block("and", *(branch for _ in range(30)))))
    found = answers(run, ["call"] * 30 + ["think"] * 30 + ["return"] * 29)
    assert found[-1][1] == Interval(1, 1)
    assert found[-1][2] == {"return"}


def test_a_workflow_of_very_many_steps_is_followed_exactly() -> None:
    labels = [f"a{i}" for i in range(2_000)]
    run = Stream(compile_blueprint(block("seq", *map(act, labels))))
    for label in ["x", *labels[:900], *labels[902:]]:
        run.add(label)
    assert run.certificate == Interval(3, 3)


def hostile(pick: random.Random) -> Tree:
    branches = (block("seq", *(act(pick.choice(LABELS)) for _ in range(5))) for _ in range(14))
    return block("and", *branches)


def test_a_hostile_workflow_is_followed_with_an_interval_and_bounded_state() -> None:
    pick = random.Random(2)
    model = compile_blueprint(hostile(pick), budget=200)
    run = Stream(model)
    trace = [pick.choice(LABELS + "x") for _ in range(60)]
    for label in trace:
        run.add(label)
        assert len(json.dumps(run.to_json())) < 100_000
    aligned = model.align(trace)
    assert not run.certificate.exact
    assert run.certificate.lower <= aligned.upper
    assert run.certificate.cost >= aligned.lower


def test_the_state_of_another_workflow_is_refused() -> None:
    state = Stream(compile_blueprint(act("a"))).to_json()
    with pytest.raises(WorkflowError, match="it is of workflow sha256") as caught:
        Stream.from_json(compile_blueprint(act("b")), state)
    assert "first event" in caught.value.remedy


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"places": []},
        {"places": [[99, 0]]},
        {"places": [[0, -1]]},
        {"places": "0"},
        {"more": 1},
    ],
)
def test_a_damaged_state_is_refused(damage: dict[str, JsonValue]) -> None:
    model = compile_blueprint(block("seq", *acts("abc")))
    state = cast("dict[str, JsonValue]", Stream(model).to_json())
    with pytest.raises(WorkflowError, match="no state of a run"):
        Stream.from_json(model, state | damage)


RESIDUES = st.recursive(
    st.integers(-2, 9) | st.none(), lambda inner: st.lists(inner, max_size=4), max_leaves=9
)


@given(ALL_BLOCKS, RESIDUES, TRACES)
def test_a_damaged_residue_is_refused_or_can_be_gone_on_from(
    tree: Tree, residue: JsonValue, trace: list[str]
) -> None:
    model = on_residues(compile_blueprint(tree))
    state = cast("dict[str, JsonValue]", Stream(model).to_json())
    try:
        run = Stream.from_json(model, state | {"places": [[residue, 0]]})
    except WorkflowError:
        return
    answers(run, trace)


@pytest.mark.parametrize("text", ["{}", ""])
def test_a_state_as_text_is_refused(text: str) -> None:
    with pytest.raises(WorkflowError, match="no state of a run, but of type str") as caught:
        Stream.from_json(compile_blueprint(act("a")), text)
    assert "json.loads" in caught.value.remedy
