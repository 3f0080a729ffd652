"""The name of an erased key leaves orders that have ended, and never reaches the log of actions."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from mythos.engines.memory.entry import ordered_ref, reason_ref
from mythos.server.actions.ledger import check, newest
from mythos.server.resilience.forgotten_keys import GONE
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.resilience.memory_orders import Seen, order, withdraw
from mythos.values.accept_order import OrderAnswer
from mythos.values.memory import Offender
from tests.server.outpost import AT, Outpost, minutes
from tests.server.told_log import ToldLog, hash_of

pytestmark = pytest.mark.django_db
ORIGIN = "mythos/lab-1/clerk"
ORDERS = "/api/v1/memories/lab-1/orders"
KEY = "user/ada-lovelace.md"
IS = f"salted-sha256:{'2' * 64}"


@pytest.fixture
def log(outpost: Outpost) -> ToldLog:
    made = ToldLog(outpost, ORIGIN, at=AT)
    made.write(KEY)
    made.write("b.md")
    return made


def _ordered(log: ToldLog) -> MemoryOrder:
    log.report(wrong=(Offender(key=KEY, kind="altered", seq=0, found=IS),))
    return order(Seen("lab-1", ORIGIN, KEY, 0, IS), why="pasted", by="ada", at=AT)


def _carry_out(log: ToldLog, made: MemoryOrder) -> tuple[OrderAnswer, ...]:
    ref = ordered_ref(reason_ref("ada", "pasted"), made.order_id)
    entry = log.write(KEY, "accept", "operator", why=ref)
    return (OrderAnswer(id=made.order_id, outcome="accepted", seq=entry.seq),)


def _erase(log: ToldLog) -> None:
    log.write(KEY, "delete", "user")
    del log.names[hash_of(KEY)]


def _kept(made: MemoryOrder) -> MemoryOrder:
    made.refresh_from_db()
    assert made.order["key"] == made.key
    return made


def test_an_erased_key_is_named_no_more_by_the_orders_about_it(ada: Client, log: ToldLog) -> None:
    made = _ordered(log)
    log.report(answers=_carry_out(log, made))
    assert _kept(made).key == KEY
    _erase(log)
    log.report()
    assert _kept(made).key == hash_of(KEY)
    (told,) = ada.get(ORDERS).json()["items"]
    assert (told["key"], told["in_log"]) == (hash_of(KEY), "yes")
    assert (
        KEY not in ada.get(f"/memories/lab-1/log/{ORIGIN}").content.decode().split('id="orders"')[1]
    )
    entries = ada.get(f"/api/v1/memories/lab-1/entries?log={ORIGIN}").json()["items"]
    assert not any(entry["unordered"] for entry in entries)


def test_a_key_that_was_deleted_and_not_erased_keeps_its_name(log: ToldLog) -> None:
    made = _ordered(log)
    log.report(answers=_carry_out(log, made))
    log.write(KEY, "delete", "agent")
    log.report()
    assert _kept(made).key == KEY


def test_an_order_that_waits_keeps_the_name_until_it_is_answered(log: ToldLog) -> None:
    made = _ordered(log)
    _erase(log)
    log.report()
    assert _kept(made).key == KEY
    log.write("c.md")
    why = f"memory {KEY!r} is as logged: nothing to accept"
    log.report(answers=(OrderAnswer(id=made.order_id, outcome="refused", why=why),))
    assert (_kept(made).key, made.answer) == (hash_of(KEY), GONE)


def test_an_order_that_waits_keeps_the_name_until_it_is_withdrawn(log: ToldLog) -> None:
    made = _ordered(log)
    _erase(log)
    log.report()
    withdraw("lab-1", made.order_id, by="ada", at=AT + minutes(9))
    assert _kept(made).key == hash_of(KEY)


def test_only_orders_about_the_erased_key_lose_their_name(log: ToldLog) -> None:
    made = _ordered(log)
    log.report(answers=_carry_out(log, made))
    log.write("b.md", "delete", "user")
    del log.names[hash_of("b.md")]
    log.report()
    assert _kept(made).key == KEY


def test_the_log_of_operator_actions_holds_the_hash_of_the_key_and_not_its_name(
    log: ToldLog,
) -> None:
    made = _ordered(log)
    withdraw("lab-1", made.order_id, by="ada", at=AT + minutes(9))
    entries = newest(limit=2)
    assert [each.action for each in entries] == ["memory.withdraw", "memory.accept"]
    for each in entries:
        assert each.details["key_hash"] == hash_of(KEY)
        assert "ada-lovelace" not in json.dumps(each.details)
    assert check().problem == ""
