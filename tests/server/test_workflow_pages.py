"""The workflow pages on one real fleet: what they say, that JSON says it too, what they keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from mythos.server.catalog.models import EncodedRitualBlueprint
from mythos.server.resilience.baselines import BaselineOrder, accept
from tests.server import fleet
from tests.server.fleet import Host
from tests.server.reading import READING

Json = Any
Values = Callable[[str], Json]
Pages = Callable[[str], str]
WHY = "reviewed with the refunds team"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Two hosts of one environment; runs of one of them began to skip the customer's yes."""
    with django_db_blocker.unblock(), transaction.atomic():
        cache.clear()
        _fleet(timezone.now().replace(microsecond=0))
        yield
        transaction.set_rollback(True)
    cache.clear()


def _fleet(at: datetime) -> None:
    packet, eu = fleet.file_example(), fleet.environment("eu")
    fleet.roll_out(packet, eu, at=at - 9 * DAY)
    for name, skipping in (("eu-1", 15), ("eu-2", 0)):
        host = Host(fleet.enrol(name, eu, at=at - 9 * DAY, packet=packet), packet)
        fleet.report(host, fleet.work_day(host, until=at - 2 * DAY, runs=30), at=at)
        order = BaselineOrder(name, host.workflow_digest, "host", at - 3 * DAY, at - 2 * DAY, WHY)
        accept(order, by="ada", at=at)
        fleet.report(host, fleet.work_day(host, until=at, runs=30, violated=range(skipping)), at=at)


@pytest.fixture
def html(browser: Client, world: None) -> Pages:
    def read(path: str) -> str:
        response = browser.get(path)
        assert response.status_code == 200, response.content
        return response.content.decode()

    return read


@pytest.fixture
def value(browser: Client, world: None) -> Values:
    def read(path: str) -> Json:
        return browser.get(path, headers={"accept": "application/json"}).json()

    return read


def _path(name: str = "return-order") -> str:
    return f"/workflows/{EncodedRitualBlueprint.objects.get(name=name).digest}"


def test_the_list_tells_how_runs_follow_each_workflow_least_consistent_first(
    value: Values,
) -> None:
    first, other = value("/workflows")["rows"]
    assert (first["name"], first["version"], first["hosts"]) == ("return-order", 1, 2)
    match = first["match"]
    assert (match["runs"], match["finished"], match["fitting"]) == (60, 60, 45)
    assert match["consistency"] == pytest.approx(1 - 15 * 5 / (60 * 14))
    assert match["low"] < match["consistency"] < match["high"]
    assert match["fitting_share"] == 0.75
    assert first["drift"] == {"baselines": 2, "compared": 2, "moved": 1}
    assert (other["name"], other["match"]["consistency"]) == ("cancel-order", None)
    (place,) = first["in_force"]
    assert (place["environment"], place["hosts"], place["hosts_total"]) == ("eu", 2, 2)


def test_a_wider_window_counts_what_lies_further_back(value: Values) -> None:
    assert value("/workflows?range=7d")["rows"][0]["match"]["runs"] == 120


def test_the_drawing_tells_every_step_and_how_often_it_was_skipped(html: Pages) -> None:
    page = html(_path())
    assert page.count('class="wf-act"') == 6
    assert "skipped in 15 of 60, 25.0 %" in page
    assert "never skipped in 60" in page
    assert "may be left out" in page


def test_steps_are_counted_by_label_over_all_their_places(value: Values) -> None:
    steps = {step["label"]: step for step in value(_path())["steps"]}
    confirm = steps["confirm"]
    assert (confirm["places"], confirm["skipped"], confirm["extra"]) == (2, 15, 0)
    assert (confirm["skip_weight"], confirm["extra_weight"]) == (5, 1)


def test_hosts_stand_least_consistent_first_and_lead_to_their_drift(
    value: Values, html: Pages
) -> None:
    page = value(_path())
    assert [each["host"] for each in page["hosts"]] == ["eu-1", "eu-2"]
    moved, calm = page["drifts"]
    assert (moved["host"], moved["moved"], calm["moved"]) == ("eu-1", True, False)
    assert (moved["baseline"]["by"], moved["baseline"]["why"]) == ("ada", WHY)
    assert 'href="/system/resilience/eu-1#drift"' in html(_path())


def test_the_worst_runs_are_told_move_by_move(value: Values, html: Pages) -> None:
    runs = value(_path())["runs"]
    assert len(runs) == 8
    assert {run["cost"] for run in runs} == {5}
    moves = [(move["kind"], move["label"], move["cost"]) for move in runs[0]["moves"]]
    assert ("skip", "confirm", 5) in moves
    assert ("match", "return", 0) in moves
    assert "The workflow wants" in html(_path())


def test_a_window_without_runs_offers_the_widest(html: Pages) -> None:
    page = html(_path("cancel-order"))
    assert "no finished run yet" in page
    assert "Look at 28 d" in page
    assert "No baseline of this version stands" in page


def test_the_start_of_a_digest_is_enough(value: Values) -> None:
    digest = EncodedRitualBlueprint.objects.get(name="return-order").digest
    assert value(f"/workflows/{digest[7:19]}")["digest"] == digest


@pytest.mark.parametrize("digest", ["sha256:" + 64 * "0", "sha256:", "nothing", "%00", "<b>"])
def test_an_unknown_digest_is_not_found(digest: str, browser: Client, world: None) -> None:
    response = browser.get(f"/workflows/{digest}")
    assert response.status_code == 404
    assert "/workflows" in response.content.decode()


@pytest.mark.parametrize("query", ["range=year", "sort=best", "page=0"])
def test_a_choice_that_does_not_exist_is_refused(query: str, browser: Client, world: None) -> None:
    assert browser.get(f"/workflows?{query}").status_code == 400


def test_pages_hold_to_the_content_security_policy(html: Pages) -> None:
    for path in ("/workflows", _path()):
        page = html(path)
        assert not re.search(r"\sstyle\s*=", page)
        assert not re.search(r"\son[a-z]+\s*=", page)
        assert not re.search(r"<script(?![^>]*\ssrc=)", page)


def test_reading_a_page_writes_nothing(browser: Client, world: None) -> None:
    for path in ("/workflows", _path(), "/api/v1/workflows", f"/api/v1{_path()}"):
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(path).status_code == 200
        asked = [each["sql"].lstrip("( ") for each in queries]
        assert [sql for sql in asked if not sql.startswith(READING)] == []
        assert len(asked) <= 25


def test_a_stranger_is_sent_to_the_door_and_a_program_is_told(client: Client, db: None) -> None:
    assert client.get("/workflows").headers["Location"] == "/login?next=/workflows"
    assert client.get("/workflows", headers={"accept": "application/json"}).status_code == 401


def test_a_host_leads_to_the_workflow_and_every_page_to_the_list(html: Pages) -> None:
    page = html("/system/resilience/eu-1")
    assert f'href="{_path()}?range=28d"' in page
    assert 'href="/workflows"' in page


def test_the_api_tells_the_same_counts_as_the_page(browser: Client, world: None) -> None:
    items = browser.get("/api/v1/workflows?limit=1").json()
    assert (len(items["items"]), items["next"]) == (1, 2)
    one = browser.get(f"/api/v1{_path()}").json()
    page = browser.get(f"{_path()}?format=json").json()
    assert one["match"]["consistency"] == page["match"]["consistency"]
    assert one["drift"] == page["drift"]
    assert [each["host"] for each in one["by_host"]] == ["eu-1", "eu-2"]
    assert one["document"]["name"] == "return-order"
    assert {step["label"]: step["skipped"] for step in one["by_step"]}["confirm"] == 15
