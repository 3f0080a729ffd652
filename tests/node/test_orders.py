"""An operator's order, from a signed view to an entry of the log and an answer in an envelope."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mythos.engines.memory.as_seen import host_salt, shown_hash
from mythos.engines.memory.checkpoint import log_origin
from mythos.engines.memory.entry import key_hash
from mythos.engines.memory.ordered import carries_out
from mythos.node.duty import no_duty
from mythos.node.orders import take_orders, told_orders
from mythos.node.store import StoredEnvelope
from mythos.values.accept_order import MAX_ORDERS, AcceptOrder, OrderAnswer
from tests.adapters.fleet_site import NOW
from tests.node.household import NODE
from tests.node.ordered_desk import ORIGIN, Desk
from tests.node.test_paced_audits import Slow
from tests.node.test_witnessed import MINUTE


class SlowDesk(Slow, Desk):
    """A desk whose memory costs much to audit."""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def _alter(desk: Desk) -> str:
    (desk.memory / "a.md").write_bytes(b"edited")
    return "a.md"


def _remove(desk: Desk) -> str:
    (desk.memory / "a.md").unlink()
    return "a.md"


def _plant(desk: Desk) -> str:
    (desk.memory / "new.md").write_bytes(b"pasted")
    return "new.md"


@pytest.mark.parametrize("change", [_alter, _remove, _plant])
def test_an_order_becomes_an_entry_and_its_answer_travels_in_the_next_envelope(
    desk: Desk, change: Callable[[Desk], str]
) -> None:
    key = change(desk)
    assert desk.seen(desk.tell()).keys.keys() == {key}
    order = desk.ordered(key)
    desk.hear(view=desk.told_by(order))
    envelope = desk.tell()
    assert envelope.answers == (OrderAnswer(id=order.id, outcome="accepted", seq=1),)
    body = desk.seen(envelope)
    assert (body.keys, body.size) == ({}, 2), "the audit of the same beat sees it"
    entry = desk.entries()[1]
    assert (entry.op, entry.source, entry.seq) == ("accept", "operator", 1)
    assert entry.policy_ref == f"ada: edited by hand, ticket 12 (order {order.id})"
    assert carries_out(entry, order)
    assert desk.tell().answers == (), "told once"


def test_what_changed_since_it_was_seen_is_refused_and_the_reason_told(desk: Desk) -> None:
    _alter(desk)
    desk.tell()
    desk.hear(view=desk.told_by(order := desk.ordered("a.md")))
    (desk.memory / "a.md").write_bytes(b"something else")
    (answer,) = desk.tell().answers
    assert (answer.id, answer.outcome, answer.seq) == (order.id, "refused", None)
    assert answer.why == (
        "it is not what was seen when this was ordered: its content is another; look at it again"
    )
    assert len(desk.entries()) == 1


def test_where_audits_are_rare_the_beat_that_carries_out_an_order_audits(tmp_path: Path) -> None:
    desk = SlowDesk(tmp_path)
    _alter(desk)
    desk.tell()
    desk.hear(view=desk.told_by(desk.ordered("a.md")))
    told, later = desk.seen(desk.tell()), desk.seen(desk.tell())
    assert (told.altered, told.ok) == (0, 1)
    assert later.audited_at == told.audited_at == (NOW + 2 * MINUTE).timestamp()
    desk.store.close()


def test_orders_wait_through_a_restart_and_answers_do_too(desk: Desk) -> None:
    _alter(desk)
    desk.tell()
    order = desk.ordered("a.md")
    desk.hear(view=desk.told_by(order))
    desk.restart()
    desk.reporter.orders.carry_out(desk.duty, node=NODE, at=NOW)
    desk.restart()
    assert [one.id for one in desk.tell().answers] == [order.id]


def test_a_host_whose_owner_forbids_orders_answers_with_what_to_run_there(desk: Desk) -> None:
    _alter(desk)
    desk.tell()
    desk.hear(view=desk.told_by(desk.ordered("a.md")))
    desk.forbid()
    (answer,) = desk.tell().answers
    assert answer.outcome == "refused"
    assert answer.why == (
        "this host takes no orders to accept; run on it: mythos memory accept"
        f" dir:{desk.memory} --by WHO --why TEXT -- KEY"
    )
    assert len(desk.entries()) == 1


@pytest.mark.parametrize("origin", [log_origin("lab-10", "refunds"), log_origin(NODE, "nobody")])
def test_an_order_about_a_log_that_is_not_kept_here_is_refused(desk: Desk, origin: str) -> None:
    _alter(desk)
    desk.tell()
    desk.hear(view=desk.told_by(desk.ordered("a.md", origin=origin)))
    (answer,) = desk.tell().answers
    assert (answer.outcome, origin in answer.why) == ("refused", True)


def test_an_order_about_one_agent_is_none_about_another(desk: Desk) -> None:
    """Both remember the same under the same name; a hash says whose it is."""
    other = min(desk.duty.agents.keys() - {"refunds"})
    for agent in (other, "refunds"):
        (desk.house.home.memory(agent) / "new.md").write_bytes(b"pasted")
    desk.tell()
    order = desk.ordered("new.md", origin=log_origin(NODE, other))
    desk.hear(view=desk.told_by(order))
    assert "its content is another" in desk.tell().answers[0].why


def test_an_agent_whose_log_can_have_no_name_holds_up_no_order(desk: Desk) -> None:
    _alter(desk)
    desk.tell()
    desk.hear(view=desk.told_by(desk.ordered("a.md")))
    agents = desk.duty.agents
    desk.duty = replace(desk.duty, agents={"a/" * 75: agents["refunds"], **agents})
    assert [one.outcome for one in desk.tell().answers] == ["accepted"]


def test_where_nothing_runs_an_order_is_refused(desk: Desk) -> None:
    _alter(desk)
    desk.tell()
    desk.hear(view=desk.told_by(desk.ordered("a.md")))
    desk.duty = no_duty()
    assert [one.outcome for one in desk.tell().answers] == ["refused"]


def test_orders_for_a_log_that_another_holds_wait_and_are_carried_out_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_log_database.LOCK_WAIT_S", 0.05)
    _alter(desk)
    _plant(desk)
    desk.tell()
    orders = [desk.ordered(key, number=n) for n, key in enumerate(("a.md", "new.md"))]
    desk.hear(view=desk.told_by(*orders))
    with closing(sqlite3.connect(desk.log, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        desk.reporter.orders.carry_out(desk.duty, node=NODE, at=NOW)
        assert f"orders for {ORIGIN} wait" in desk.reporter.orders.hindrance
        assert {one["state"] for one in _told(desk)} == {"waiting"}
    answers = desk.tell().answers
    assert [(one.id, one.outcome, one.seq) for one in answers] == [
        (order.id, "accepted", n) for n, order in enumerate(orders, 1)
    ]
    assert desk.reporter.orders.hindrance == ""


def test_a_hundred_orders_are_carried_out_in_one_beat(desk: Desk) -> None:
    orders = _planted(desk, MAX_ORDERS)
    desk.tell()
    desk.hear(view=desk.told_by(*orders))
    envelope = desk.tell()
    assert [(one.id, one.outcome) for one in envelope.answers] == [
        (order.id, "accepted") for order in orders
    ]
    assert len(desk.entries()) == 1 + len(orders)
    assert desk.seen(envelope).unlogged == 0


def test_more_orders_than_may_wait_are_left_for_a_later_view(desk: Desk) -> None:
    orders = _planted(desk, MAX_ORDERS + 20)
    assert take_orders(desk.store, orders[:60]) == 60
    assert take_orders(desk.store, orders[20:]) == 40
    assert len(desk.tell().answers) == MAX_ORDERS
    assert take_orders(desk.store, orders[20:]) == 20
    assert {one.id for one in desk.tell().answers} == {order.id for order in orders[20:]}
    assert len(desk.entries()) == 1 + len(orders), "each once"


def test_the_oldest_answers_are_forgotten_in_the_end_and_no_order_that_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.node.kept_orders.KEPT_ORDERS", 5)
    orders = _planted(desk, 12)
    take_orders(desk.store, orders[:1])
    for order in orders[1:]:
        take_orders(desk.store, [order])
        desk.store.answer_order(
            order.id, OrderAnswer(id=order.id, outcome="refused").model_dump_json()
        )
        counter = desk.store.next_counter()
        envelope = StoredEnvelope(counter, b"{}")
        desk.store.seal([envelope], pending=[], beat_s=0.0, answers=[order.id])
    take_orders(desk.store, orders[-1:])
    kept = [one["id"] for one in _told(desk)]
    assert kept == [order.id for order in (*orders[:-6:-1], orders[0])]


def test_the_status_says_what_was_ordered_and_what_became_of_it(desk: Desk) -> None:
    _alter(desk)
    _plant(desk)
    desk.tell()
    done, refused = desk.ordered("a.md"), desk.ordered("new.md", number=2, found=None)
    desk.hear(view=desk.told_by(done, refused))
    assert [(one["state"], one["key"]) for one in _told(desk)] == [
        ("waiting", "new.md"), ("waiting", "a.md"),
    ]  # fmt: skip
    desk.tell()
    newest, oldest = _told(desk)
    assert oldest == {
        "id": done.id, "log": ORIGIN, "by": "ada", "state": "accepted", "entry": 1,
    }  # fmt: skip
    assert (newest["state"], "no hash of what was seen" in str(newest["why"])) == ("refused", True)


def test_a_host_forgets_the_key_of_an_order_once_its_answer_was_told(desk: Desk) -> None:
    (desk.memory / "ada-lovelace.md").write_bytes(b"pasted")
    desk.tell()
    order = desk.ordered("ada-lovelace.md")
    desk.hear(view=desk.told_by(order))
    answers = desk.tell().answers
    assert [answer.outcome for answer in answers] == ["accepted"]
    kept = desk.store.newest_orders(limit=10)
    assert len(kept) == 1
    assert not any("ada-lovelace" in text for text in kept[0])
    desk.hear(view=desk.told_by(order))
    assert desk.tell().answers == answers, "the same answer, asked for again"
    assert len(desk.entries()) == 2


def test_an_envelope_without_answers_is_what_older_control_planes_read(desk: Desk) -> None:
    desk.tell()
    (line,) = desk.store.unexported(everything=True)
    assert "answers" not in json.loads(base64.b64decode(json.loads(line.body)["payload"]))


def _told(desk: Desk) -> list[dict[str, object]]:
    return json.loads(json.dumps(told_orders(desk.store)))  # type: ignore[no-any-return]


def _planted(desk: Desk, n: int) -> list[AcceptOrder]:
    """So many memories that nobody logged, and an order for each."""
    orders = []
    for number in range(n):
        key = f"p{number:03}.md"
        (desk.memory / key).write_bytes(key.encode())
        hashed = key_hash("directory", key)
        salt = host_salt(desk.reporter.orders.secret, origin=ORIGIN, key_hash=hashed)
        order = AcceptOrder(
            id=f"{number:032x}", origin=ORIGIN, key=key, kind="unlogged", seq=None,
            found=shown_hash(key.encode(), salt), by="ada", why="pasted",
            ts=int(NOW.timestamp() * 1000),
        )  # fmt: skip
        orders.append(order)
    return orders
