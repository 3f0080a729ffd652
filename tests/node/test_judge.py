"""The node's judge: durable before the reply, each run judged once, denials told from deeds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.engines.evidence.time import TimeBody
from mythos.errors import TelemetryError, UnavailableError, UsageError
from mythos.node.duty import duty_of, no_duty
from mythos.node.judge import JSON, Judge, decode
from mythos.node.store import NodeStore
from mythos.values.event import Span
from mythos.values.outcome import Outcome
from tests.engines.judge.desk import (
    Talk,
    asked,
    built,
    identified,
    policy_digest,
    proper_return,
    refunded,
    returned,
)
from tests.node.household import House, rows_in, send

SECOND = 10**9
RETURN = {"order_id": "O-0002", "item_ids": ["I-1"]}


class Desk:
    """A judge at work, whose clock the test sets."""

    def __init__(self, folder: Path, *, run_timeout_s: int = 60) -> None:
        self.house = House(folder, run_timeout_s=run_timeout_s)
        self.duty = self.house.example_duty()
        self.store = self.house.store()
        self.judge = self.house.judge(self.store, self.duty)

    def restart(self) -> None:
        self.store.close()
        self.store = self.house.store()
        self.judge = self.house.judge(self.store, self.duty)

    def send(self, spans: list[Span]) -> None:
        send(self.judge, spans)

    def close(self) -> int:
        return len(self.judge.close_due(now_ns=time.time_ns(), everything=True))

    def ask(self, tool: str, arguments: Mapping[str, object], **more: str) -> dict[str, Any]:
        question = {
            "trace_id": Talk().trace, "agent": "refunds", "tool": tool, "arguments": arguments,
            "service": "retail-care", **more,
        }  # fmt: skip
        return self.judge.decide(json.dumps(question).encode())

    def policy(self, name: str = "care-rules") -> PolicyBody:
        total = PolicyBody()
        for row in rows_in(self.store):
            if row.key.kind == "policy" and row.key.subject == policy_digest(name):
                assert isinstance(row.body, PolicyBody)
                total += row.body
        return total

    def spans_late(self) -> int:
        bodies = [row.body for row in rows_in(self.store) if isinstance(row.body, TimeBody)]
        return sum(body.spans_late for body in bodies)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _recent(talk: Talk) -> Talk:
    """The same talk, told just now: what is older than a week opens no run."""
    shift_ns = (int(time.time()) - 60 - talk.started_s) * SECOND
    talk.spans = [
        replace(span, start_ns=span.start_ns + shift_ns, end_ns=span.end_ns + shift_ns)
        for span in talk.spans
    ]
    talk.started_s += shift_ns // SECOND
    talk.now_s += shift_ns // SECOND
    return talk


def test_a_closed_run_becomes_evidence_and_its_spans_go(desk: Desk) -> None:
    desk.send(_recent(proper_return()).whole())
    assert desk.close() == 1
    assert desk.policy().outcomes == OutcomeCounts(upheld=6)
    assert desk.policy().runs == RunCounts(clean=1)
    assert desk.store.backlog()["spans"] == 0


def test_a_run_is_judged_once_whatever_comes_again(desk: Desk) -> None:
    spans = _recent(proper_return()).whole()
    desk.send(spans)
    desk.send(spans)
    assert desk.close() == 1
    desk.send(spans)
    assert desk.close() == 0
    desk.restart()
    desk.send(spans)
    assert desk.close() == 0
    assert desk.policy().runs == RunCounts(clean=1)
    assert desk.spans_late() == 2 * len(spans)


def test_spans_of_an_open_run_survive_a_restart(desk: Desk) -> None:
    spans = _recent(proper_return()).whole()
    desk.send(spans[:4])
    desk.restart()
    desk.send(spans[4:])
    assert desk.close() == 1
    assert desk.policy().outcomes.upheld == 6


def test_a_run_is_not_judged_before_its_grace(desk: Desk) -> None:
    desk.send(_recent(proper_return()).whole())
    assert desk.judge.close_due(now_ns=time.time_ns()) == []
    assert len(desk.judge.close_due(now_ns=time.time_ns() + 2 * SECOND)) == 1


def test_a_run_whose_root_never_came_is_judged_after_its_time_out(desk: Desk) -> None:
    desk.send(_recent(returned(identified())).spans)
    assert desk.judge.close_due(now_ns=time.time_ns() + 30 * SECOND) == []
    (judged,) = desk.judge.close_due(now_ns=time.time_ns() + 61 * SECOND)
    assert judged.run.timed_out
    assert desk.policy().outcomes.violated == 1


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """A process answers over its port and is killed without warning in the middle."""
    house = House(tmp_path)
    house.launch(built())
    house.move_in()
    node = subprocess.Popen(
        [sys.executable, "-c", PORT, str(house.home.root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert node.stdout is not None
    port = int(node.stdout.readline())
    taken = 0
    import httpx

    from mythos.engines.telemetry.json_writer import encode_json

    spans = [
        replace(_recent(Talk().call("get_order", {})).spans[0], span_id=f"{n:016x}")
        for n in range(1, 400)
    ]
    with httpx.Client(trust_env=False) as client:
        for number, span in enumerate(spans):
            if number == 60:
                os.kill(node.pid, signal.SIGKILL)
            try:
                answer = client.post(
                    f"http://127.0.0.1:{port}/v1/traces",
                    content=encode_json([span]),
                    headers={"Content-Type": JSON},
                )
            except httpx.HTTPError:
                break
            assert answer.status_code == 200
            taken += 1
    node.wait()
    node.stdout.close()
    assert 60 <= taken < 400
    kept = [span for line in house.store().spans() for span in decode(line, JSON)]
    assert {span.span_id for span in spans[:taken]} <= {span.span_id for span in kept}


PORT = """
import sys, threading
from pathlib import Path
from mythos.node.sidecar import Options, Sidecar
from mythos.node.home import NodeHome

