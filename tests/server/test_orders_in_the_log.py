"""What a host says it did with an order, held against the entries that its log proves."""

from __future__ import annotations

from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mythos.engines.memory.entry import ordered_ref, reason_ref
from mythos.server.resilience.log_models import MemoryOrder
from mythos.server.resilience.memory_orders import Seen, order
from mythos.values.accept_order import OrderAnswer
from mythos.values.memory import Offender
from tests.server.outpost import AT, Outpost
from tests.server.told_log import ToldLog

pytestmark = pytest.mark.django_db
ORIGIN = "mythos/lab-1/clerk"
PAGE = f"/memories/lab-1/log/{ORIGIN}"
ORDERS = "/api/v1/memories/lab-1/orders"
ENTRIES = f"/api/v1/memories/lab-1/entries?log={ORIGIN}"
WHY = "pasted by hand"
IS = f"salted-sha256:{'2' * 64}"
STRANGE = "No such order was given here"


@pytest.fixture
def log(outpost: Outpost) -> ToldLog:
    made = ToldLog(outpost, ORIGIN, at=AT)
    made.write("a.md")
    made.write("b.md")
    return made


def _ordered(log: ToldLog, key: str = "a.md", seq: int = 0) -> MemoryOrder:
    log.report(wrong=(Offender(key=key, kind="altered", seq=seq, found=IS),))
    return order(Seen("lab-1", ORIGIN, key, seq, IS), why=WHY, by="ada", at=AT)


def _ref(order_id: str, by: str = "ada", why: str = WHY) -> str:
    return ordered_ref(reason_ref(by, why), order_id)


def _accepted(made: MemoryOrder, seq: int | None) -> tuple[OrderAnswer, ...]:
    return (OrderAnswer(id=made.order_id, outcome="accepted", seq=seq),)


def _page(browser: Client) -> str:
    return unescape(browser.get(PAGE).content.decode())


def _in_log(browser: Client) -> str | None:
    """What the API says of the one order, as the page does."""
    (told,) = browser.get(ORDERS).json()["items"]
    shown = browser.get(PAGE, {"format": "json"}).json()
    orders: list[dict[str, str | None]] = shown["ordering"]["others"]
    orders += [key["order"] for key in shown["keys"] if key["order"]]
    assert [each["in_log"] for each in orders] == [told["in_log"]]
    said: str | None = told["in_log"]
    return said


def _strange(browser: Client) -> list[int]:
    """Numbers of the entries that name an order which was not given here."""
    found = browser.get(ENTRIES).json()["items"]
    rows = browser.get(PAGE, {"format": "json"}).json()["entries"]["rows"]
    assert [row["unordered"] for row in rows] == [item["unordered"] for item in found]
    return [item["seq"] for item in found if item["unordered"]]


def test_an_order_whose_entry_is_proved_is_in_the_log(ada: Client, log: ToldLog) -> None:
    made = _ordered(log)
    assert _in_log(ada) is None
    log.write("a.md", "accept", "operator", why=_ref(made.order_id))
    log.report(answers=_accepted(made, 2))
    assert (_in_log(ada), _strange(ada)) == ("yes", [])
    page = _page(ada)
    assert "in the log" in page
    assert "not seen in the log" not in page
    assert STRANGE not in page


def test_an_entry_that_no_tail_reaches_is_not_seen(ada: Client, log: ToldLog) -> None:
    made = _ordered(log)
    log.report(answers=_accepted(made, 2))
    assert _in_log(ada) == "unseen"
    assert "not seen in the log" in _page(ada)
    log.write("a.md", "accept", "operator", why=_ref(made.order_id))
    for number in range(510):
        log.write(f"{number}.md")
    log.report()
    assert _in_log(ada) == "unseen"


@pytest.mark.parametrize("lie", ["put", "agent", "key", "why", "order", "number", "none"])
def test_a_host_that_says_what_its_log_does_not_is_shown_so_and_may_be_told_again(
    lie: str, ada: Client, log: ToldLog
) -> None:
    made = _ordered(log)
    ref = _ref(
        "0" * 32 if lie == "order" else made.order_id, why="another" if lie == "why" else WHY
    )
    log.write(
        "b.md" if lie == "key" else "a.md", "put" if lie == "put" else "accept",
        "agent" if lie == "agent" else "operator", why=ref,
    )  # fmt: skip
    seq = None if lie == "none" else 1 if lie == "number" else 2
    log.report(
        wrong=(Offender(key="a.md", kind="altered", seq=0, found=IS),), answers=_accepted(made, seq)
    )
    assert _in_log(ada) == "no"
    page = _page(ada)
    assert "The log does not say so" in page
    assert "it counts as ok from the next audit on" not in page
    assert f'action="/memories/lab-1/accept/{ORIGIN}"' in page


def test_entries_that_name_an_order_nobody_gave_here_are_marked(ada: Client, log: ToldLog) -> None:
    made = _ordered(log)
    log.write("a.md", "accept", "operator", why=_ref(made.order_id))
    log.write("a.md", "accept", "operator", why=_ref("f" * 32))
    log.write("b.md", "accept", "operator", why=_ref(made.order_id))
    log.write("a.md", "accept", "operator", why=_ref(made.order_id))
    log.write("a.md", "accept", "operator", why=reason_ref("eve", "by the shell of the host"))
    log.write("a.md", why=_ref("e" * 32))
    log.report(answers=_accepted(made, 2))
    assert _strange(ada) == [5, 4, 3]
    assert _page(ada).count(STRANGE) == 3


def test_an_order_to_another_host_is_none_here(ada: Client, outpost: Outpost, log: ToldLog) -> None:
    made = _ordered(log)
    MemoryOrder.objects.update(node_id="lab-2")
    log.write("a.md", "accept", "operator", why=_ref(made.order_id))
    log.report()
    assert _strange(ada) == [2]


def test_the_queries_do_not_grow_with_orders_and_their_entries(ada: Client, log: ToldLog) -> None:
    def queries() -> list[int]:
        numbers = []
        for path in (PAGE, ORDERS, ENTRIES):
            with CaptureQueriesContext(connection) as seen:
                assert ada.get(path).status_code == 200
            numbers.append(len(seen))
        return numbers

    def carried_out() -> None:
        newest = max(entry.seq for entry in log.entries if entry.key_hash == first)
        made = _ordered(log, seq=newest)
        log.write("a.md", "accept", "operator", why=_ref(made.order_id))
        log.report(answers=_accepted(made, len(log.entries) - 1))

    first = log.entries[0].key_hash
    carried_out()
    few = queries()
    for _ in range(6):
        carried_out()
    assert queries() == few
