"""The policy pages on one real fleet: what they say, that JSON says it too, what they never do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from mythos.adapters.baseline import baseline_digest, baseline_policy_set
from mythos.adapters.bundle_source import read_source
from mythos.engines.bundle.plan import assemble
from mythos.server.catalog.models import Node, SwarmCodex
from mythos.server.resilience.models import EvidenceRow
from tests.server import fleet
from tests.server.fleet import Host
from tests.server.reading import READING

Json = Any
Values = Callable[[str], Json]
Pages = Callable[[str], str]


@pytest.fixture(scope="module")
def world(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """Two environments under version 1, one of which was told to run version 2 since."""
    with django_db_blocker.unblock(), transaction.atomic():
        _fleet(timezone.now(), tmp_path_factory.mktemp("tree") / "tree")
        yield
        transaction.set_rollback(True)


def _fleet(at: datetime, tree: Path) -> None:
    packet, early = fleet.file_example(), at - timedelta(hours=3)
    eu, us = fleet.environment("eu"), fleet.environment("us")
    for where in (eu, us):
        fleet.roll_out(packet, where, at=early)
    for name, where, violated in (("eu-1", eu, {2, 5}), ("eu-2", eu, set()), ("us-1", us, {1})):
        host = Host(fleet.enrol(name, where, at=early, packet=packet), packet)
        fleet.report(host, fleet.work_day(host, until=at, runs=20, violated=violated), at=at)
    shadowing = Node.objects.get(node_id="eu-1")
    shadowing.in_force = {**shadowing.in_force, "shadow_sets": [baseline_digest()]}
    shadowing.save()
    shutil.copytree(fleet.EXAMPLE, tree)
    _replace(tree / "bundle.yaml", "version: 1", "version: 2")
    rules = tree / "policies" / "care-rules.yaml"
    _replace(rules, "version: 1", "version: 2")
    _replace(rules, "unless { context.past.confirmed }", "unless { context.past.identified }")
    fleet.roll_out(fleet.file_bundle(assemble(read_source(tree))), us, at=at)


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


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


def _path(version: int = 1, title: str = "care-rules") -> str:
    return f"/policies/{SwarmCodex.objects.get(title=title, version=version).digest}"


def test_the_list_counts_calls_by_outcome_worst_first(value: Values) -> None:
    rows = value("/policies")["rows"]
    assert (rows[0]["name"], rows[0]["version"]) == ("care-rules", 1)
    assert rows[0]["counts"] == {"violated": 3, "blocked": 0, "undecidable": 0, "upheld": 57}
    assert rows[0]["runs"] == 60
    assert (rows[0]["rules"], rows[0]["facts"]) == (4, 2)


def test_the_list_can_be_read_newest_first(value: Values) -> None:
    rows = value("/policies?sort=newest")["rows"]
    assert [row["version"] for row in rows[:2]] == [2, 1]
    assert rows[-1]["name"] == "mythos-baseline"


def test_the_list_says_where_a_set_judges_in_which_mode_and_on_how_many_hosts(
    value: Values,
) -> None:
    rows = {(row["name"], row["version"]): row["in_force"] for row in value("/policies")["rows"]}
    eu, us = rows["care-rules", 1]
    assert (eu["environment"], eu["mode"], eu["hosts"], eu["hosts_total"]) == (
        "eu",
        "enforce",
        2,
        2,
    )
    assert eu["bundle"] == "retail-care v1"
    assert us["bundle"] == "", "us was told to run another bundle"
    (told,) = rows["care-rules", 2]
    assert (told["environment"], told["hosts"], told["bundle"]) == ("us", 0, "retail-care v2")
    (shadow,) = rows["mythos-baseline", baseline_policy_set().version]
    assert (shadow["environment"], shadow["mode"], shadow["hosts"]) == ("eu", "shadow", 1)


def test_a_window_leaves_out_what_lies_before_it(value: Values) -> None:
    old = EvidenceRow.objects.filter(kind="policy", node_id="us-1")
    cells = {row.pk: row.cell for row in old}
    for row in old:
        EvidenceRow.objects.filter(pk=row.pk).update(cell=row.cell - 2 * 86_400)
    try:
        assert value("/policies")["rows"][0]["counts"]["violated"] == 2
        assert value("/policies?range=7d")["rows"][0]["counts"]["violated"] == 3
    finally:
        for pk, cell in cells.items():
            EvidenceRow.objects.filter(pk=pk).update(cell=cell)


def test_a_rule_shows_its_source_its_line_and_where_it_was_broken(value: Values) -> None:
    rules = value(_path())["rules"]
    broken = next(rule for rule in rules["rows"] if rule["id"] == "explicit-yes")
    assert [line["number"] for line in broken["lines"]] == [15, 16, 17, 18, 19]
    assert broken["lines"][3]["text"].startswith("forbid (principal, action in [")
    assert (broken["severity"], broken["counts"]["violated"]) == ("critical", 3)
    assert [(p["environment"], p["counts"]["violated"], p["hosts"]) for p in broken["places"]] == [
        ("eu", 2, ["eu-1"]),
        ("us", 1, ["us-1"]),
    ]
    assert [rule["id"] for rule in rules["loud"]] == ["explicit-yes"]


def test_rules_are_shown_verbatim(html: Pages) -> None:
    document = SwarmCodex.objects.get(title="care-rules", version=1).document
    shown = re.findall(r"<span><i>\d+</i>(.*?)</span>", html(_path()))
    plain = [unescape(re.sub(r"</?(?:b|var|em)>", "", line)) for line in shown]
    assert plain == [line for line in document["rules"].splitlines() if line]


def test_a_fact_is_a_sentence_that_says_what_it_holds_after(html: Pages) -> None:
    page = html(_path())
    assert (
        "Holds when a yes of the user came after the last cancel_order, return_order or "
        "issue_refund, in this run." in page
    )
    assert "read by confirmed-write, explicit-yes" in page


def test_denied_calls_lead_to_their_host_and_flag(value: Values, html: Pages) -> None:
    calls = value(_path())["calls"]
    assert [call["host"] for call in calls] == ["us-1", "eu-1", "eu-1"]
    assert calls[0]["arguments"][:2] == [["order_id", '"W-1042"'], ["amount_cents", "4950"]]
    drawer = value(f"/system/resilience?host=us-1&flag={calls[0]['flag']}")["why"]
    assert drawer["flag"]["fingerprint"] == calls[0]["flag"]
    assert f"flag={calls[0]['flag']}" in html(_path())


def test_two_versions_differ_by_named_rules_and_by_lines(value: Values, html: Pages) -> None:
    old = _path(1).removeprefix("/policies/")
    found = value(f"{_path(2)}?against={old}")["comparison"]
    assert (found["version"], found["newer"]) == (1, True)
    assert found["rules"] == [{"rule": "explicit-yes", "change": "changed", "effect": "forbid"}]
    assert [line["text"] for line in found["lines"] if line["mark"] in "+-"] == [
        "unless { context.past.confirmed };",
        "unless { context.past.identified };",
    ]
    page = html(f"{_path(2)}?against={old[7:19]}")
    assert "changed forbid explicit-yes" in page
    assert '<span class="add">' in page


def test_a_version_is_not_compared_with_another_set(browser: Client, world: None) -> None:
    other = _path(1, "refund-rules").removeprefix("/policies/")
    response = browser.get(f"{_path()}?against={other}&format=json")
    assert response.status_code == 404
    assert "versions listed" in response.json()["error"]["remedy"]


def test_a_set_is_found_by_the_start_of_its_digest(html: Pages) -> None:
    assert "care-rules v1" in html(_path().replace("sha256:", "")[:22])


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "nothing", "abc", "%00", "sha256:"])
def test_an_unknown_set_is_a_problem_with_a_remedy(
    digest: str, browser: Client, world: None
) -> None:
    response = browser.get(f"/policies/{digest}", headers={"accept": "application/json"})
    assert response.status_code == 404
    assert response.json()["error"]["remedy"] == "choose one of the list on /policies"


@pytest.mark.parametrize("query", ["range=2h", "sort=best", "page=0", "against=x!", "page=x"])
def test_a_choice_that_does_not_exist_is_refused(query: str, browser: Client, world: None) -> None:
    response = browser.get(f"{_path()}?{query}", headers={"accept": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["remedy"]


def test_a_rule_that_the_set_does_not_have_is_not_found(browser: Client, world: None) -> None:
    asked = f"{_path()}?rule=nope"
    answered = browser.get(asked, headers={"accept": "application/json"})
    assert answered.status_code == 404
    assert "no rule 'nope'" in answered.json()["error"]["message"]
    assert (
        "That did not work" in browser.get(asked, headers={"accept": "text/html"}).content.decode()
    )
    assert browser.get(f"{_path()}?rule=default").status_code == 200


def test_the_page_says_the_same_as_its_json(html: Pages, value: Values) -> None:
    page, data = html(_path()), value(_path())
    for rule in data["rules"]["rows"]:
        assert f'id="rule-{rule["id"]}"' in page
        assert rule["explanation"].replace("'", "&#x27;") in page
    for fact in data["facts"]:
        assert fact["sentence"] in page
    assert f"<b>{data['counts']['violated']}</b>" in page


def _paths() -> list[str]:
    return ["/policies", _path(), f"{_path(2)}?against={_path().removeprefix('/policies/')}"]


def test_a_page_keeps_the_content_policy(html: Pages) -> None:
    for page in map(html, _paths()):
        assert not re.search(r"\sstyle\s*=", page)
        assert not re.search(r"\son[a-z]+\s*=", page)
        assert not re.search(r"<script(?![^>]*\ssrc=)", page)
        assert not re.search(r"<style|data:|https?://", page.replace("http://www.w3.org", ""))


def test_reading_a_page_writes_nothing(browser: Client, world: None) -> None:
    for path in _paths():
        with CaptureQueriesContext(connection) as queries:
            browser.get(path)
        asked = [each["sql"].lstrip("( ") for each in queries]
        assert [sql for sql in asked if not sql.startswith(READING)] == []
        assert len(asked) <= 35


def test_a_stranger_is_sent_to_the_door_and_a_program_is_told(client: Client, db: None) -> None:
    assert client.get("/policies").headers["Location"] == "/login?next=/policies"
    assert client.get("/policies", headers={"accept": "application/json"}).status_code == 401


def test_the_api_tells_the_same_counts_as_the_page(browser: Client, world: None) -> None:
    items = browser.get("/api/v1/policies?limit=2").json()
    assert [item["version"] for item in items["items"]] == [2, 1]
    assert items["next"] == 2
    one = browser.get(f"/api/v1{_path()}").json()
    page = browser.get(f"{_path()}?format=json").json()
    assert one["outcomes"] == page["counts"]
    assert one["document"]["policy_set"] == "care-rules"
    assert {each["rule"]: each["outcomes"]["violated"] for each in one["by_rule"]} == {
        "confirmed-write": 0,
        "explicit-yes": 3,
    }
    assert browser.get(f"/api/v1/policies/sha256:{64 * '0'}").status_code == 404
