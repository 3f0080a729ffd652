"""Runs that are still arriving: when each is judged, once, and what comes too late."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.telemetry import OpenRuns, assemble
from mythos.values.event import Run, Span
from tests.engines.telemetry.making import SECOND, agent, call, chat, span, traces

GRACE = 30 * SECOND
TIMEOUT = 900 * SECOND
DAY = 86_400 * SECOND


def due(state: OpenRuns, at_s: float) -> list[Run]:
    return state.due(int(at_s * SECOND), close_grace_ns=GRACE, run_timeout_ns=TIMEOUT)


@given(traces(), st.data())
def test_arrival_order_batches_and_repeats_change_no_run(
    sent: list[Span], data: st.DataObject
) -> None:
    queue = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent)))))
    state = OpenRuns()
    now = 10
    while queue:
        size = data.draw(st.integers(1, len(queue)))
        state.add(queue[:size], now_ns=now * SECOND)
        queue = queue[size:]
        assert due(state, now) == []
        now += 1
    assert due(state, now + 1000) == assemble(sent)
    assert due(state, now + 5000) == []
    assert state.n_open == 0


@given(traces(), st.data())
def test_a_restart_between_batches_changes_no_run(sent: list[Span], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(sent)))
    state = OpenRuns()
    stored = state.add(sent[:cut], now_ns=5 * SECOND).stored
    again = OpenRuns(stored, state.closed)
    again.add(sent[cut:], now_ns=5 * SECOND)
    assert due(again, 2000) == assemble(sent)


def test_a_run_closes_once_a_grace_after_its_root_ended() -> None:
    state = OpenRuns([agent(1, at_s=0, for_s=10), call(2, 1, at_s=1)])
    assert due(state, 39.9) == []
    assert [run.agent for run in due(state, 40)] == ["clerk"]
    assert due(state, 41) == []


def test_without_its_root_a_run_waits_for_the_timeout() -> None:
    state = OpenRuns()
    state.add([chat(2, 1), call(3, 1)], now_ns=10 * SECOND)
    assert due(state, 909.9) == []
    (run,) = due(state, 910)
    assert run.timed_out


def test_an_early_nested_agent_does_not_close_the_run_around_it() -> None:
    state = OpenRuns()
    state.add([agent(4, 3, name="expert"), chat(5, 4)], now_ns=10 * SECOND)
    assert due(state, 100) == []
    state.add([agent(1, for_s=200), call(3, 1, tool="ask")], now_ns=201 * SECOND)
    (run,) = due(state, 231)
    assert (run.agent, len(run.events)) == ("clerk", 4)


def test_a_root_whose_parent_is_remote_needs_no_timeout() -> None:
    state = OpenRuns([span(1, 99, kind=2), agent(2, 1), chat(3, 2)])
    assert [run.agent for run in due(state, 40)] == ["clerk"]


def test_several_runs_of_a_trace_close_together_after_the_last_root() -> None:
    state = OpenRuns([agent(1, at_s=0), agent(2, at_s=50)])
    assert due(state, 60) == []
    assert len(due(state, 81)) == 2


def test_spans_of_a_judged_trace_only_count_as_late() -> None:
    state = OpenRuns([agent(1)])
    assert len(due(state, 60)) == 1
    seen = state.add([call(2, 1), call(3, 1)], now_ns=61 * SECOND)
    assert (seen.late, seen.stored, state.late) == (2, (), 2)
    assert due(state, 5000) == []


def test_closed_ids_survive_a_restart_and_are_forgotten_after_seven_days() -> None:
    state = OpenRuns([agent(1)])
    due(state, 60)
    again = OpenRuns([], state.closed)
    assert again.add([call(2, 1)], now_ns=61 * SECOND).late == 1
    due(again, 60 + 7 * 86_400)
    assert again.closed
    due(again, 61 + 7 * 86_400)
    assert not again.closed


def test_a_span_from_before_the_horizon_opens_no_run_but_joins_an_open_one() -> None:
    now = 10 * DAY
    state = OpenRuns()
    assert state.add([agent(1)], now_ns=now).stale == 1
    fresh = agent(2, at_s=9 * 86_400)
    assert len(state.add([fresh, call(3, 2)], now_ns=now).stored) == 2


def test_an_equal_span_is_not_stored_twice() -> None:
    state = OpenRuns()
    state.add([call(2, 1)], now_ns=5 * SECOND)
    seen = state.add([call(2, 1), call(2, 1)], now_ns=6 * SECOND)
    assert (seen.repeated, seen.stored) == (2, ())


def test_a_clock_that_runs_ahead_does_not_keep_a_run_open() -> None:
    ahead = OpenRuns([agent(1, at_s=10**9)])
    assert due(ahead, 100) == []
    assert len(due(ahead, 130)) == 1


def test_an_old_trace_sent_again_in_batches_is_judged_whole() -> None:
    state = OpenRuns()
    state.add([chat(2, 1), call(3, 1)], now_ns=3 * DAY)
    assert due(state, 3 * 86_400 + 5) == []
    state.add([agent(1)], now_ns=3 * DAY + 6 * SECOND)
    (run,) = due(state, 3 * 86_400 + 36)
    assert len(run.events) == 3
