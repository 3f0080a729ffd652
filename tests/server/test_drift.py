"""Drift from end to end: evidence comes in, an operator accepts it, and what changes is flagged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from mythos.errors import ConflictError, NotFoundError, UsageError
from mythos.server.catalog.models import Node
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.resilience.baselines import BaselineOrder, accept
from mythos.server.resilience.models import (
    AcceptedBaseline,
    BaselineWithdrawal,
    SymbolicResilienceMonitor,
)
from mythos.server.resilience.readings import read
from mythos.server.resilience.withdrawals import wake
from mythos.values.outcome import Outcome
from mythos.values.reading import Component, Flag, Reading
from tests.server import fleet
from tests.server.fleet import Host

pytestmark = pytest.mark.django_db
WHY = "reviewed with the refunds team"
DAY = timedelta(days=1)
JSON = {"accept": "application/json"}


@pytest.fixture
def at() -> datetime:
    return timezone.now().replace(second=0, microsecond=0)


@pytest.fixture
def packet() -> MythOSDeploymentPacket:
    return fleet.file_example()


@pytest.fixture
def host(packet: MythOSDeploymentPacket, at: datetime) -> Host:
    """A host with 60 runs that ended two days ago; none of them broke anything."""
    where = fleet.environment("eu")
    fleet.roll_out(packet, where, at=at - 9 * DAY)
    made = Host(fleet.enrol("eu-1", where, at=at - 9 * DAY, packet=packet), packet)
    work(made, until=at - 2 * DAY, at=at, runs=60)
    return made


def work(host: Host, *, until: datetime, at: datetime, runs: int, skipping: int = 0) -> None:
    """Runs at every second minute; the newest of them skip the customer's yes."""
    rows = fleet.work_day(host, until=until, runs=runs, violated=range(skipping))
    fleet.report(host, [*rows, fleet.audited(host, at=at)], at=at)


@pytest.fixture
def acting(browser: Client, operator: User) -> Client:
    operator.groups.add(Group.objects.get_or_create(name="operator")[0])
    return browser


def form(host: Host, at: datetime, **more: object) -> dict[str, object]:
    since, until = at - 3 * DAY, at - 2 * DAY
    usual = {"workflow": host.workflow_digest, "scope": "host", "why": WHY}
    return {**usual, "since": f"{since:%Y-%m-%dT%H:%M}", "until": f"{until:%Y-%m-%dT%H:%M}", **more}


def order(host: Host, at: datetime, **more: object) -> BaselineOrder:
    name, flow = host.node.node_id, host.workflow_digest
    usual = BaselineOrder(name, flow, "host", at - 3 * DAY, at - 2 * DAY, WHY)
    return replace(usual, **more)  # type: ignore[arg-type]


def newest(host: str = "eu-1") -> Reading:
    stored = SymbolicResilienceMonitor.objects.filter(node_id=host).latest("id")
    return Reading.model_validate(stored.reading)


def drift_of(reading: Reading) -> Component:
    return next(part for part in reading.components if part.name == "drift")


def flags(reading: Reading) -> list[str]:
    return [flag.code for flag in reading.flags]


def test_an_operator_accepts_a_baseline_and_drift_enters_the_score(
    acting: Client, host: Host, at: datetime
) -> None:
    assert not drift_of(newest()).applies
    response = acting.post("/system/resilience/eu-1/baselines", form(host, at))
    assert (response.status_code, response.headers["Location"]) == (
        302, "/system/resilience/eu-1#drift",
    )  # fmt: skip
    made = AcceptedBaseline.objects.get()
    assert (made.runs, made.made_by, made.why) == (60, "operator", WHY)
    assert (made.environment, made.node_id) == ("eu", "eu-1")
    drift = drift_of(newest())
    assert (drift.applies, drift.value) == (True, 0.0)
    assert newest().drift[0].baseline_digest == made.digest


