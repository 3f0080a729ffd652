"""What of a run is a step of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mythos.engines.judge.run_steps import RunStep, steps_of
from mythos.engines.telemetry.runs import assemble
from mythos.values.event import Span
from tests.engines.telemetry.making import Loose, agent, call, chat


def steps(*spans: Span) -> list[RunStep]:
    (run,) = assemble(spans)
    return list(steps_of(run))


def tried(number: int, tool: str = "refund", **more: Loose) -> Span:
    return call(number, 1, tool, gen_ai__tool__call__id="call-1", **more)


def test_the_outermost_agent_is_no_step_and_a_nested_one_is() -> None:
    found = steps(agent(1), chat(2, 1), agent(3, 1, "expert"), call(4, 3))
    assert [(one.step.kind, one.step.name) for one in found][1:] == [
        ("agent", "expert"),
        ("tool", "refund"),
    ]


def test_attempts_of_one_call_are_one_step_at_the_time_of_the_first() -> None:
    (one,) = steps(agent(1, for_s=9), tried(2, failed=True), tried(3, failed=True), tried(4))
    assert (one.attempts, one.event.span_id[-1], one.ended_ns, one.failed) == (3, "2", 5e9, False)


@pytest.mark.parametrize(
    "other",
    [
        tried(3, "search"),
        tried(3, gen_ai__tool__call__arguments='{"cents": 2}'),
        replace(tried(3), attributes={**tried(3).attributes, "gen_ai.tool.call.id": "call-2"}),
    ],
    ids=["another tool", "other arguments", "another id"],
)
def test_what_only_looks_like_an_attempt_is_a_step_of_its_own(other: Span) -> None:
    first = tried(2, gen_ai__tool__call__arguments='{"cents": 1}')
    assert [one.attempts for one in steps(agent(1), first, other)] == [1, 1]


def test_calls_without_an_id_are_never_attempts_of_one_another() -> None:
    assert len(steps(agent(1), call(2, 1), call(3, 1))) == 2


def test_a_run_that_its_framework_told_twice_is_one_step() -> None:
    found = steps(agent(1), agent(2, 1, "expert"), agent(3, 2, "expert"), call(4, 3))
    assert [one.step.name for one in found] == ["expert", "refund"]


def test_a_root_that_comes_last_changes_nothing() -> None:
    spans = [call(2, 1, "search"), call(3, 1, "refund")]
    assert steps(*spans, agent(1)) == steps(agent(1), *spans)
