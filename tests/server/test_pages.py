"""Every page on one real fleet: what it says, that its JSON says the same, what it never does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from mythos.server.catalog.models import Environment, Node
from mythos.server.deployment.models import MythOSDeploymentPacket as Packet
from mythos.server.resilience.models import SymbolicResilienceMonitor
from mythos.server.strategy.commands import refresh as recommend
from tests.server import fleet
from tests.server.fleet import Host
from tests.server.reading import READING

PAGES = ("/system/resilience", "/system/resilience/eu-1", "/deploy/packet", "/deploy/strategy")


Json = Any
Values = Callable[[str], Json]
Pages = Callable[[str], str]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Packet]:
    """A fleet in which every kind of state occurs, made once and rolled back at the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield _fleet(timezone.now())
        transaction.set_rollback(True)


def _fleet(at: datetime) -> Packet:
    """One critical, one healthy, one silent, one blind, one idle host, one behind an air gap."""
    packet, early = fleet.file_example(), at - timedelta(hours=3)
    eu, us = fleet.environment("eu"), fleet.environment("us")
    gap = fleet.environment("enclave", air_gapped=True)
    fleet.environment("staging", labels={"tier": "test"})
    for environment in (eu, us, gap):
        fleet.roll_out(packet, environment, at=early)

    def host(name: str, where: Environment) -> Host:
        return Host(fleet.enrol(name, where, at=early, packet=packet), packet)

    def work(each: Host, *, until: datetime = at, **outcomes: Iterable[int]) -> None:
        rows = fleet.work_day(each, until=until, **outcomes)  # type: ignore[arg-type]
        fleet.report(each, [*rows, fleet.audited(each, at=until)], at=until)

    work(host("eu-1", eu), violated={3, 9})
    work(host("eu-2", eu))
    work(host("us-1", us), until=at - timedelta(minutes=41))
    work(host("us-2", us), undecidable=range(25))
    idle = host("us-3", us)
    fleet.report(idle, fleet.covered(idle, since=early, until=at), at=at)
    work(host("gap-1", gap), until=at - timedelta(hours=1))
    Node.objects.filter(node_id="gap-1").update(last_file_at=at - timedelta(minutes=30))
    recommend(packet, at=at)
    return packet


@pytest.fixture
def html(browser: Client, world: Packet) -> Pages:
    def read(path: str) -> str:
        response = browser.get(path)
        assert response.status_code == 200, response.content
        return response.content.decode()

    return read


@pytest.fixture
def value(browser: Client, world: Packet) -> Values:
    def read(path: str) -> Json:
        return browser.get(path, headers={"accept": "application/json"}).json()

    return read


def test_hosts_are_counted_by_state_worst_first(value: Values) -> None:
    counted = {each["state"]: each["count"] for each in value("/system/resilience")["states"]}
    assert list(counted)[:3] == ["CRITICAL", "DEGRADED", "SILENT"]
    assert {state for state, count in counted.items() if count} >= {
        "CRITICAL", "SILENT", "BLIND", "IDLE", "HEALTHY",
    }  # fmt: skip


def test_a_host_that_fell_silent_is_silent_although_its_last_reading_was_healthy(
    value: Values,
) -> None:
    assert SymbolicResilienceMonitor.objects.filter(node_id="us-1").latest("id").state == "HEALTHY"
    hosts = {each["node_id"]: each for each in value("/system/resilience")["hosts"]["rows"]}
    assert hosts["us-1"]["state"] == "SILENT"
    assert hosts["us-1"]["beats"][-1]["kind"] == "silent"


@pytest.mark.parametrize("host", ["us-1", "us-2", "us-3"])
def test_what_is_not_known_to_be_healthy_is_never_green(host: str, html: Pages) -> None:
    row = re.search(
        rf'<tr[^>]*><th scope="row"><a [^>]*>{host}</a>.*?</tr>', html("/system/resilience")
    )
    assert row is not None
    assert '<span class="st ok">' not in row.group()


def test_the_matrix_shows_each_environments_worst_host(value: Values) -> None:
    matrix = value("/system/resilience")["matrix"]
    assert matrix["columns"][0]["name"] == "eu"
    refunds = next(row for row in matrix["rows"] if row["agent"] == "refunds")
    eu = refunds["cells"][0]
    assert (eu["state"], eu["host"], eu["hosts_in_state"], eu["hosts"]) == (
        "CRITICAL",
        "eu-1",
        1,
        2,
    )
    assert eu["runs"] == 120
    assert matrix["unassigned"] == ["staging"]


