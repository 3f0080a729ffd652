"""A question that is answered step by step is answered as from the whole run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.engines.judge.grants import Grant, Grants
from mythos.engines.judge.open_run import KeptRuns
from mythos.engines.judge.recollection import Recollection
from mythos.engines.judge.rulebook import Rulebook
from mythos.engines.judge.sight import Sight
from mythos.values.event import Event, Json, Kind, Span
from tests.engines.judge.gate_scenes import TRACE, Ask, Step, plain_step, rulebook, scenes


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
@settings(max_examples=250)
def test_step_by_step_and_from_the_whole_a_question_sees_the_same(
    steps: list[Step],
    data: st.DataObject,
    nested: bool,
) -> None:
    gate, kept = Gate(rulebook(nested=nested)), KeptRuns(max_spans=20)
    for step in steps:
        if not isinstance(step, Ask):
            gate.spans += step
            continue
        sight = gate.sight(step)
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
