"""What runs add up to, in whatever order and in however many parts."""

from __future__ import annotations

import random
from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.conformance import Alignment, compile_blueprint
from mythos.engines.conformance.summary import pair_key, summarise
from mythos.engines.evidence.workflow import MAX_PAIR, WorkflowSummary
from tests.engines.conformance.strategies import TRACES, acts, block

MODEL = compile_blueprint(block("seq", *acts("abc")))
RUNS = st.lists(
    st.tuples(TRACES, st.floats(0, 1e9), st.floats(-5, 1e5), st.integers(0, 99)), max_size=6
)
Run = tuple[list[str], float, float, int]


def summary_of(run: Run) -> WorkflowSummary:
    trace, started_s, took_s, tokens = run
    return summarise(
        MODEL.align(trace),
        trace,
        started_s=started_s,
        ended_s=started_s + took_s,
        tokens_in=tokens,
        tokens_out=2 * tokens,
    )


def total(runs: list[Run]) -> WorkflowSummary:
    return reduce(add, map(summary_of, runs), WorkflowSummary())


@given(RUNS, RUNS, st.randoms(use_true_random=False))
def test_parts_add_up_to_the_whole_in_any_order(
    one: list[Run], other: list[Run], pick: random.Random
) -> None:
    together = [*one, *other]
    pick.shuffle(together)
    assert total(one) + total(other) == total(other) + total(one) == total(together)
    assert total(one) + WorkflowSummary() == total(one)


@given(RUNS)
def test_the_sums_are_those_of_the_runs(runs: list[Run]) -> None:
    whole = total(runs)
    aligned = [MODEL.align(run[0]) for run in runs]
    assert whole.runs == len(runs) == sum(whole.cost_hist) == sum(whole.duration_hist)
    assert whole.fitting == whole.cost_hist[0] == sum(a.cost == 0 for a in aligned)
    assert whole.cost_sum == sum(a.cost for a in aligned)
    assert whole.denom_sum == sum(a.denominator for a in aligned)
    assert whole.tokens_out == 2 * whole.tokens_in
    assert sum(whole.variants.values()) == whole.runs


@given(RUNS)
def test_what_was_written_is_read_back(runs: list[Run]) -> None:
    assert WorkflowSummary.from_json(total(runs).to_json()) == total(runs)


def test_a_run_is_counted_once_for_each_deviation_and_pair_it_has() -> None:
    trace = ["a", "x", "x", "b", "x"]
    summary = summary_of((trace, 100.0, 1.5, 3))
    assert summary.dev_runs == {"extra:x": 1, "skip:c": 1}
    assert summary.df_runs == {"a>x": 1, "b>x": 1, "x>b": 1, "x>x": 1}
    assert (summary.cost_sum, summary.denom_sum) == (4, 8)
    assert (summary.first_ts, summary.last_ts, summary.duration_ms_sum) == (100, 101, 1500)


def test_a_run_of_unknown_cost_stands_apart() -> None:
    interval = Alignment(5, exact=False, lower=2, upper=5, fitness=0.5, denominator=10, moves=())
    summary = summarise(interval, ["a", "b"], started_s=1, ended_s=2)
    assert (summary.runs, summary.inexact, summary.fitting) == (1, 1, 0)
    assert (summary.cost_sum, summary.denom_sum, sum(summary.cost_hist)) == (0, 0, 0)
    assert summary.df_runs == {"a>b": 1}


def test_pairs_of_labels_that_hold_the_separator_stay_apart() -> None:
    assert pair_key("a>b", "c") != pair_key("a", "b>c")
    assert pair_key("a%3E", "b") != pair_key("a>", "b")
    assert pair_key("a", "b") == "a>b"


@given(st.text(), st.text(), st.text(), st.text())
def test_different_pairs_have_different_keys(one: str, two: str, three: str, four: str) -> None:
    assert (pair_key(one, two) == pair_key(three, four)) == ((one, two) == (three, four))


def test_a_pair_of_the_longest_names_still_fits_a_row() -> None:
    keys = {pair_key("%" * 200, ">" * 200), pair_key(">" * 200, "%" * 200)}
    assert len(keys) == 2
    assert all(len(key) <= MAX_PAIR for key in keys)
    summary = WorkflowSummary(df_runs=dict.fromkeys(keys, 1))
    assert WorkflowSummary.from_json(summary.to_json()).df_runs.keys() == keys