sidecar = Sidecar(NodeHome(Path(sys.argv[1])), Options(Path(), port=0))
print(sidecar.status()["port"], flush=True)
sidecar.run(threading.Event())
"""


def test_a_write_is_denied_until_the_customer_said_yes(desk: Desk) -> None:
    talk = _recent(identified())
    desk.send(talk.spans)
    denied = desk.ask("return_order", RETURN)
    assert denied["decision"] == "deny"
    assert denied["rules"] == ["explicit-yes"]
    desk.send(asked(talk).spans[-1:])
    assert desk.ask("return_order", RETURN)["decision"] == "allow"


def test_a_yes_pays_for_one_write_only(desk: Desk) -> None:
    talk = _recent(returned(asked(identified())))
    desk.send(talk.spans)
    answer = desk.ask(
        "issue_refund", {"order_id": "O-2", "amount_cents": 1, "payment_method": "card"}
    )
    assert (answer["decision"], answer["missing"]) == ("deny", ["confirmed"])


@pytest.mark.parametrize(
    ("ahead_s", "said"), [(0, ""), (200, ""), (600, "5 minutes in the future")]
)
def test_a_tool_whose_clock_is_ahead_uses_up_the_yes_all_the_same(
    desk: Desk, ahead_s: int, said: str
) -> None:
    talk = _recent(returned(asked(identified())))
    *before, write = talk.spans
    ahead = ahead_s * SECOND
    desk.send(
        [*before, replace(write, start_ns=write.start_ns + ahead, end_ns=write.end_ns + ahead)]
    )
    answer = desk.ask(
        "issue_refund", {"order_id": "O-2", "amount_cents": 1, "payment_method": "card"}
    )
    assert (answer["decision"], said in answer["why"]) == ("deny", True)
    assert desk.ask("get_order", {"order_id": "O-2"})["decision"] == ("deny" if said else "allow")


def test_arguments_are_read_by_the_rules(desk: Desk) -> None:
    talk = _recent(asked(returned(asked(identified()))))
    desk.send(talk.spans)
    much = {"order_id": "O-2", "amount_cents": 20_001, "payment_method": "card"}
    assert desk.ask("issue_refund", much)["rules"] == ["refund-cap"]
    assert desk.ask("issue_refund", {**much, "amount_cents": 20_000})["decision"] == "allow"


def test_nothing_is_allowed_on_the_callers_word_alone(desk: Desk) -> None:
    assert desk.ask("return_order", RETURN)["decision"] == "deny"
    assert desk.ask("get_order", {"order_id": "O-2"})["decision"] == "deny"


def test_a_yes_in_an_earlier_run_of_the_trace_is_no_yes_in_this_one(desk: Desk) -> None:
    desk.send(_recent(asked(identified())).whole())
    assert desk.ask("return_order", RETURN)["decision"] == "deny"


def test_what_an_ended_sub_agent_heard_belongs_to_the_run_that_goes_on(desk: Desk) -> None:
    """The outer agent's root comes last; until then its sub-agent looks like a run of its own."""
    talk = _recent(asked(identified(agent="helper")))
    inner = [
        replace(span, parent_id="00000000000000aa") if not span.parent_id else span
        for span in talk.whole()
    ]
    desk.send(inner)
    assert desk.ask("return_order", RETURN)["decision"] == "allow"


