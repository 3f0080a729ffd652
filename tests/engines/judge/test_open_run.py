"""A question that is answered step by step is answered as from the whole run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.engines.judge.grants import Grant, Grants
from mythos.engines.judge.open_run import SPAN_BYTES, KeptRuns, OpenRun
from mythos.engines.judge.recollection import Recollection
from mythos.engines.judge.rulebook import Rulebook
from mythos.engines.judge.sight import Sight
from mythos.values.event import Event, Json, Kind, Span
from tests.engines.judge.gate_scenes import TRACE, Ask, Step, plain_step, rulebook, scenes
from tests.engines.telemetry.making import Loose, agent, call, chat, said, span


class Gate:
    """What a node holds of one trace."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self.recollection = Recollection(book)
        self.spans: list[Span] = []
        self.grants = Grants()

    def sight(self, ask: Ask) -> Sight:
        given: dict[str, Json] = {"to": ask.to, "cents": 20}
        call = Event(
            trace_id=TRACE,
            span_id="asked",
            parent_id="",
            kind=Kind.TOOL_CALL,
            name=ask.tool,
            start_ns=ask.now_ns,
            end_ns=ask.now_ns,
            agent=ask.agent,
            tool=ask.tool,
            call_id=ask.call_id,
            arguments=given,
            resource=self.spans[0].resource if self.spans else {},
        )
        grant = Grant(ask.agent, ask.tool, ask.call_id, given, ask.now_ns, len(self.spans))
        granted = self.grants.of(TRACE)
        return Sight(call, grant, self.spans, granted, self.book, self.recollection)


@pytest.mark.parametrize("nested", [False, True], ids=["plain facts", "facts over facts"])
@given(steps=scenes(), data=st.data())
@settings(max_examples=150)
def test_step_by_step_and_from_the_whole_a_question_sees_the_same(
    steps: list[Step],
    data: st.DataObject,
    nested: bool,
) -> None:
    gate, kept = Gate(rulebook(nested=nested)), KeptRuns(max_bytes=20 * SPAN_BYTES)
    for step in steps:
        if not isinstance(step, Ask):
            gate.spans += step
            continue
        for tool in ("pay", "look", step.tool):
            sight = gate.sight(replace(step, tool=tool))
            assert sight.seen(kept) == sight.seen()
        if data.draw(st.booleans()):
            gate.grants.add(TRACE, sight.grant)
        if data.draw(st.integers(0, 9)) == 0:
            gate.grants.forget((), before_ns=step.now_ns - data.draw(st.integers(0, 20)) * 10**9)


@pytest.mark.parametrize("nested", [False, True], ids=["plain facts", "facts over facts"])
def test_what_merely_goes_on_is_never_read_again(nested: bool) -> None:
    gate, kept = Gate(rulebook(nested=nested)), KeptRuns()
    runs = set()
    for number in range(1, 30):
        gate.spans += plain_step(number, at_s=10 * number)
        sight = gate.sight(Ask("clerk", "look", "bob", "", 10**10 * (number + 1)))
        runs.add(id(kept.run_of(TRACE, "clerk", gate.spans, sight.granted)))
        assert sight.in_open_run(kept) == sight.in_all_spans()
    assert len(runs) == 1


def pay(number: int, parent: int = 99, *, to: str = "bob", **more: Loose) -> Span:
    given = json.dumps({"to": to, "cents": 20})
    return call(number, parent, "pay", gen_ai__tool__call__arguments=given, **more)


def asks(tool: str, at_s: float, *, call_id: str = "") -> Ask:
    return Ask("clerk", tool, "bob", call_id, int(at_s * 10**9))


YES = said("u:yes")
FOLLOW = said("u:follow the instructions in notes.txt")
BARE = "llm.output_messages.0.message.tool_calls.0.tool_call.function."
LOOKED_UP = {"gen_ai__tool__call__arguments": '{"to": "notes.txt", "cents": 1}',
             "gen_ai__tool__call__result": "pay bob"}  # fmt: skip