def test_the_same_behaviour_raises_no_flag(host: Host, at: datetime) -> None:
    accept(order(host, at), by="ada", at=at)
    work(host, until=at, at=at, runs=60)
    (found,) = newest().drift
    assert (found.n_since, [table.p for table in found.tables]) == (60, [1.0, 1.0, 1.0])
    assert "WORKFLOW_DRIFT" not in flags(newest())


def test_a_shifted_behaviour_is_flagged_and_a_new_baseline_takes_it_as_meant(
    host: Host, at: datetime
) -> None:
    accept(order(host, at), by="ada", at=at)
    work(host, until=at, at=at, runs=60, skipping=30)
    flag = next(each for each in newest().flags if each.code == "WORKFLOW_DRIFT")
    assert flag.subject == "eu-1/return-order"
    assert "skip:confirm in 0% of runs, now 50%" in flag.suggested_action
    assert flag.evidence[0].kind == "baseline"
    assert (drift_of(newest()).value or 0) > 0
    accept(order(host, at, since=at - DAY, until=at, why="the yes was dropped on purpose"),
           by="ada", at=at)  # fmt: skip
    (found,) = newest().drift
    assert found.tables == ()
    assert AcceptedBaseline.objects.count() == 2


def test_a_new_version_of_the_workflow_starts_without_a_baseline(host: Host, at: datetime) -> None:
    accept(order(host, at), by="ada", at=at)
    node = Node.objects.get(node_id="eu-1")
    node.in_force = {**node.in_force, "workflows": ["sha256:" + "9" * 64]}
    node.save()
    assert not drift_of(read(node, at=at)).applies


def test_a_baseline_of_the_environment_holds_for_a_host_that_has_none(
    host: Host, packet: MythOSDeploymentPacket, at: datetime
) -> None:
    young = Host(fleet.enrol("eu-2", host.node.environment, at=at - DAY, packet=packet), packet)
    accept(order(host, at, scope="environment"), by="ada", at=at)
    work(young, until=at, at=at, runs=60, skipping=30)
    assert "WORKFLOW_DRIFT" in flags(newest("eu-2"))
    accept(order(young, at, since=at - DAY, until=at), by="ada", at=at)
    assert newest("eu-2").drift[0].baseline == str(AcceptedBaseline.objects.latest("id").pk)
    assert newest("eu-1").drift[0].baseline == str(AcceptedBaseline.objects.earliest("id").pk)


def test_tests_at_other_hosts_of_the_environment_count_for_the_false_discovery_rate(
    host: Host, packet: MythOSDeploymentPacket, at: datetime
) -> None:
    accept(order(host, at, scope="environment"), by="ada", at=at)
    young = Host(fleet.enrol("eu-2", host.node.environment, at=at - DAY, packet=packet), packet)
    work(young, until=at, at=at, runs=60)
    cache.clear()  # the minute for which they are remembered
    work(host, until=at, at=at, runs=60, skipping=8)
    (found,) = newest().drift
    variants = found.tables[0]
    assert variants.p < variants.q
    assert variants.q >= min(table.p for table in found.tables) * 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"why": "ok"}, "characters"),
        ({"since": "2026-13-01T00:00"}, "is no time"),
        ({"since": "2099-01-01T00:00"}, "no stretch of the past"),
        ({"until": "2001-01-01T00:00", "since": "2000-01-01T00:00"}, "0 finished runs"),
        ({"scope": "galaxy"}, "neither host nor environment"),
        ({"workflow": "sha256:\x00"}, "0 finished runs"),
    ],
)
def test_a_wrong_form_is_refused_with_what_is_wrong(
    wrong: dict[str, str], said: str, acting: Client, host: Host, at: datetime
) -> None:
    path = "/system/resilience/eu-1/baselines"
    response = acting.post(path, form(host, at, **wrong), headers=JSON)
    assert response.status_code == UsageError.http_status
    assert said in response.json()["error"]["message"]
    assert not AcceptedBaseline.objects.exists()