def test_an_unknown_tool_is_denied_and_a_finding(desk: Desk) -> None:
    for service in ("retail-care", ""):
        answer = desk.ask("wire_money", {"to": "me"}, service=service)
        assert (answer["decision"], set(answer["rules"])) == ("deny", {"undeclared_tool"})
    assert desk.close() == 1
    assert desk.policy().rules["undeclared_tool"] == OutcomeCounts(blocked=2)
    assert desk.policy().runs == RunCounts()


def test_before_the_first_launch_everything_is_denied(tmp_path: Path) -> None:
    house = House(tmp_path)
    store = house.store()
    judge = Judge(store, house.acceptance, no_duty())
    question = {"trace_id": "ab" * 16, "agent": "any", "tool": "get_order", "arguments": {}}
    assert judge.decide(json.dumps(question).encode())["decision"] == "deny"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"trace_id": "ab"}',
        b'{"trace_id": "' + b"AB" * 16 + b'", "agent": "a", "tool": "t", "arguments": {}}',
        b'{"trace_id": "' + b"ab" * 16 + b'", "agent": "a", "tool": "", "arguments": {}}',
        b'{"trace_id": "' + b"ab" * 16 + b'", "agent": "a", "tool": "t", "arguments": []}',
        b'{"trace_id": "' + b"ab" * 16 + b'", "agent": "a", "tool": "t", "arguments": {}, "x": 1}',
        b'{"trace_id": "'
        + b"ab" * 16
        + b'", "agent": "a", "tool": "t", "arguments": {"x": 1, "x": 2}}',
        b"[" * 100_000,
        b'"\xff"',
    ],
)
def test_a_malformed_question_is_refused_with_the_form(desk: Desk, body: bytes) -> None:
    with pytest.raises(UsageError, match="not a question") as caught:
        desk.judge.decide(body)
    assert "trace_id" in caught.value.remedy or "each key once" in caught.value.remedy


@pytest.mark.parametrize("amount", [10**30, -(10**30), 1e308, float("inf"), 1.5, "much", None])
def test_any_number_in_a_question_is_decided_and_kept(desk: Desk, amount: object) -> None:
    arguments = {"order_id": "O-2", "amount_cents": amount, "payment_method": "c"}
    assert desk.ask("issue_refund", arguments)["decision"] == "deny"
    assert desk.close() == 1
    assert desk.policy("refund-rules").outcomes.violated == 0


def test_an_obeyed_denial_is_blocked_evidence_of_its_run(desk: Desk) -> None:
    talk = _recent(identified())
    desk.send(talk.spans)
    desk.ask("return_order", RETURN)
    desk.send(talk.whole()[-1:])
    assert desk.close() == 1
    assert desk.policy().outcomes == OutcomeCounts(upheld=2, blocked=1)
    assert desk.policy().runs == RunCounts(clean=1)
    assert desk.store.attempts() == []


