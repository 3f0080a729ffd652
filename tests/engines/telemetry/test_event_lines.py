"""Event lines: what is left out is filled in, what is wrong is refused with its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.telemetry.event_lines import FIRST, MAX_ARGUMENTS, EventLines, runs_of_lines
from mythos.engines.telemetry.payload import payload_of
from mythos.errors import DocumentError
from mythos.values.event import Event, Kind, Run
from tests.engines.telemetry.making import Loose

SECOND = 10**9
START = int(FIRST.timestamp()) * SECOND


def runs(*lines: Loose) -> list[Run]:
    reader = EventLines(agent="clerk")
    read = [reader.read(json.dumps(line), number=number) for number, line in enumerate(lines, 1)]
    return runs_of_lines(read)


def events(*lines: Loose) -> list[Event]:
    [run] = runs(*lines)
    return [event for event in run.events if event is not run.root]


def test_a_call_is_filled_in_from_its_line_number() -> None:
    [asked, called] = events({"user": "refund me"}, {"tool": "refund", "arguments": {"n": 1}})
    assert (asked.kind, asked.user_texts) == (Kind.MODEL_CALL, ("refund me",))
    assert (called.kind, called.name, called.tool) == (Kind.TOOL_CALL, "refund", "refund")
    assert (called.span_id, called.parent_id) == (f"{2:016x}", "root")
    assert (called.arguments, called.output, called.output_captured) == ({"n": 1}, None, True)
    assert (called.agent, called.failed) == ("clerk", False)
    assert (asked.start_ns, called.start_ns, called.end_ns) == (
        START,
        START + SECOND,
        START + SECOND,
    )


def test_a_short_call_without_arguments_had_none_and_null_means_not_captured() -> None:
    none, unknown = events({"tool": "a"}, {"tool": "a", "arguments": None, "ok": False})
    assert (none.arguments, unknown.arguments) == ({}, None)
    assert unknown.failed


def test_a_call_that_was_denied_was_asked_for_and_not_made() -> None:
    [asked] = events({"tool": "refund", "arguments": {"n": 1}, "verdict": "deny"})
    assert (asked.kind, asked.verdict) == (Kind.POLICY_DECISION, "deny")
    assert payload_of(asked.attributes).arguments == {"n": 1}
    [told] = events(
        {"kind": "tool_call", "tool": "refund", "arguments": {"n": 1}, "verdict": "deny"}
    )
    assert (told.kind, told.verdict) == (asked.kind, asked.verdict), "whatever it is called"
    [unknown] = events({"tool": "refund", "arguments": None, "verdict": "deny"})
    assert payload_of(unknown.attributes).arguments is None


def test_an_event_of_the_schema_did_not_capture_what_it_leaves_out() -> None:
    [event] = events({"kind": "tool_call", "tool": "a", "span_id": "s", "start_ns": 5, "end_ns": 9})
    assert (event.arguments, event.output_captured) == (None, False)
    assert (event.span_id, event.start_ns, event.end_ns) == ("s", 5, 9)


def test_a_line_without_a_time_is_a_second_after_the_line_before() -> None:
    one, two = events({"tool": "a", "at": "2026-03-01T10:00:00+01:00"}, {"tool": "a"})
    assert one.start_ns == 1_772_355_600 * SECOND
    assert two.start_ns == one.start_ns + SECOND


def test_no_line_is_later_than_nanoseconds_can_say() -> None:
    last_ns = 2**63 - 1
    one, two = events({"kind": "tool_call", "tool": "a", "start_ns": last_ns}, {"tool": "a"})
    assert (one.start_ns, two.start_ns, two.end_ns) == (last_ns, last_ns, last_ns)


def test_lines_of_several_runs_may_lie_between_each_other() -> None:
    a, b = runs({"tool": "x", "run": "a"}, {"tool": "y", "run": "b"}, {"user": "hm", "run": "a"})
    assert (a.trace_id, b.trace_id) == ("a", "b")
    assert [event.name for event in a.events] == ["invoke_agent", "x", "model_call"]
    assert a.root.start_ns == a.events[1].start_ns


def test_a_run_is_led_by_its_agents_event_where_there_is_one() -> None:
    [run] = runs(
        {"kind": "agent_run", "span_id": "r", "agent": "boss", "resource": {"service.name": "s"}},
        {"tool": "x"},
    )
    assert (run.root.span_id, run.agent, run.service) == ("r", "boss", "s")
    assert run.events[1].parent_id == "r"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"tool": "a", "tool": "b"}', "already given"),
        ('{"tool": "a", "args": {}}', "args: this key is unknown here"),
        ('{"tool": "a", "ok": "yes"}', "ok: "),
        ('{"tool": "a", "ok": 1}', "ok: "),
        ('{"tool": "a", "verdict": "denied"}', "'denied' is none of allow and deny"),
        ("{}", "neither what the user said nor a tool's call"),
        ("[1]", "a list here, and a mapping belongs here"),
        ('{"user": "x", "tool": "a"}', "exclude each other"),
        ('{"tool": "a", "at": "2026-01-01T00:00:00"}', "at: Input should have timezone info"),
        ('{"tool": "a", "at": "yesterday"}', "at: "),
        ('{"tool": "a", "start_ns": -1}', "start_ns: "),
        ('{"tool": "a", "start_ns": 1e999}', "not finite"),
        ('{"kind": "tool_call"}', "without its `tool`"),
        ('{"tool": "a", "arguments": ["x"]}', "arguments: "),
    ],
)
def test_a_line_that_is_no_event_is_refused_with_its_number(text: str, message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        EventLines(agent="a").read(text, number=7)
    assert message in caught.value.message
    assert caught.value.where == "7"
    assert '{"tool"' in caught.value.remedy


def test_arguments_have_a_limit_that_the_refusal_names() -> None:
    longest = "x" * (MAX_ARGUMENTS - len('{"to": ""}'))
    [run] = runs({"tool": "a", "arguments": {"to": longest}})
    assert run.events[1].arguments == {"to": longest}
    with pytest.raises(DocumentError, match="1,048,577 characters, and a call may have 1,048,576"):
        runs({"tool": "a", "arguments": {"to": f"{longest}x"}})


def test_two_lines_with_one_span_id_are_refused() -> None:
    with pytest.raises(DocumentError, match="line 1 has the same span_id") as caught:
        runs({"tool": "a", "span_id": "s"}, {"tool": "b", "span_id": "s"})
    assert caught.value.where == "2"


@given(
    st.lists(
        st.one_of(
            st.fixed_dictionaries({"user": st.text(max_size=9), "run": st.sampled_from("ab")}),
            st.fixed_dictionaries(
                {"tool": st.sampled_from(["x", "y"]), "run": st.sampled_from("ab")}
            ),
        ),
        max_size=12,
    )
)
def test_every_line_is_in_exactly_one_run_in_its_order(lines: list[Loose]) -> None:
    found = runs(*lines)
    assert runs(*lines) == found
    told = [e.span_id for run in found for e in run.events if e.span_id != "root"]
    assert sorted(told) == [f"{number:016x}" for number in range(1, len(lines) + 1)]
    for run in found:
        assert [e.start_ns for e in run.events] == sorted(e.start_ns for e in run.events)