def test_the_drawer_leads_from_the_score_to_the_rule(value: Values) -> None:
    why = value("/system/resilience")["why"]
    assert (why["host"], why["flag"]["code"]) == ("eu-1", "POLICY_VIOLATION")
    assert (why["call"]["tool"], why["call"]["outcome"]) == ("issue_refund", "violated")
    assert why["rule"]["rule"] == "explicit-yes"
    assert [line["text"].split()[0] for line in why["rule"]["lines"] if line["hit"]] == [
        "forbid",
        "unless",
    ]
    assert why["missing"] == ["confirmed"]
    assert [step["hit"] for step in why["steps"]] == [False, False, False, False, True]
    assert sum(loss for _, loss in why["cost"]["parts"]) == pytest.approx(100)


def test_a_flag_can_be_asked_for_by_its_fingerprint(value: Values) -> None:
    fingerprint = value("/system/resilience")["why"]["flag"]["fingerprint"]
    assert value(f"/system/resilience?flag={fingerprint}&state=healthy")["why"]["host"] == "eu-1"


@pytest.mark.parametrize(
    ("query", "hosts"),
    [
        ("state=critical", {"eu-1"}),
        ("env=us", {"us-1", "us-2", "us-3"}),
        ("env=us&state=silent", {"us-1"}),
        ("q=env:eu", {"eu-1", "eu-2"}),
        ("q=GAP", {"gap-1"}),
        ("agent=nobody", set()),
    ],
)
def test_filters_stand_in_the_address(query: str, hosts: set[str], value: Values) -> None:
    page = value(f"/system/resilience?{query}")
    assert {each["node_id"] for each in page["hosts"]["rows"]} == hosts
    assert page["n_hosts"] == 6