def test_an_ignored_denial_is_violated_and_not_blocked(desk: Desk) -> None:
    talk = _recent(identified())
    desk.send(talk.spans)
    desk.ask("return_order", RETURN)
    talk.now_s = int(time.time()) + 1
    desk.send(returned(talk).whole()[3:])
    assert desk.close() == 1
    assert desk.policy().outcomes == OutcomeCounts(upheld=2, violated=1)


def test_an_ignored_denial_is_found_in_whichever_run_of_the_trace_it_was_made(desk: Desk) -> None:
    first = _recent(identified())
    desk.send(first.whole())
    desk.ask("return_order", RETURN)
    second = Talk(agent="orders", now_s=int(time.time()) + 1)
    spans = [
        replace(
            span,
            span_id=f"{int(span.span_id, 16) + 0x100:016x}",
            parent_id=f"{0x101:016x}" if span.parent_id else "",
        )
        for span in returned(second).whole()
    ]
    desk.send(spans)
    assert desk.close() == 2
    assert desk.policy().outcomes.blocked == 0
    assert desk.policy().outcomes.violated == 1


def test_a_denial_asked_from_inside_the_span_of_its_call_is_that_call(desk: Desk) -> None:
    talk = _recent(identified())
    desk.send(talk.spans)
    began_ns = time.time_ns() - SECOND
    desk.ask("return_order", RETURN)
    call = replace(
        returned(talk).spans[-1], start_ns=began_ns, end_ns=time.time_ns() + SECOND, failed=True
    )
    desk.send([call, talk.whole()[-1]])
    desk.close()
    assert desk.policy().outcomes == OutcomeCounts(upheld=2, violated=1)


def test_a_denial_survives_a_restart(desk: Desk) -> None:
    talk = _recent(identified())
    desk.send(talk.spans)
    desk.ask("return_order", RETURN)
    desk.restart()
    desk.send(talk.whole()[-1:])
    desk.close()
    assert desk.policy().outcomes.blocked == 1


def test_denials_without_spans_count_no_run_and_leave_the_trace_open(desk: Desk) -> None:
    """Else an agent could earn clean runs by asking, or hide a deed behind its own denial."""
    desk.ask("return_order", RETURN)
    assert desk.close() == 1
    assert desk.policy().runs == RunCounts()
    assert desk.policy().outcomes == OutcomeCounts(blocked=1)
    desk.send(_recent(returned(identified())).whole())
    assert desk.close() == 1
    assert desk.policy().outcomes.violated == 1


def test_each_sample_of_a_denial_shows_what_was_asked(desk: Desk) -> None:
    desk.ask("return_order", {"order_id": "O-1", "item_ids": []})
    desk.ask("return_order", {"order_id": "O-2", "item_ids": []})
    desk.close()
    kept = [sample.arguments for sample in desk.policy().samples.violating]
    assert {str(arguments["order_id"]) for arguments in kept if arguments} == {"O-1", "O-2"}


def test_a_trace_that_breaks_the_judging_is_undecidable_and_the_next_is_judged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    book = desk.duty.rulebook
    broken = replace(book, engines={})  # as a bug would have it
    desk.judge.change_duty(replace(desk.duty, rulebook=broken))
    desk.send(_recent(proper_return()).whole())
    desk.send(_recent(proper_return(trace="cd" * 16)).whole())
    assert desk.close() == 2
    assert desk.policy().outcomes == OutcomeCounts(undecidable=12)
    assert "KeyError" in caplog.text


def test_hostile_names_do_not_stop_the_judge(desk: Desk) -> None:
    talk = identified(agent="a\nb" * 200)
    talk.call("t" * 10_000, {})
    desk.send(_recent(talk).whole())
    assert desk.close() == 1
    assert desk.policy().rules["undeclared_tool"].violated == 1


