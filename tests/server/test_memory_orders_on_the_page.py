"""Accepting a wrong key on the page of its log: the form, what became of it, and who may."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client

from mythos.server.catalog.models import Environment
from mythos.server.resilience.log_models import MemoryOrder
from mythos.values.accept_order import OrderAnswer
from mythos.values.memory import Offender
from tests.server.outpost import Outpost
from tests.server.test_witness import ORIGIN
from tests.server.wrong_keys import IS, OTHER, TOLD, WHY, give, tell

pytestmark = pytest.mark.django_db
PAGE = f"/memories/lab-1/log/{ORIGIN}"
FORM = f"/memories/lab-1/accept/{ORIGIN}"


def _fields(page: str, nth: int) -> dict[str, str]:
    """What the form of the wrong key number `nth` holds, as a browser would send it."""
    form = page.split(f'action="{FORM}"')[nth + 1].split("</form>", maxsplit=1)[0]
    return dict(re.findall(r'type="hidden" name="([a-z]+)" value="([^"]*)"', form))


def _shown(browser: Client) -> str:
    response = browser.get(PAGE)
    assert response.status_code == 200
    return unescape(response.content.decode())


@pytest.mark.parametrize("nth", range(3))
def test_an_operator_orders_on_the_page_and_sees_what_became_of_it(
    nth: int, ada: Client, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    page = _shown(ada)
    assert "The log will say that <b>ada</b> took" in page
    response = ada.post(FORM, {**_fields(page, nth), "why": WHY})
    assert (response.status_code, response.headers["Location"]) == (302, f"{PAGE}#keys")
    page = _shown(ada)
    assert "Waits for the host" in page
    assert page.count(f'action="{FORM}"') == 2
    made = MemoryOrder.objects.get()
    assert made.order["key"] == TOLD[nth].key
    why = "it is another content\u202e"
    refused = OrderAnswer(id=made.order_id, outcome="refused", why=why)
    tell(outpost, *TOLD, nth=1, answers=(refused,))
    page = _shown(ada)
    assert "it is another content" in page
    assert "\u202e" not in page
    assert page.count(f'action="{FORM}"') == 3
    accepted = OrderAnswer(id=made.order_id, outcome="accepted", seq=1_234)
    tell(outpost, *TOLD, nth=2, answers=(accepted,))
    assert "entry 1,234 of the log" in _shown(ada)
    tell(outpost, nth=3)
    page = _shown(ada)
    assert "Earlier orders" in page
    assert f"“{WHY}”" in page


def test_a_key_that_no_form_would_carry_as_it_is_is_the_one_that_is_accepted(
    ada: Client, outpost: Outpost
) -> None:
    keys = ["a\r\nb", "a\nb", " a ", "\u202egnp.exe", "<b>&amp;\"'"]
    tell(outpost, *(Offender(key=key, kind="unlogged", found=IS) for key in keys))
    for nth in range(len(keys)):
        assert ada.post(FORM, {**_fields(_shown(ada), 0), "why": f"no. {nth}"}).status_code == 302
    assert {made.key for made in MemoryOrder.objects.all()} == set(keys)
    assert "\u202e" not in ada.get(PAGE).content.decode()


def test_a_name_that_no_log_can_hold_sees_the_page_and_orders_nothing(
    ada: Client, outpost: Outpost
) -> None:
    User.objects.filter(username="ada").update(username="ada: b")
    tell(outpost, *TOLD)
    response = ada.post(FORM, {**_fields(_shown(ada), 0), "why": WHY})
    assert response.status_code == 400
    assert "give a name without" in response.content.decode()
    assert not MemoryOrder.objects.exists()


def test_a_viewer_sees_no_form_and_may_not_post_one(
    browser: Client, client: Client, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    page = _shown(browser)
    assert FORM not in page
    assert "/withdraw" not in page
    assert "Needs an operator; you are a viewer." in page
    where = f"/memories/lab-1/orders/{made.order_id}/withdraw"
    for path in (FORM, where):
        assert browser.post(path, {"why": WHY}).status_code == 403
    client.logout()
    for path in (FORM, where):
        assert client.post(path, {"why": WHY}).headers["Location"].startswith("/login")
        assert client.get(path).status_code == 405
    assert [each.withdrawn_at for each in MemoryOrder.objects.all()] == [None]


def test_a_form_without_its_token_is_refused(ada: Client, outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = ada.cookies
    fields = {**_fields(_shown(ada), 0), "why": WHY}
    token = fields.pop("csrfmiddlewaretoken")
    assert strict.post(FORM, fields).status_code == 403
    assert not MemoryOrder.objects.exists()
    assert strict.post(FORM, {**fields, "csrfmiddlewaretoken": token}).status_code == 302


def test_what_changed_while_the_page_was_open_is_not_accepted(
    ada: Client, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    fields = _fields(_shown(ada), 0)
    tell(outpost, TOLD[0].model_copy(update={"found": OTHER}), nth=1)
    response = ada.post(FORM, {**fields, "why": WHY})
    assert response.status_code == 409
    assert "look at what is there now" in response.content.decode()
    assert ada.post(FORM, {**fields, "seq": "x", "why": WHY}).status_code == 400
    assert ada.post(FORM, {**fields, "key": "", "why": WHY}).status_code == 404


def test_an_order_is_withdrawn_on_the_page(ada: Client, outpost: Outpost) -> None:
    tell(outpost, *TOLD)
    made = give(TOLD[0])
    where = f"/memories/lab-1/orders/{made.order_id}/withdraw"
    assert f'action="{where}"' in _shown(ada)
    assert ada.post(where).headers["Location"] == f"{PAGE}#keys"
    page = _shown(ada)
    assert "Withdrawn" in page
    assert where not in page
    assert ada.post(where, headers={"Accept": "application/json"}).status_code == 409


def test_the_page_says_how_an_order_gets_to_a_host_without_a_network(
    ada: Client, outpost: Outpost
) -> None:
    tell(outpost, *TOLD)
    Environment.objects.update(air_gapped=True)
    export = "mythos witness export --node lab-1 --out lab-1.witness"
    assert export not in _shown(ada)
    give(TOLD[0])
    page = _shown(ada)
    assert export in page
    assert "it travels with the next file that is carried" in page


def test_why_a_key_cannot_be_accepted_from_here_stands_beside_it(
    ada: Client, outpost: Outpost
) -> None:
    tell(outpost, Offender(key="c.md", kind="unlogged"), more={"d.md": "altered"})
    page = _shown(ada)
    assert "Not to be accepted from here: the host did not tell the hash" in page
    assert "Not to be accepted from here: the host has not told of this key yet" in page
    assert FORM not in page
