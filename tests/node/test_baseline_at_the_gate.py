"""The baseline at the decision point: it knows there what it knows of a closed run."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mythos.adapters.baseline import baseline_policy_set
from mythos.engines.judge.rulebook import make_rulebook
from mythos.node.duty import Duty
from mythos.node.judge import Judge
from mythos.values.event import Json
from tests.engines.judge.desk import Talk, catalogues
from tests.node.household import House, send

TRACE = Talk().trace


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    house = House(tmp_path).move_in()
    rulebook = make_rulebook([baseline_policy_set()], catalogues(), ())
    judge = Judge(house.store(), house.acceptance, Duty(None, rulebook, {}))
    talk = Talk(trace=TRACE, now_s=int(time.time()) - 60)
    send(judge, talk.user("Refund order O-0002 to card-0002, please").spans)
    return judge


def ask(judge: Judge, call_id: str, **arguments: Json) -> dict[str, Json]:
    given = {"order_id": "O-0002", "amount_cents": 100, "payment_method": "card-0002"}
    question = {
        "trace_id": TRACE,
        "agent": "refunds",
        "tool": "issue_refund",
        "call_id": call_id,
        "arguments": given | arguments,
        "service": "retail-care",
    }
    return dict(judge.decide(json.dumps(question).encode()))


def test_what_the_user_named_is_allowed_and_what_nobody_named_is_not(judge: Judge) -> None:
    assert ask(judge, "one")["decision"] == "allow"
    told = ask(judge, "two", payment_method="card-6666")
    assert (told["decision"], told["rules"]) == ("deny", ["unsourced-sink"])
    assert 'payment_method "card-6666" (unknown)' in str(told["why"])


def test_the_eleventh_equal_call_is_stopped(judge: Judge) -> None:
    told = [ask(judge, str(number)) for number in range(11)]
    assert [one["decision"] for one in told] == ["allow"] * 10 + ["deny"]
    assert told[-1]["rules"] == ["runaway-loop"]