def test_a_failed_write_loses_no_run(desk: Desk) -> None:
    """The disk is full when the run closes; the run is judged when it is not any more."""
    desk.send(_recent(proper_return()).whole())
    desk.store._db.execute("PRAGMA query_only=1")
    with pytest.raises(UnavailableError):
        desk.close()
    with pytest.raises(UnavailableError):
        desk.send(_recent(Talk(trace="cd" * 16).call("get_order", {})).whole())
    desk.store._db.execute("PRAGMA query_only=0")
    assert desk.close() == 1
    assert desk.policy().runs == RunCounts(clean=1)
    assert desk.judge.n_open == 0


def test_runs_are_judged_by_the_bundle_in_force_when_they_close(desk: Desk) -> None:
    desk.send(_recent(proper_return()).whole())
    desk.judge.change_duty(no_duty())
    assert desk.close() == 1
    assert [row.key.kind for row in rows_in(desk.store)] == ["time"]


def test_received_spans_are_counted_in_the_hour_of_their_receipt(desk: Desk) -> None:
    desk.send(_recent(proper_return()).whole())
    (row,) = [row for row in rows_in(desk.store) if isinstance(row.body, TimeBody)]
    assert isinstance(row.body, TimeBody)
    assert row.body.spans_received == len(proper_return().whole())


def test_other_content_types_are_refused() -> None:
    with pytest.raises(TelemetryError, match="content type none is not OTLP"):
        decode(b"{}", "")


def test_the_duty_of_the_example_says_what_is_in_force(desk: Desk) -> None:
    said = duty_of(desk.house.launch(built())).in_force(assignment_sequence=7)
    assert said.bundle == built().digest
    assert set(said.agents) == {"orders", "refunds", "triage"}
    assert len(said.policy_sets) == 2
    assert len(said.shadow_sets) == 1
    assert said.assignment_sequence == 7


def test_looking_for_closed_runs_costs_little_while_many_are_open(desk: Desk) -> None:
    """The main loop looks five times a second."""
    spans = [
        replace(span, trace_id=f"{n:032x}")
        for n in range(1, 1_500)
        for span in _recent(Talk().call("get_order", {})).spans
    ]
    desk.send(spans)
    began = time.process_time()
    for _ in range(20):
        desk.judge.close_due(now_ns=time.time_ns())
    assert time.process_time() - began < 0.5


def test_a_refund_by_the_book_is_allowed_at_each_step(desk: Desk) -> None:
    talk = _recent(proper_return())
    outcomes = []
    for number, span in enumerate(talk.spans):
        if span.attributes.get("gen_ai.operation.name") == "execute_tool":
            arguments = json.loads(str(span.attributes["gen_ai.tool.call.arguments"]))
            tool = str(span.attributes["gen_ai.tool.name"])
            outcomes.append(desk.ask(tool, arguments)["decision"])
        desk.send([talk.spans[number]])
    assert outcomes == ["allow"] * 6
    desk.send(talk.whole()[-1:])
    assert desk.close() == 1
    assert desk.policy().outcomes == OutcomeCounts(upheld=6)
    assert Outcome.BLOCKED not in {o for o, n in vars_of(desk.policy().outcomes).items() if n}


def vars_of(counts: OutcomeCounts) -> dict[Outcome, int]:
    return {outcome: getattr(counts, outcome.value) for outcome in Outcome}


def test_the_story_of_the_example_is_judged_as_the_audit_judges_it(desk: Desk) -> None:
    """Equal spans give equal evidence bytes: the sidecar's rows are those of one judged run."""
    from mythos.engines.evidence.row import digest_of_rows
    from mythos.engines.judge.rows import rows_of

    talk = _recent(refunded(returned(asked(identified()))))
    desk.send(talk.whole()[::-1])
    desk.close()
    told = [row for row in rows_in(desk.store) if row.key.kind != "time"]
    book = desk.duty.rulebook
    alone = rows_of(talk.judged(book), desk.judge.place, agent_ref=book.agent_ref)
    assert digest_of_rows(told) == digest_of_rows(r for r in alone if r.key.kind != "time")


def test_a_store_of_another_process_is_resumed_with_its_closed_ids(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.send(_recent(proper_return()).whole())
    desk.close()
    second = NodeStore(desk.house.home.database)
    assert list(second.closed_ids()) == [Talk().trace]