REORDERED: dict[str, list[Step]] = {
    "the user spoke before a call that was told": [
        [call(2, 99, "look", at_s=4, **LOOKED_UP)],
        asks("pay", 10),
        [chat(1, 99, FOLLOW, at_s=1)],
    ],
    "a model heard the user before another did": [
        [pay(3, at_s=3), chat(5, 99, YES, at_s=5)],
        asks("look", 10),
        [chat(2, 99, YES, at_s=2, for_s=10)],
    ],
    "a model was sent what another span was taken to say": [
        [span(1, 99, gen_ai__input__messages=YES)],
        asks("pay", 10),
        [chat(11, 99, YES)],
    ],
    "a model drives an agent that was looked through": [
        [agent(2, 99, "helper"), chat(3, 2, YES), pay(4, at_s=2)],
        asks("pay", 10),
        [chat(11, 99)],
    ],
    "an agent ends after its call": [
        [pay(3, 2)],
        asks("pay", 10),
        [agent(2, 99, "scout", for_s=9)],
    ],
    "a call ends after a model inside it": [
        [chat(3, 2, YES)],
        asks("pay", 10),
        [call(2, 99, "look", for_s=9)],
    ],
    "a model names the argument of a call": [
        [call(2, 99, "pay", input__value="bob")],
        asks("pay", 10),
        [chat(11, 99, YES, **{BARE + "name": "pay", BARE + "arguments": '{"to": "bob"}'})],
    ],
    "a call is told again with its arguments": [
        [call(2, 99, "pay", for_s=9)],
        asks("pay", 12),
        [pay(3, 2, for_s=1, mcp__method__name="tools/call")],
    ],
    "an MCP server told of a call before its client": [
        [pay(2, gen_ai__tool__call__id="one", mcp__method__name="tools/call")],
        asks("pay", 10),
        [pay(11, gen_ai__tool__call__id="one")],
    ],
    "a call may answer another grant than it did": [
        asks("pay", 1, call_id="one"),
        asks("pay", 2),
        [pay(3)],
        asks("pay", 10, call_id="one"),
    ],
    "a call began before one that answers a grant": [
        asks("pay", 1),
        asks("pay", 2, call_id="two"),
        [pay(8, gen_ai__tool__call__id="other")],
        asks("look", 9),
        [pay(5, for_s=9)],
    ],
    "a span differs from one of the same name": [[pay(2)], asks("pay", 10), [pay(2, to="anna")]],
    "the agent's own run ends": [[pay(2, 1)], asks("pay", 10), [agent(1, name="clerk", for_s=9)]],
    "an agent ends as a run of its own": [[pay(2)], asks("pay", 10), [agent(5, 98, "clerk")]],
    "spans enclose each other": [[pay(2, 3)], asks("pay", 10), [span(3, 4), span(4, 2)]],
    "a clock went back": [[pay(2), pay(8)], asks("pay", 10), asks("pay", 5, call_id="two")],
}


@pytest.mark.parametrize("steps", REORDERED.values(), ids=list(REORDERED))
def test_given_what_changes_what_was_told_then_it_is_told_anew(steps: list[Step]) -> None:
    gate, kept = Gate(rulebook(nested=False)), KeptRuns()
    for step in [*steps, asks("pay", 20, call_id="last")]:
        if isinstance(step, Ask):
            sight = gate.sight(step)
            assert sight.seen(kept) == sight.seen()
            gate.grants.add(TRACE, sight.grant)
        else:
            gate.spans += step


@pytest.mark.parametrize(
    "late",
    [
        span(4, 99, at_s=3, for_s=5),
        call(4, 99, "look", at_s=3, for_s=8, gen_ai__tool__call__arguments='{"to": "x"}'),
        agent(7, 99, "helper", at_s=3, for_s=5),
    ],
    ids=["a step", "a call", "an agent beside it"],
)
def test_given_a_span_that_ends_after_what_it_encloses_then_nothing_is_read_again(
    late: Span,
) -> None:
    gate, kept = Gate(rulebook(nested=False)), KeptRuns()
    gate.spans += [chat(2, 99, YES, at_s=2), span(6, 4, at_s=5)]
    first = kept.run_of(TRACE, "clerk", gate.spans, gate.grants.of(TRACE))
    assert gate.sight(asks("pay", 10)).in_open_run(kept) is not None
    gate.spans.append(late)
    assert kept.run_of(TRACE, "clerk", gate.spans, gate.grants.of(TRACE)) is first
    sight = gate.sight(asks("pay", 20))
    assert sight.in_open_run(kept) == sight.in_all_spans()


def test_given_more_spans_than_are_kept_then_the_run_least_asked_for_is_begun_again() -> None:
    gate, kept = Gate(rulebook(nested=False)), KeptRuns(max_bytes=5 * SPAN_BYTES)
    gate.spans += [pay(1), pay(2), pay(3)]

    def run_of(who: str) -> OpenRun:
        return kept.run_of(TRACE, who, gate.spans, gate.grants.of(TRACE))

    clerk = run_of("clerk")
    assert run_of("clerk") is clerk
    run_of("scout")
    assert run_of("clerk") is not clerk


def test_a_closed_trace_is_forgotten() -> None:
    gate, kept = Gate(rulebook(nested=False)), KeptRuns()
    gate.spans += [pay(1)]
    run = kept.run_of(TRACE, "clerk", gate.spans, gate.grants.of(TRACE))
    kept.forget([TRACE])
    assert kept.run_of(TRACE, "clerk", gate.spans, gate.grants.of(TRACE)) is not run
