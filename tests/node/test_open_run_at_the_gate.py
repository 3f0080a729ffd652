"""A judge that goes on answers as one that has just read everything from its store."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mythos.node.duty import Duty
from mythos.node.judge import Judge
from mythos.values.event import Json
from tests.engines.judge.desk import Talk, rulebook
from tests.node.household import House, send

TRACE = Talk().trace


class Desk:
    """A judge at work, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder).move_in()
        self.store = self.house.store()
        self.judge = self.fresh()

    def fresh(self) -> Judge:
        return Judge(self.store, self.house.acceptance, Duty(None, rulebook(), {}))

    def ask(self, judge: Judge, tool: str, **arguments: Json) -> dict[str, Json]:
        question = {"trace_id": TRACE, "agent": "refunds", "tool": tool, "arguments": arguments}
        return dict(judge.decide(json.dumps(question).encode()))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_after_every_span_the_judge_that_goes_on_and_a_fresh_one_answer_alike(desk: Desk) -> None:
    talk = Talk(now_s=int(time.time()) - 60)
    talk.user("Return O-0002, please")
    talk.call("find_customer_by_email", {"email": "ada@mail.example"}, result={"id": "C"})
    talk.call("get_order", {"order_id": "O-0002"}, result={"status": "delivered"})
    talk.user("yes").call("return_order", {"order_id": "O-0002", "item_ids": ["I-1"]})
    talk.user("yes, pay it back").call("get_order", {"order_id": "O-0003"})
    told = []
    for span in talk.whole():
        send(desk.judge, [span])
        refund: dict[str, Json] = {
            "order_id": "O-0002", "amount_cents": 100, "payment_method": "card-0002"
        }  # fmt: skip
        asked: list[tuple[str, dict[str, Json]]] = [
            ("get_order", {"order_id": "O-0002"}),
            ("issue_refund", refund),
        ]
        for tool, given in asked:
            ours = desk.ask(desk.judge, tool, **given)
            assert ours == desk.ask(desk.fresh(), tool, **given)
            told.append(ours["decision"])
    assert {"allow", "deny"} <= set(told)


def test_given_the_span_of_a_call_that_used_the_yes_then_the_next_one_is_denied(
    desk: Desk,
) -> None:
    talk = Talk(now_s=int(time.time()) - 60)
    talk.call("find_customer_by_email", {"email": "ada@mail.example"}, result={"id": "C"})
    talk.wait(5).user("yes")
    order: dict[str, Json] = {"order_id": "O-0002", "reason": "ordered by mistake"}
    send(desk.judge, talk.spans)
    assert desk.ask(desk.judge, "cancel_order", **order)["decision"] == "allow"
    send(desk.judge, talk.call("cancel_order", order).spans[-1:])
    assert desk.ask(desk.judge, "cancel_order", **order)["decision"] == "deny"


def test_given_a_trace_that_closed_then_nothing_of_it_answers_for_another(desk: Desk) -> None:
    talk = Talk(now_s=int(time.time()) - 60)
    talk.call("find_customer_by_email", {"email": "ada@mail.example"}, result={"id": "C"})
    send(desk.judge, talk.whole())
    assert desk.ask(desk.judge, "get_order", order_id="O-0002")["decision"] == "deny"
    assert desk.judge.close_due(now_ns=time.time_ns(), everything=True)
    assert desk.ask(desk.judge, "get_order", order_id="O-0002")["decision"] == "deny"
