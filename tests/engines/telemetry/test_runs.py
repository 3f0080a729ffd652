"""Runs: which spans make one, whose each action is, what counts once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mythos.engines.telemetry import assemble, assemble_counted
from mythos.engines.telemetry.speech import overlap
from mythos.values.event import Event, Kind, Run, Span
from tests.engines.telemetry.making import SECOND, Loose, agent, call, chat, said, sid, span, traces


def only(spans: list[Span]) -> Run:
    (run,) = assemble(spans)
    return run


def event(run: Run, number: int) -> Event:
    return next(e for e in run.events if e.span_id == sid(number))


def texts(run: Run) -> dict[str, tuple[str, ...]]:
    return {e.span_id[-1]: e.user_texts for e in run.events if e.user_texts}


def calls(run: Run) -> list[str]:
    return [e.tool for e in run.events if e.kind is Kind.TOOL_CALL]


def is_call(one: Span) -> bool:
    return one.attributes["gen_ai.operation.name"] == "execute_tool"


@given(traces(), st.data())
def test_order_and_repeats_change_no_run(sent: list[Span], data: st.DataObject) -> None:
    again = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent)))))
    assert assemble(again) == assemble(sent)


@given(traces())
def test_every_tool_call_lies_in_exactly_one_run(sent: list[Span]) -> None:
    whole = assemble_counted(sent)
    members = [(e.trace_id, e.span_id) for run in whole.runs for e in run.events]
    assert len(members) == len(set(members))
    assert len(members) + whole.unassigned == len(sent)
    executed = {(s.trace_id, s.span_id): s for s in sent if is_call(s)}
    repeats = {
        at
        for at, s in executed.items()
        if (around := executed.get((s.trace_id, s.parent_id)))
        and around.attributes["gen_ai.tool.name"] == s.attributes["gen_ai.tool.name"]
    }
    assert executed.keys() - repeats <= set(members)


@given(traces())
def test_events_stand_in_time_order_and_the_root_is_one_of_them(sent: list[Span]) -> None:
    for run in assemble(sent):
        assert [(e.start_ns, e.span_id) for e in run.events] == sorted(
            (e.start_ns, e.span_id) for e in run.events
        )
        assert run.root in run.events


@given(traces())
def test_each_trace_gives_a_run(sent: list[Span]) -> None:
    assert {run.trace_id for run in assemble(sent)} == {s.trace_id for s in sent}


def test_a_run_is_the_outermost_agent_with_its_descendants() -> None:
    run = only([call(3, 2), chat(2, 1), agent(1)])
    assert [e.span_id for e in run.events] == [sid(1), sid(2), sid(3)]
    assert (run.agent, run.ended_ns, run.timed_out) == ("clerk", 2 * SECOND, False)


def test_what_stands_above_an_agent_belongs_to_no_run() -> None:
    whole = assemble_counted([span(1, name="POST /chat"), agent(2, 1), agent(3, 1), call(4, 3)])
    assert [run.root.span_id for run in whole.runs] == [sid(2), sid(3)]
    assert whole.unassigned == 1


def test_a_tool_call_beside_the_agents_makes_a_run_of_its_own() -> None:
    whole = assemble_counted([span(1, name="job"), agent(2, 1), call(3, 1)])
    assert [calls(run) for run in whole.runs] == [[], ["refund"]]
    assert [run.timed_out for run in whole.runs] == [False, False]
    assert whole.unassigned == 1


def test_calls_whose_agent_span_was_lost_are_still_judged() -> None:
    spans = [call(2, 9, gen_ai__agent__name="clerk"), agent(4, 3, name="expert"), call(3, 9)]
    lost, nested = assemble(spans)
    assert calls(lost) == ["refund", "refund"]
    assert (lost.agent, lost.timed_out, lost.ended_ns) == ("clerk", True, 4 * SECOND)
    assert (nested.agent, nested.timed_out) == ("expert", False)


def test_a_trace_without_agent_is_led_by_its_earliest_top() -> None:
    run = only([span(5, at_s=1), span(2, at_s=1), call(3, 2), chat(4, 8, at_s=0.5)])
    assert (run.root.span_id, run.agent, len(run.events)) == (sid(4), "", 4)
    assert run.timed_out


def test_a_root_served_for_a_remote_caller_is_seen_to_end() -> None:
    run = only([span(1, 9, kind=2, name="POST /chat"), call(2, 1)])
    assert (run.timed_out, run.ended_ns) == (False, 2 * SECOND)


def test_parents_that_form_a_ring_do_not_hang() -> None:
    run = only([call(1, 3), call(2, 1), call(3, 2)])
    assert [e.span_id for e in run.events] == [sid(1), sid(2), sid(3)]
    assert only([call(1, 1)]).root.span_id == sid(1)


def test_an_action_belongs_to_the_nearest_enclosing_agent() -> None:
    run = only([agent(1), call(2, 1, tool="ask"), agent(3, 2, name="expert"), call(4, 3)])
    assert [e.agent for e in run.events] == ["clerk", "clerk", "expert", "expert"]


def test_a_second_telling_of_one_agent_run_is_no_nested_run() -> None:
    run = only([agent(1), agent(2, 1), call(3, 2)])
    assert [e.kind for e in run.events] == [Kind.AGENT_RUN, Kind.OTHER, Kind.TOOL_CALL]
    assert event(run, 3).agent == "clerk"


def mcp(number: int, parent: int, tool: str = "refund", **more: Loose) -> Span:
    return span(number, parent, mcp__method__name="tools/call", gen_ai__tool__name=tool, **more)


def test_one_call_told_by_framework_client_and_server_counts_once() -> None:
    run = only(
        [
            agent(1),
            call(2, 1),
            mcp(3, 2, gen_ai__tool__call__arguments='{"id": 1}'),
            span(4, 3, name="HTTP POST"),
            mcp(5, 4, gen_ai__tool__call__result="done"),
        ]
    )
    assert calls(run) == ["refund"]
    assert (event(run, 2).arguments, event(run, 2).output) == ({"id": 1}, "done")
    assert event(run, 2).output_captured


def test_a_call_inside_another_with_other_arguments_is_a_call_of_its_own() -> None:
    inner = mcp(3, 2, gen_ai__tool__call__arguments='{"id": 2}')
    outer = call(2, 1, gen_ai__tool__call__arguments='{"id": 1}')
    assert calls(only([agent(1), outer, inner])) == ["refund", "refund"]


def test_a_call_inside_a_call_of_another_tool_counts() -> None:
    assert calls(only([agent(1), call(2, 1, tool="batch"), call(3, 2)])) == ["batch", "refund"]


def test_siblings_with_one_call_id_count_twice_unless_one_is_the_mcp_telling() -> None:
    twice = [call(2, 1, gen_ai__tool__call__id="c"), call(3, 1, gen_ai__tool__call__id="c")]
    assert calls(only([agent(1), *twice])) == ["refund", "refund"]
    told = [call(2, 1, gen_ai__tool__call__id="c"), mcp(3, 1, gen_ai__tool__call__id="c")]
    assert calls(only([agent(1), *told])) == ["refund"]


def test_a_bare_argument_gets_its_name_from_the_request_with_that_value() -> None:
    key = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    asked: Loose = {f"{key}.name": "refund", f"{key}.arguments": '{"order": 17}'}
    model = span(2, 1, openinference__span__kind="LLM", **asked)
    seen = span(3, 1, openinference__span__kind="TOOL", tool__name="refund", input__value="17")
    other = span(4, 1, openinference__span__kind="TOOL", tool__name="refund", input__value="18")
    run = only([agent(1), model, seen, other])
    assert event(run, 3).arguments == {"order": 17}
    assert event(run, 4).arguments is None


def test_a_repeated_history_tells_each_message_once() -> None:
    run = only(
        [
            agent(1, gen_ai__input__messages=said("u:cancel 17")),
            chat(2, 1, said("u:cancel 17")),
            chat(3, 1, said("u:cancel 17", "a:sure?", "u:yes")),
            chat(4, 1, said("u:cancel 17")),
            chat(5, 1, said("u:cancel 17", "a:sure?", "u:yes", "a:done", "u:yes")),
        ]
    )
    assert texts(run) == {"2": ("cancel 17",), "3": ("yes",), "5": ("yes",)}


def test_a_sender_of_news_only_may_say_the_same_twice() -> None:
    turns = ("u:cancel 17", "u:yes", "u:cancel 18", "u:yes")
    run = only([agent(1), *(chat(n, 1, said(t)) for n, t in enumerate(turns, 2))])
    assert texts(run) == {"2": ("cancel 17",), "3": ("yes",), "4": ("cancel 18",), "5": ("yes",)}


@pytest.mark.parametrize(
    ("sent", "news"),
    [
        # the last three texts of a history that was sent whole before
        (["a", "a,b", "b,yes", "b,yes", "yes,c"], ["a", "b", "yes", "", "c"]),
        (["a", "a,yes", "a,yes,b", "yes,b,yes", "b,yes,yes"], ["a", "yes", "b", "yes", "yes"]),
        # a summary stands for what was cut off
        (["a", "a,yes", "in short,yes,b", "in short,yes,b"], ["a", "yes", "b", ""]),
        # several texts at once are a history, though none was sent twice before
        (["a,yes", "yes", "yes,c"], ["a,yes", "", "c"]),
        (["a,yes", "in short,yes,b", "c"], ["a,yes", "b", "c"]),
        # only ever the last text: what may be a repetition is one
        (["a", "yes", "yes", "", "yes", "b", "yes"], ["a", "yes", "", "", "", "b", "yes"]),
    ],
)
def test_a_history_that_was_cut_short_says_nothing_twice(sent: list[str], news: list[str]) -> None:
    made = [agent(1)]
    for number, turns in enumerate(sent, 2):
        words = [f"u:{turn}" for turn in turns.split(",")] if turns else ["a:hm"]
        made.append(chat(number, 1, said(*words)))
    found = texts(only(made))
    assert [",".join(found.get(str(n), ())) for n in range(2, len(sent) + 2)] == news


@given(st.lists(st.sampled_from("ab"), max_size=9), st.lists(st.sampled_from("ab"), max_size=9))
def test_the_overlap_is_the_longest_there_is(history: list[str], sent: list[str]) -> None:
    fits = [n for n in range(1, len(sent) + 1) if history[-n:] == sent[:n]]
    assert overlap(history, sent) == max(fits, default=0)


def test_the_finished_history_on_a_root_claims_nothing_early() -> None:
    whole = said("u:cancel 17", "a:sure?", "u:yes")
    root = agent(1, pydantic_ai__all_messages=whole)
    assert texts(only([root, chat(2, 1), chat(3, 1, whole)])) == {"3": ("cancel 17", "yes")}
    assert texts(only([root, chat(2, 1)])) == {"1": ("cancel 17",)}


def test_words_put_into_a_nested_agents_mouth_are_not_the_users() -> None:
    inner = [agent(4, 3, name="expert"), chat(5, 4, said("u:yes, go ahead"))]
    outer = [agent(1), chat(2, 1, said("u:cancel 17")), call(3, 1, tool="ask")]
    assert texts(only(outer + inner)) == {"2": ("cancel 17",)}
    direct = [agent(3, 1, name="expert"), chat(4, 3, said("u:yes, go ahead"))]
    assert texts(only([*outer[:2], *direct])) == {"2": ("cancel 17",)}


def test_a_model_called_by_a_tool_hears_no_user() -> None:
    spans = [agent(1), chat(2, 1, said("u:hi")), call(3, 1), chat(4, 3, said("u:yes"))]
    assert texts(only(spans)) == {"2": ("hi",)}


def test_the_agents_inside_a_wrapper_no_model_drives_do_hear_the_user() -> None:
    spans = [agent(1, name="workflow"), agent(2, 1), chat(3, 2, said("u:hi")), call(4, 2)]
    assert texts(only(spans)) == {"3": ("hi",)}


def test_every_event_knows_the_session_of_its_run() -> None:
    run = only([agent(1), chat(2, 1, gen_ai__conversation__id="s"), call(3, 1)])
    assert {e.session for e in run.events} == {"s"}


def test_of_two_spans_with_one_id_the_one_that_ended_last_stays() -> None:
    early, late = call(2, 1, tool="a"), call(2, 1, tool="b", for_s=2)
    assert calls(only([agent(1), late, early])) == calls(only([agent(1), early, late])) == ["b"]


def test_a_very_deep_trace_is_assembled_without_recursion() -> None:
    deep = [agent(n, n - 1, name=f"a{n}") for n in range(1, 3000)]
    assert len(only([*deep, call(3000, 2999)]).events) == 3000