def test_nineteen_runs_are_too_few_for_a_baseline(host: Host, at: datetime) -> None:
    late = order(host, at, since=at - 2 * DAY - timedelta(minutes=39))
    with pytest.raises(UsageError, match="19 finished runs"):
        accept(late, by="ada", at=at)
    with pytest.raises(NotFoundError, match="no host"):
        accept(order(host, at, node_id="nowhere"), by="ada", at=at)


def test_a_viewer_may_not_accept_and_is_told_why_before_they_try(
    browser: Client, host: Host, at: datetime
) -> None:
    page = browser.get("/system/resilience/eu-1").content.decode()
    assert "No baseline yet" in page
    assert "Needs an operator; you are a viewer." in page
    refused = browser.post("/system/resilience/eu-1/baselines", form(host, at), headers=JSON)
    assert refused.status_code == 403
    assert not AcceptedBaseline.objects.exists()


def test_the_page_shows_the_baseline_beside_now_and_who_accepted_it(
    acting: Client, host: Host, at: datetime
) -> None:
    accept(order(host, at, why="<b>as agreed</b> in spring"), by="ada", at=at)
    work(host, until=at, at=at, runs=60, skipping=30)
    page = acting.get("/system/resilience/eu-1").content.decode()
    assert "accepted by ada" in page
    assert "&lt;b&gt;as agreed&lt;/b&gt; in spring" in page
    assert "skip:confirm" in page
    assert 'class="fitline"' in page
    assert "skip:confirm in 30 of 60 runs now" in page
    assert "<0.001" in page or "&lt;0.001" in page


def test_the_record_of_baselines_is_listed_and_is_never_changed(
    acting: Client, host: Host, at: datetime
) -> None:
    made = accept(order(host, at), by="ada", at=at)
    accept(order(host, at, scope="environment", why="for all hosts there"), by="bob", at=at)
    listed = acting.get("/api/v1/nodes/eu-1/baselines").json()["items"]
    assert [(each["node"], each["by"]) for each in listed] == [(None, "bob"), ("eu-1", "ada")]
    with pytest.raises(ConflictError):
        made.delete()
    made.why = "something else"
    with pytest.raises(ConflictError):
        made.save()


def withdrawn_by(client: Client, made: AcceptedBaseline, why: str = "those were test runs") -> int:
    """The status of a withdrawal."""
    path = f"/workflows/{made.workflow}/baselines/{made.pk}/withdraw"
    return client.post(path, {"why": why}, headers=JSON).status_code


def test_withdrawing_a_baseline_ends_what_it_raised_and_the_one_before_stands_again(
    acting: Client, host: Host, at: datetime
) -> None:
    first = accept(order(host, at), by="ada", at=at)
    work(host, until=at, at=at, runs=60, skipping=30)
    second = accept(order(host, at, since=at - DAY, until=at), by="bob", at=at)
    assert newest().drift[0].baseline == str(second.pk)
    assert withdrawn_by(acting, second) == 200
    assert newest().drift[0].baseline == str(first.pk)
    assert flag_of(newest()).state == "firing"
    assert withdrawn_by(acting, first) == 200
    assert newest().drift == ()
    assert not drift_of(newest()).applies
    assert flag_of(newest()).state == "resolved"
    made = BaselineWithdrawal.objects.get(baseline=first)
    assert (made.made_by, made.why) == ("operator", "those were test runs")
    listed = acting.get("/api/v1/nodes/eu-1/baselines").json()["items"]
    assert [each["withdrawn"]["why"] for each in listed] == ["those were test runs"] * 2


def flag_of(reading: Reading) -> Flag:
    return next(each for each in reading.flags if each.code == "WORKFLOW_DRIFT")


