"""Traces nobody here wrote: 525 recorded runs, and requests of real frameworks."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest

from mythos.engines.telemetry import (
    Assembled,
    assemble_counted,
    choose_catalogue,
    decode_protobuf,
    event_of,
    node_of,
    spans_of_line,
    user_events,
)
from mythos.values.event import Event, Kind, Run, Span
from mythos.values.tools import ToolCatalogue


@pytest.fixture(scope="module")
def recorded(shared: Path) -> list[Span]:
    with gzip.open(shared / "data/agents/traces.otlp.jsonl.gz") as lines:
        return [span for line in lines for span in spans_of_line(line)]


@pytest.fixture(scope="module")
def assembled(recorded: list[Span]) -> Assembled:
    return assemble_counted(recorded)


def runs_of(shared: Path, name: str) -> list[Run]:
    body = (shared / f"data/agents/otlp-fixtures/{name}.pb").read_bytes()
    whole = assemble_counted(decode_protobuf(body))
    assert whole.unassigned == 0
    return list(whole.runs)


def calls(run: Run) -> list[Event]:
    return [event for event in run.events if event.kind is Kind.TOOL_CALL]


def test_the_archive_holds_525_runs_and_nothing_beside_them(
    recorded: list[Span], assembled: Assembled
) -> None:
    assert (len(recorded), len(assembled.runs), assembled.unassigned) == (8418, 525, 0)
    kinds = Counter(event.kind for run in assembled.runs for event in run.events)
    assert kinds == {Kind.AGENT_RUN: 525, Kind.MODEL_CALL: 4974, Kind.TOOL_CALL: 2919}
    assert not any(run.timed_out for run in assembled.runs)


def test_every_recorded_call_has_its_arguments_and_every_run_a_node(assembled: Assembled) -> None:
    seen = [call for run in assembled.runs for call in calls(run)]
    assert all(call.arguments is not None for call in seen)
    assert sum(call.output_captured for call in seen) == 2684
    assert all(node_of(run.root) for run in assembled.runs)


def test_every_recorded_user_message_is_told_once(
    recorded: list[Span], assembled: Assembled
) -> None:
    written = [
        text
        for span in recorded
        if (event := event_of(span)).kind is Kind.MODEL_CALL
        for text in event.user_texts
    ]
    told = [
        seen.text
        for run in assembled.runs
        for seen in user_events(run, None)
        if seen.kind == "user.message"
    ]
    assert len(told) == 2188  # these senders write only what is new
    assert Counter(told) == Counter(written)


def test_every_recorded_run_finds_its_catalogue(shared: Path, assembled: Assembled) -> None:
    catalogues = [
        ToolCatalogue.model_validate_json(path.read_bytes())
        for path in sorted((shared / "data/agents/domains").glob("*.json"))
    ]
    for run in assembled.runs:
        chosen = choose_catalogue(run, catalogues)
        assert chosen is not None
        assert chosen.service == run.service


@pytest.mark.parametrize(
    ("name", "agents", "models", "tools"),
    [
        ("pydantic_ai_00_testmodel", ["support_agent"], 2, ["lookup_order", "cancel_order"]),
        ("pydantic_ai_01_scripted", ["support_agent"], 3, ["lookup_order", "cancel_order"]),
        ("pydantic_ai_02_parallel_calls", ["support_agent"], 2, ["lookup_order", "cancel_order"]),
        ("pydantic_ai_03_tool_error", ["support_agent"], 1, ["cancel_order"]),
        ("pydantic_ai_04_no_content", ["support_agent"], 2, ["lookup_order"]),
        ("oa_run", ["Agent workflow", "support_agent"], 0, ["lookup_order"]),
        ("lg_run_openinference", ["support_agent"], 2, ["lookup_order"]),
        ("lg_run_openllmetry", ["support_agent"], 2, ["lookup_order"]),
    ],
)
def test_a_framework_yields_its_agents_model_calls_and_tool_calls(
    shared: Path, name: str, agents: list[str], models: int, tools: list[str]
) -> None:
    run = runs_of(shared, name)[-1]
    assert [e.agent for e in run.events if e.kind is Kind.AGENT_RUN] == agents
    assert sum(e.kind is Kind.MODEL_CALL for e in run.events) == models
    assert [call.tool for call in calls(run)] == tools
    assert {call.agent for call in calls(run)} == {"support_agent"}


@pytest.mark.parametrize("name", ["oa_run", "lg_run_openinference", "lg_run_openllmetry"])
def test_three_dialects_of_one_call_read_the_same(shared: Path, name: str) -> None:
    (call,) = calls(runs_of(shared, name)[-1])
    assert (call.arguments, call.output) == ({"order_id": "17"}, "pending")


def test_openllmetry_gives_one_agent_run_and_a_trace_that_only_made_the_agent(
    shared: Path,
) -> None:
    made, run = runs_of(shared, "lg_run_openllmetry")
    assert (made.agent, [e.kind for e in made.events]) == ("", [Kind.OTHER])
    assert sum(e.kind is Kind.AGENT_RUN for e in run.events) == 1
    assert run.root.session == "t1"


def test_a_failed_tool_is_seen_without_an_error_type(shared: Path) -> None:
    (run,) = runs_of(shared, "pydantic_ai_03_tool_error")
    (call,) = calls(run)
    assert (call.failed, call.output_captured, call.arguments) == (
        True,
        False,
        {"order_id": "17", "reason": "boom"},
    )


def test_with_content_off_arguments_and_words_are_unknown(shared: Path) -> None:
    (run,) = runs_of(shared, "pydantic_ai_04_no_content")
    (call,) = calls(run)
    assert (call.arguments, call.output_captured) == (None, False)
    assert [seen.captured for seen in user_events(run, None)] == [False]


def test_a_repeated_history_of_a_real_framework_tells_the_request_once(shared: Path) -> None:
    for name in ("pydantic_ai_01_scripted", "lg_run_openinference", "lg_run_openllmetry"):
        run = runs_of(shared, name)[-1]
        (seen,) = user_events(run, None)
        assert seen.text.lower() == "cancel order 17"
        first = next(e for e in run.events if e.kind is Kind.MODEL_CALL)
        assert (seen.span_id, seen.at_ns) == (first.span_id, first.start_ns)
