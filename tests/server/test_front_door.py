from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from mythos import __version__
from mythos.cli.demo.story import invite
from mythos.errors import IdentityError
from mythos.server.web.commands import LINK_LIFE, make_login_link, use_login_link
from mythos.server.web.models import LoginLink

PAGES = (
    "/system/resilience",
    "/system/resilience/host-1",
    "/memories",
    "/memories/host-1/log/mythos/host-1/clerk",
    "/memories/host-1/checkpoint/mythos/host-1/clerk",
    "/memories/host-1/proof/0/mythos/host-1/clerk",
    "/memories/host-1/contradictions/mythos/host-1/clerk",
    "/deploy/packet",
    "/deploy/strategy",
)


@pytest.mark.django_db
def test_home_leads_to_the_health_of_the_fleet(client: Client) -> None:
    response = client.get("/")
    assert (response.status_code, response.headers["Location"]) == (302, "/system/resilience")


@pytest.mark.parametrize("page", PAGES)
def test_a_browser_that_is_not_signed_in_is_sent_to_the_door(page: str, client: Client) -> None:
    response = client.get(page)
    assert response.status_code == 302
    assert response.headers["Location"] == f"/login?next={page}"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("query", ["", "?format=json"])
def test_a_program_that_is_not_signed_in_is_told_so(page: str, query: str, client: Client) -> None:
    accept = "text/html" if query else "application/json"
    response = client.get(page + query, headers={"accept": accept})
    assert response.status_code == 401
    assert response.json()["error"]["remedy"] == "sign in at /login and send its session cookie"


def test_a_live_page_whose_session_ended_goes_to_the_door(client: Client) -> None:
    response = client.get("/system/resilience", headers={"hx-request": "true"})
    assert response.headers["HX-Redirect"] == "/login"


def test_name_and_password_open_the_door(client: Client, operator: User) -> None:
    form = {"username": "operator", "password": "open-sesame-42", "next": "/deploy/packet"}
    response = client.post("/login", form)
    assert (response.status_code, response.headers["Location"]) == (302, "/deploy/packet")


def test_a_wrong_password_says_so_and_nothing_more(client: Client, operator: User) -> None:
    response = client.post("/login", {"username": "operator", "password": "guess"})
    assert "do not match an active user" in response.content.decode()


def test_signing_out_needs_a_post(browser: Client) -> None:
    assert browser.get("/logout").status_code == 405
    assert browser.post("/logout").headers["Location"] == "/login"
    assert browser.get("/deploy/packet").status_code == 302


def test_looking_at_a_one_time_link_does_not_use_it_up(client: Client, operator: User) -> None:
    code = make_login_link(operator, at=timezone.now())
    for _ in range(2):
        assert code in client.get("/login/once", {"code": code}).content.decode()
    assert LoginLink.objects.get().used_at is None


def test_a_one_time_link_opens_the_door_once(client: Client, operator: User) -> None:
    code = make_login_link(operator, at=timezone.now())
    assert client.post("/login/once", {"code": code}).headers["Location"] == "/system/resilience"
    assert client.get("/deploy/packet").status_code == 200
    for again in (
        Client().post("/login/once", {"code": code}),
        Client().get("/login/once", {"code": code}),
    ):
        assert again.status_code == 403
        assert "unknown, used or expired" in again.content.decode()


def test_an_expired_link_says_what_to_do_before_any_button_is_pressed(
    client: Client, operator: User
) -> None:
    code = make_login_link(operator, at=timezone.now() - timedelta(minutes=16))
    page = client.get("/login/once", {"code": code})
    assert page.status_code == 403
    text = page.content.decode()
    assert "take a new link where this one came from" in text
    assert "<button" not in text


def test_a_link_that_is_opened_says_until_when_it_works(client: Client, operator: User) -> None:
    code = make_login_link(operator, at=timezone.now())
    until = LoginLink.objects.get().expires_at
    text = client.get("/login/once", {"code": code}).content.decode()
    assert f"works once, until {until:%H:%M} UTC" in text


@pytest.mark.django_db
def test_the_demo_says_how_long_its_link_works(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    invite("http://demo")
    told = capsys.readouterr().err
    code = told.split("code=")[1].split()[0]
    assert client.get("/login/once", {"code": code}).status_code == 200
    assert f"works once, for {LINK_LIFE // timedelta(minutes=1)} minutes" in told


def test_a_one_time_link_expires(operator: User) -> None:
    code = make_login_link(operator, at=timezone.now())
    with pytest.raises(IdentityError, match="expired"):
        use_login_link(code, at=timezone.now() + timedelta(minutes=16))


def test_a_link_of_a_user_who_may_no_longer_enter_is_dead(operator: User) -> None:
    code = make_login_link(operator, at=timezone.now())
    User.objects.update(is_active=False)
    with pytest.raises(IdentityError):
        use_login_link(code, at=timezone.now())


def test_a_code_is_kept_only_as_its_hash(operator: User) -> None:
    code = make_login_link(operator, at=timezone.now())
    assert code not in LoginLink.objects.get().code_hash


@pytest.mark.django_db
def test_health_needs_no_user(client: Client) -> None:
    assert client.get("/healthz").json() == {
        "status": "ok",
        "version": __version__,
        "database": "ok",
    }


def test_an_address_that_nothing_answers_says_so(browser: Client) -> None:
    response = browser.get("/system/nothing")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()
