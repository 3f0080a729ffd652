"""One run from its spans to the page: judged, kept as evidence, sent, merged, and shown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from mythos.engines.evidence.row import from_wire, to_wire
from mythos.engines.judge.rows import Place
from tests.engines.judge.desk import Talk, returned
from tests.server import fleet
from tests.server.fleet import Host

pytestmark = pytest.mark.django_db
TRACE = "00000000000000000000000000c0ffee"


@pytest.fixture
def host() -> Host:
    """A host that reported one run: the customer was not asked, and the order was read twice."""
    at = timezone.now()
    packet, eu = fleet.file_example(), fleet.environment("eu")
    made = Host(fleet.enrol("eu-1", eu, at=at - timedelta(hours=2), packet=packet), packet)
    talk = Talk(trace=TRACE, now_s=int(at.timestamp()) - 600)
    talk.user("I want to return order O-0002")
    talk.call("find_customer_by_email", {"email": "customer002@mail.example"})
    talk.call("get_order", {"order_id": "O-0002"})
    talk.call("get_order", {"order_id": "O-0002"}, failed=True)
    rows = returned(talk).rows(place=Place("eu-1", "eu", "", 60))
    fleet.report(made, [from_wire(to_wire(row)) for row in rows], at=at)
    return made


def test_each_move_stands_beside_the_span_that_made_it_with_its_time(
    browser: Client, host: Host
) -> None:
    page = browser.get(f"/workflows/{host.workflow_digest}?format=json").json()
    (run,) = page["runs"]
    assert (run["trace_id"], run["host"], run["cost"]) == (TRACE, "eu-1", 6)
    assert [
        (move["kind"], move["label"], move["text"], move["span_id"], move["at_s"], move["failed"])
        for move in run["moves"]
    ] == [
        ("match", "identify", "find_customer_by_email", f"{3:016x}", 1.0, False),
        ("match", "read-order", "get_order", f"{4:016x}", 2.0, False),
        ("extra", "read-order", "get_order", f"{5:016x}", 3.0, True),
        ("skip", "confirm", "", "", 0.0, False),
        ("match", "return", "return_order", f"{6:016x}", 4.0, False),
    ]
    assert [move["cost"] for move in run["moves"]] == [0, 0, 1, 5, 0]


def test_the_page_draws_spans_and_times_and_a_dash_for_a_step_that_was_skipped(
    browser: Client, host: Host
) -> None:
    html = browser.get(f"/workflows/{host.workflow_digest}").content.decode()
    rows = html[html.index('id="runs"') :].split("<tr class=")[1:6]
    for row, span, seconds in zip(rows, (3, 4, 5, 0, 6), ("1.00", "2.00", "3.00", "", "4.00"),
                                  strict=True):  # fmt: skip
        shown = f'{seconds} s <code title="{span:016x}">' in row
        assert shown == bool(span), row
    assert "<small>failed</small>" in rows[2]
    assert "skipped" in rows[3]
    assert '<span class="dim">–</span>' in rows[3]