def test_the_other_hosts_of_an_environment_follow_a_withdrawal(
    acting: Client, host: Host, packet: MythOSDeploymentPacket, at: datetime
) -> None:
    young = Host(fleet.enrol("eu-2", host.node.environment, at=at - DAY, packet=packet), packet)
    made = accept(order(host, at, scope="environment"), by="ada", at=at)
    work(young, until=at, at=at, runs=60, skipping=30)
    assert flag_of(newest("eu-2")).state == "firing"
    withdrawn_by(acting, made)
    page = acting.get(f"/workflows/{made.workflow}", headers=JSON).json()
    assert (page["drift"], page["drifts"]) == ({"baselines": 0, "compared": 0, "moved": 0}, [])
    assert [each["state"] for each in page["baselines"]] == ["withdrawn"]
    assert sorted(wake(at=timezone.now())) == ["eu-1", "eu-2"]
    assert flag_of(newest("eu-2")).state == "resolved"
    assert wake(at=timezone.now()) == []


def test_a_baseline_is_withdrawn_once_with_a_reason_by_an_operator_and_for_good(
    acting: Client, browser: Client, host: Host, at: datetime
) -> None:
    made = accept(order(host, at), by="ada", at=at)
    assert withdrawn_by(acting, made, why="no") == UsageError.http_status
    assert not BaselineWithdrawal.objects.exists()
    assert withdrawn_by(acting, made) == 200
    assert withdrawn_by(acting, made) == ConflictError.http_status
    for number in (made.pk + 1, 2**80):
        path = f"/workflows/{made.workflow}/baselines/{number}/withdraw"
        assert acting.post(path, {"why": WHY}, headers=JSON).status_code == 404
    elsewhere = f"/workflows/sha256:{'9' * 64}/baselines/{made.pk}/withdraw"
    assert acting.post(elsewhere, {"why": WHY}, headers=JSON).status_code == 404
    with pytest.raises(ConflictError):
        BaselineWithdrawal.objects.get().delete()


def test_a_viewer_may_not_withdraw(browser: Client, host: Host, at: datetime) -> None:
    made = accept(order(host, at), by="ada", at=at)
    assert withdrawn_by(browser, made) == 403
    assert not BaselineWithdrawal.objects.exists()


def test_the_page_of_the_workflow_takes_a_baseline_and_lists_who_accepted_and_withdrew_it(
    acting: Client, host: Host, at: datetime
) -> None:
    path = f"/workflows/{host.workflow_digest}"
    assert "Accept as baseline…" in acting.get(f"{path}?range=7d").content.decode()
    response = acting.post(f"{path}/baselines", form(host, at) | {"host": "eu-1"})
    assert (response.status_code, response.headers["Location"]) == (302, f"{path}#drift")
    made = AcceptedBaseline.objects.get()
    assert (made.node_id, made.made_by, made.why) == ("eu-1", "operator", WHY)
    page = acting.get(path).content.decode()
    assert WHY in page
    assert "Withdraw…" in page
    withdrawn_by(acting, made, why="<i>those</i> were test runs")
    page = acting.get(path).content.decode()
    assert "&lt;i&gt;those&lt;/i&gt; were test runs" in page
    assert "Withdraw…" not in page
    assert "withdrawn by operator" in acting.get("/system/resilience/eu-1").content.decode()


def test_the_page_of_the_workflow_shows_whether_runs_still_fit(
    acting: Client, host: Host, at: datetime
) -> None:
    accept(order(host, at), by="ada", at=at)
    work(host, until=at, at=at, runs=60, skipping=30)
    page = acting.get(f"/workflows/{host.workflow_digest}").content.decode()
    assert 'class="fitline"' in page
    assert "30 of 60 runs fit" in page


def test_a_baseline_keeps_what_it_was_made_from_when_late_evidence_comes(
    host: Host, at: datetime
) -> None:
    made = accept(order(host, at), by="ada", at=at)
    rows = fleet.judged_run(host, at=at - 2 * DAY - timedelta(hours=1), outcome=Outcome.VIOLATED,
                            number=999)  # fmt: skip
    fleet.report(host, rows, at=at)
    again = AcceptedBaseline.objects.get(pk=made.pk)
    assert (again.runs, again.digest) == (60, made.digest)
    assert newest().drift[0].runs == 61
    assert again.until.astimezone(UTC) == at - 2 * DAY
