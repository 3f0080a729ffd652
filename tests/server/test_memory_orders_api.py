"""Orders to accept keys by `/api/v1/memories/{node_id}/orders`: the same as on the page."""

from __future__ import annotations

import pytest
from django.test import Client

from mythos.server.memories.order_listing import OrderDocument, OrderPage
from mythos.server.resilience.log_models import MemoryOrder
from mythos.values.accept_order import OrderAnswer
from mythos.values.digest import JsonValue
from mythos.values.memory import Offender
from mythos.values.problem import Problem
from tests.server.outpost import AT, Outpost, minutes
from tests.server.test_witness import ORIGIN
from tests.server.wrong_keys import TOLD, WHY, give, tell

pytestmark = pytest.mark.django_db
ORDERS = "/api/v1/memories/lab-1/orders"


def _asked(name: str, script: Client, /, **changes: JsonValue) -> dict[str, JsonValue]:
    """What a program asks after it has read the log."""
    whole = script.get("/api/v1/memories/lab-1/log", {"log": ORIGIN}).json()
    (found,) = (each for each in whole["keys"] if each["name"] == name)
    saw = found["accepting"]
    assert saw["barred"] == ""
    asked = {"log": ORIGIN, "key": name, "seq": saw["seq"], "found": saw["found"], "why": WHY}
    return {**asked, **changes}


@pytest.mark.parametrize("offender", TOLD, ids=lambda each: each.kind)
def test_a_program_orders_what_it_read_and_reads_what_became_of_it(
    offender: Offender, ada: Client, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    asked = _asked(offender.key, ada)
    response = ada.post(ORDERS, asked, content_type="application/json")
    assert response.status_code == 201
    made = OrderDocument.model_validate_json(response.content)
    assert (made.key, made.by, made.why, made.state) == (offender.key, "ada", WHY, "waiting")
    assert ada.get(f"{ORDERS}?log=none").json() == {"items": [], "next": None}
    answer = OrderAnswer(id=made.id, outcome="accepted", seq=12)
    tell(outpost, *TOLD, nth=1, answers=(answer,))
    (told,) = OrderPage.model_validate_json(ada.get(ORDERS).content).items
    assert (told.state, told.entry, told.answered_at) == ("accepted", 12, AT + minutes(1))
    assert told == made.model_copy(
        update={
            "state": "accepted", "entry": 12, "answered_at": AT + minutes(1), "in_log": "unseen",
        }
    )  # fmt: skip


def test_an_order_is_withdrawn_once(ada: Client, outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    response = ada.delete(f"{ORDERS}/{made.order_id}")
    assert (response.status_code, response.json()["state"]) == (200, "withdrawn")
    for path, status in ((made.order_id, 409), ("0" * 32, 404), ("odd", 422)):
        refused = ada.delete(f"{ORDERS}/{path}")
        assert refused.status_code == status
        assert Problem.model_validate_json(refused.content).error.remedy


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"key": "d.md"}, 404),
        ({"log": "mythos/lab-1/other"}, 404),
        ({"found": None}, 409),
        ({"seq": 99}, 409),
        ({"why": " "}, 400),
        ({"why": "x" * 201}, 400),
        ({"why": ""}, 422),
        ({"found": "rubbish"}, 422),
        ({"seq": -1}, 422),
        ({"seq": "3"}, 422),
        ({"seq": 3.0}, 422),
        ({"seq": True}, 422),
        ({"more": 1}, 422),
        ({"key": "a\x00"}, 404),
    ],
)
def test_what_is_asked_wrongly_is_refused_with_a_remedy(
    changes: dict[str, JsonValue], status: int, ada: Client, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    asked = _asked("a.md", ada, **changes)
    response = ada.post(ORDERS, asked, content_type="application/json")
    assert response.status_code == status, response.content
    assert Problem.model_validate_json(response.content).error.remedy
    assert not MemoryOrder.objects.exists()


def test_a_body_that_is_no_json_is_refused_in_the_one_shape(ada: Client, outpost: Outpost) -> None:
    response = ada.post(ORDERS, "{", content_type="application/json")
    assert response.status_code == 400
    assert Problem.model_validate_json(response.content).error.where == "body"


def test_a_host_that_is_not_known_has_no_orders(ada: Client, outpost: Outpost) -> None:
    assert ada.get("/api/v1/memories/lab-9/orders").status_code == 404


def test_orders_are_listed_the_newest_first_a_page_at_a_time(ada: Client, outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    given = [give(each).order_id for each in TOLD]
    first = OrderPage.model_validate_json(ada.get(f"{ORDERS}?limit=2").content)
    second = OrderPage.model_validate_json(ada.get(f"{ORDERS}?limit=2&page=2").content)
    assert [each.id for each in (*first.items, *second.items)] == given[::-1]
    assert (first.next, second.next) == (2, None)


def test_a_viewer_reads_and_changes_nothing(browser: Client, outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    asked = _asked("b.md", browser)
    for response in (
        browser.post(ORDERS, asked, content_type="application/json"),
        browser.delete(f"{ORDERS}/{made.order_id}"),
    ):
        assert response.status_code == 403
        assert "you are a viewer" in Problem.model_validate_json(response.content).error.message
    assert len(browser.get(ORDERS).json()["items"]) == 1
    made.refresh_from_db()
    assert made.withdrawn_at is None


def test_a_change_carries_the_token_of_its_session(ada: Client, outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    asked = _asked("a.md", ada)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = ada.cookies
    refused = strict.post(ORDERS, asked, content_type="application/json")
    assert refused.status_code == 403
    assert "X-CSRFToken" in Problem.model_validate_json(refused.content).error.remedy
    strict.get("/memories")
    token = strict.cookies["csrftoken"].value
    made = strict.post(
        ORDERS, asked, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert made.status_code == 201


def test_a_stranger_is_told_401(client: Client, outpost: Outpost) -> None:
    for response in (
        client.get(ORDERS),
        client.post(ORDERS, {}, content_type="application/json"),
        client.delete(f"{ORDERS}/{'0' * 32}"),
    ):
        assert response.status_code == 401