@pytest.mark.parametrize("query", ["state=purple", "range=2h", "page=0", "page=x", "page=9999999"])
def test_a_choice_that_does_not_exist_is_refused_with_those_that_do(
    query: str, browser: Client
) -> None:
    response = browser.get(f"/system/resilience?{query}", headers={"accept": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["remedy"]


def test_a_page_that_cannot_be_shown_says_what_to_do(browser: Client) -> None:
    response = browser.get("/system/resilience/nobody")
    assert response.status_code == 404
    assert "retired hosts leave it" in response.content.decode()


def test_a_program_gets_the_problem_as_json_too(browser: Client) -> None:
    response = browser.get("/system/resilience/nobody?format=json")
    assert response.json()["error"]["type"] == "NotFoundError"


def test_a_host_behind_an_air_gap_says_when_its_file_came(html: Pages) -> None:
    assert re.search(r"by file<br><small>imported 30 min ago", html("/system/resilience"))


def test_every_number_of_a_host_has_its_bounds(value: Values) -> None:
    page = value("/system/resilience/eu-1")
    parts = {part["field"]: part for part in page["parts"]}
    compliance = parts["codex_uptime_index"]
    assert compliance["low"] < compliance["mid"] < compliance["high"]
    assert compliance["counts"] == "60 active cells, 58 good, 2 bad"
    assert sum(part["loss"] for part in page["parts"]) == pytest.approx(100)


def test_a_host_page_leads_each_flag_to_its_spans(html: Pages) -> None:
    page = html("/system/resilience/eu-1")
    assert "POLICY_VIOLATION" in page
    assert re.search(r'title="span [0-9a-f]{32}/[0-9a-f]{16} sha256:', page)
    assert "Open the cited calls" in page


def test_a_host_page_shows_runs_against_their_workflow(value: Values) -> None:
    (flow,) = value("/system/resilience/eu-1")["workflows"]
    assert (flow["workflow"], flow["agent"]) == ("return-order v1", "refunds")
    assert (flow["runs"], flow["fitting"]) == (60, 58)
    assert flow["deviations"] == [{"kind": "skip", "label": "confirm", "runs": 2}]
    assert ["skip", "confirm"] in flow["aligned"][0]["moves"]


def test_a_host_page_sets_desired_beside_running(value: Values) -> None:
    found = value("/system/resilience/eu-1")["in_force"]
    assert found["same"]
    assert found["desired"] == found["running"]


def test_a_bundle_shows_what_it_holds_and_where_it_runs(value: Values) -> None:
    bundle = value("/deploy/packet")["bundle"]
    assert (bundle["deployment_name"], bundle["version"]) == ("retail-care", 1)
    assert [len(group["constructs"]) for group in bundle["groups"]] == [3, 2, 2, 1, 4, 0]
    states = {each["uri"]: each["state"] for each in bundle["destinations"]}
    assert states["env:eu"] == "running"
    assert states["env:us"] == "old_proof"
    assert states["env:staging"] == "not_eligible"
    assert states["env:cloud-eu"] == "no_environment"


def test_a_construct_opens_its_document(browser: Client, html: Pages, world: Packet) -> None:
    digest = world.bundled_codices.get(title="care-rules").digest
    page = html(f"/deploy/packet?show={digest}")
    assert "@id(&quot;explicit-yes&quot;)" in page
    assert browser.get(f"/deploy/packet?show=sha256:{64 * '0'}").status_code == 404


def test_a_bundle_is_found_by_the_start_of_its_digest(
    browser: Client, html: Pages, world: Packet
) -> None:
    assert "retail-care v1" in html(f"/deploy/packet?bundle={world.digest[7:15]}")
    assert browser.get("/deploy/packet?bundle=ffffffffffff").status_code == 404


def test_the_strategy_ranks_environments_and_says_why(value: Values) -> None:
    page = value("/deploy/strategy")
    scores = [each["symbolic_alignment_score"] for each in page["environments"]]
    assert scores == sorted(scores, reverse=True)
    assert page["environments"][-1]["target_environment"] == "staging"
    assert page["environments"][-1]["verdict"] == "forbidden"
    assert all(each["reasons"] for each in page["environments"])


def test_a_cell_of_the_strategy_opens_its_belief(html: Pages) -> None:
    page = html("/deploy/strategy?agent=refunds&env=eu")
    assert "Belief: refunds in eu" in page
    assert page.count('<path class="mid"') >= 3


def test_the_page_says_the_same_as_its_json(html: Pages, value: Values) -> None:
    page, data = html("/system/resilience/eu-2"), value("/system/resilience/eu-2")
    assert f'<p class="big">{int(data["now"]["mid"] * 1000) / 1000:.3f}</p>' in page
    for part in data["parts"]:
        assert part["counts"] in page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_keeps_the_content_policy(path: str, html: Pages) -> None:
    page = html(path)
    assert not re.search(r"\sstyle\s*=", page)
    assert not re.search(r"\son[a-z]+\s*=", page)
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert not re.search(r"<style|data:|https?://", page.replace("http://www.w3.org", ""))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_weighs_less_than_100_kb(path: str, html: Pages) -> None:
    assert len(html(path).encode()) < 100_000


@pytest.mark.parametrize("path", PAGES)
def test_both_ways_to_ask_for_json_give_the_same_shape(
    path: str, browser: Client, world: Packet
) -> None:
    by_header = browser.get(path, headers={"accept": "application/json"})
    by_query = browser.get(path, {"format": "json"})
    assert by_header.headers["Content-Type"] == "application/json"
    assert by_header.json().keys() == by_query.json().keys()


@pytest.mark.parametrize("path", PAGES)
def test_reading_a_page_writes_nothing(path: str, browser: Client, world: Packet) -> None:
    with CaptureQueriesContext(connection) as queries:
        browser.get(path)
    assert not [each["sql"] for each in queries if not each["sql"].lstrip("( ").startswith(READING)]


@pytest.mark.parametrize("path", PAGES)
def test_a_live_refresh_gets_the_main_part_alone(path: str, browser: Client, world: Packet) -> None:
    page = browser.get(path, headers={"hx-request": "true"}).content.decode()
    assert page.lstrip().startswith('<main class="page" id="main" hx-get=')
    assert 'hx-swap-oob="true"' in page
    assert "<html" not in page


@pytest.mark.parametrize("path", PAGES)
def test_a_paused_page_does_not_refresh(path: str, html: Pages) -> None:
    page = html(f"{path}?paused=1")
    assert "hx-get" not in page
    assert "Paused at" in page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_ends_with_its_command_line(path: str, html: Pages) -> None:
    assert re.search(r'<span class="cli">\$ (mythos|curl) ', html(path))
