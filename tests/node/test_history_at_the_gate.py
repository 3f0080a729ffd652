"""What counts when the decision point is asked: calls in flight, and earlier runs of the agent."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mythos.engines.judge.rulebook import make_rulebook
from mythos.engines.policy.document import load_policy_set
from mythos.node.duty import Duty
from mythos.node.judge import Judge
from mythos.values.event import Json
from tests.engines.judge.desk import Talk, catalogues
from tests.node.household import House, send

SECOND = 10**9
TRACE = Talk().trace
YES = """
policy_set: one-yes
version: 1
covers: {tools: retail-care}
facts:
  confirmed: {once: user.confirm, since: issue_refund}
rules: |
  @id("yes") permit (principal, action == Action::"issue_refund", resource)
  when { context.past.confirmed };
"""
DAILY = """
policy_set: daily
version: 1
covers: {tools: retail-care}
facts:
  spent: {sum: input.amount_cents, of: issue_refund, scope: agent, within: 1d}
rules: |
  @id("daily-cap") forbid (principal, action == Action::"issue_refund", resource)
  when { context.past.spent + context.input.amount_cents > 1000 };
"""


class Gate:
    """A judge that judges by one policy set."""

    def __init__(self, folder: Path, text: str) -> None:
        self.house = House(folder).move_in()
        self.store = self.house.store()
        sets = [load_policy_set(text, source="p.yaml")]
        self.duty = Duty(None, make_rulebook(sets, catalogues(), ()), {})
        self.judge = Judge(self.store, self.house.acceptance, self.duty)

    def restart(self) -> None:
        self.store.close()
        self.store = self.house.store()
        self.judge = Judge(self.store, self.house.acceptance, self.duty)

    def ask(self, cents: int, *, call_id: str = "", trace: str = TRACE, **more: int) -> str:
        question = {
            "trace_id": trace, "agent": "refunds", "tool": "issue_refund", "call_id": call_id,
            "arguments": refund(cents), "service": "retail-care", **more,
        }  # fmt: skip
        return str(self.judge.decide(json.dumps(question).encode())["decision"])

    def done(self, talk: Talk) -> None:
        """The whole run came, and closed."""
        send(self.judge, talk.whole())
        assert self.judge.close_due(now_ns=time.time_ns(), everything=True)


def refund(cents: int) -> dict[str, Json]:
    return {"order_id": "O-0002", "amount_cents": cents, "payment_method": "card-0002"}


def now(*, trace: str = TRACE, ahead_s: int = -60) -> Talk:
    """A talk of the present, or of a clock that runs ahead."""
    return Talk(trace=trace, now_s=int(time.time()) + ahead_s)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    gate = Gate(tmp_path, YES)
    send(gate.judge, now().user("Refund me, please").user("yes").spans)
    return gate


def test_two_calls_in_flight_cannot_share_one_yes(gate: Gate) -> None:
    assert gate.ask(100, call_id="one") == "allow"
    assert gate.ask(100, call_id="two") == "deny"


def test_the_same_question_asked_again_is_one_call(gate: Gate) -> None:
    assert [gate.ask(100, call_id="one") for _ in range(3)] == ["allow"] * 3
    assert [gate.ask(100) for _ in range(2)] == ["deny"] * 2


def test_given_the_span_of_the_call_then_it_counts_and_not_its_grant(gate: Gate) -> None:
    assert gate.ask(100, call_id="one") == "allow"
    talk = now().user("Refund me, please").user("yes")
    talk.call("issue_refund", refund(100), call_id="one").user("yes, the other one too")
    send(gate.judge, talk.spans[2:])
    assert gate.ask(100, call_id="two") == "allow"


def test_given_a_clock_of_the_agent_that_lags_then_its_span_still_answers_the_grant(
    gate: Gate,
) -> None:
    assert gate.ask(100) == "allow"
    talk = now().user("Refund me, please").user("yes").call("issue_refund", refund(100))
    talk.wait(30).user("yes again")
    late = [replace(talk.spans[2], start_ns=talk.spans[2].start_ns - 7 * SECOND), talk.spans[3]]
    send(gate.judge, late)
    assert gate.ask(200) == "allow"


def test_given_a_grant_that_came_to_nothing_when_the_trace_closes_then_it_is_forgotten(
    gate: Gate,
) -> None:
    assert gate.ask(100, call_id="one") == "allow"
    assert gate.judge.close_due(now_ns=time.time_ns(), everything=True)
    other = "f" * 32
    send(gate.judge, now(trace=other).user("Refund me, please").user("yes").spans)
    assert gate.ask(100, call_id="two", trace=other) == "allow"


def test_what_the_agent_spent_in_earlier_runs_counts_even_after_a_restart(tmp_path: Path) -> None:
    gate = Gate(tmp_path, DAILY)
    assert gate.ask(600) == "allow"
    gate.done(now().user("hi").call("issue_refund", refund(600)))
    fresh = "a" * 32
    for _ in range(2):
        assert gate.ask(400, trace=fresh) == "allow"
        assert gate.ask(401, trace=fresh) == "deny"
        gate.restart()


def test_given_a_run_whose_clock_runs_ahead_then_it_does_not_decide_what_comes(
    tmp_path: Path,
) -> None:
    gate = Gate(tmp_path, DAILY)
    gate.done(now(ahead_s=3_600).user("hi").call("issue_refund", refund(600)))
    assert gate.ask(600, trace="b" * 32) == "allow"


def test_given_a_rule_about_depth_when_nobody_tells_it_then_the_call_is_denied(
    tmp_path: Path,
) -> None:
    rule = DAILY.replace(
        "context.past.spent + context.input.amount_cents > 1000", "context.depth > 1"
    )
    gate = Gate(tmp_path, rule)
    assert gate.ask(1, call_id="a") == "deny"
    assert gate.ask(1, call_id="b", depth=1) == "allow"
    assert gate.ask(1, call_id="c", depth=2) == "deny"
