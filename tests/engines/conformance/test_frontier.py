"""Workflows too parallel for an automaton: exact where it matters, and honest where not."""

from __future__ import annotations

import random
import time
import tracemalloc

from pydantic import JsonValue

from mythos.engines.conformance import Model, compile_blueprint
from tests.engines.conformance.strategies import act, block


def wide(n_branches: int) -> Model:
    branches = (block("seq", act(f"a{i}"), act(f"b{i}")) for i in range(n_branches))
    return compile_blueprint(block("and", *branches))


def interleaved(n_branches: int, pick: random.Random) -> list[str]:
    waiting = [[f"b{i}", f"a{i}"] for i in range(n_branches)]
    trace = []
    while waiting:
        branch = pick.choice(waiting)
        trace.append(branch.pop())
        if not branch:
            waiting.remove(branch)
    return trace


def test_forty_parallel_branches_are_aligned_exactly_and_at_once() -> None:
    model = wide(40)
    trace = interleaved(40, random.Random(1))
    for missing in (3, 30):
        del trace[missing]
    trace[10:10] = ["b7", "x"]
    seconds = [clocked(model, trace) for _ in range(3)]
    aligned = model.align(trace)
    assert aligned.exact
    assert aligned.cost == len(aligned.deviations) <= 4
    assert min(seconds) < 0.2


def clocked(model: Model, trace: list[str]) -> float:
    started = time.process_time()
    model.costs([trace])
    return time.process_time() - started


def test_an_empty_run_skips_every_step_of_forty_branches() -> None:
    aligned = wide(40).align([])
    assert (aligned.cost, aligned.exact) == (80, True)


def test_identical_branches_are_few_states() -> None:
    branch = block("seq", act("call"), act("return"))
    model = compile_blueprint(block("and", *(branch for _ in range(30))))
    trace = ["call"] * 30 + ["return"] * 28
    assert model.costs([trace]) == [2]


def chain(n_steps: int) -> Model:
    """Steps of which each may be left out: a move from each to each, in few states."""
    steps: list[JsonValue] = [{"opt": act(f"a{i}")} for i in range(n_steps)]
    return compile_blueprint(block("seq", *steps))


def test_a_long_chain_of_optional_steps_is_an_automaton_up_to_a_limit() -> None:
    small, large = chain(200), chain(600)
    assert (small.n_states, large.n_states) == (201, None)
    for model in (small, large):
        assert model.costs([["a7", "a3", "a199"], []]) == [1, 0]


def test_the_longest_chain_of_optional_steps_is_aligned_exactly_and_in_bounded_memory() -> None:
    model = chain(4_096)
    trace = [f"a{i}" for i in range(0, 4_000, 100)]
    trace[20:20] = ["a7", "x"]
    tracemalloc.start()
    aligned = model.align(trace)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (aligned.cost, aligned.exact) == (2, True)
    assert most < 200 * 2**20


def test_where_the_search_is_lost_the_columns_of_a_stream_tell_the_cost() -> None:
    branches = [block("seq", act(f"f{i}"), act("llm")) for i in range(20)]
    model = compile_blueprint(block("and", *branches))
    trace = [f"f{i}" for i in range(20)] + ["llm"] * 20
    trace[3], trace[39] = trace[39], trace[3]
    aligned = model.align(trace)
    assert (aligned.cost, aligned.exact, len(aligned.deviations)) == (2, True, 2)
    assert [move.label for move in aligned.moves if move.kind != "skip"] == trace
    assert model.costs([[m.label for m in aligned.moves if m.kind != "extra"]]) == [0]


def test_a_hostile_workflow_is_answered_with_an_interval() -> None:
    pick = random.Random(2)
    branches = (block("seq", *(act(pick.choice("abcdef")) for _ in range(5))) for _ in range(14))
    model = compile_blueprint(block("and", *branches), budget=1_000)
    trace = [pick.choice("abcdef") for _ in range(90)]
    aligned = model.align(trace)
    assert not aligned.exact
    assert aligned.lower < aligned.cost == aligned.upper <= aligned.denominator
    assert [move.label for move in aligned.moves if move.kind != "skip"] == trace
    assert len(aligned.deviations) == aligned.cost


def test_a_hostile_workflow_of_very_many_steps_is_answered_in_bounded_memory() -> None:
    pick = random.Random(4)
    branches = (block("seq", *(act(pick.choice("ab")) for _ in range(20))) for _ in range(200))
    model = compile_blueprint(block("seq", act("plan"), block("and", *branches)), budget=100)
    trace = [pick.choice("abx") for _ in range(4_000)]
    tracemalloc.start()
    aligned = model.align(trace)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not aligned.exact
    assert aligned.lower <= aligned.cost <= aligned.denominator
    assert most < 100 * 2**20
