"""Benign marks: who may make one, what it silences and for how long, and what it never touches."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pydantic import JsonValue

from mythos.engines.evidence.body import Body
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.sample import Samples
from mythos.engines.policy.document import load_policy_set
from mythos.errors import ConflictError, UsageError
from mythos.server.project.upkeep import Pace, turn
from mythos.server.resilience.marks import CallRef, MarkOrder, mark_benign, revoke, wake
from mythos.server.resilience.models import (
    BenignMark,
    BenignRevocation,
    EvidenceRow,
    SymbolicResilienceMonitor,
)
from mythos.server.resilience.readings import refresh
from mythos.values.outcome import Outcome
from tests.server import fleet
from tests.server.fleet import Host
from tests.server.reading import READING

pytestmark = pytest.mark.django_db
WHY = "the yearly audit refunds itself"


@pytest.fixture
def at() -> datetime:
    return timezone.now()


@pytest.fixture
def host(at: datetime) -> Host:
    """A host on which one refund was made without the customer's yes, a minute or so ago."""
    packet, where = fleet.file_example(), fleet.environment("eu")
    fleet.roll_out(packet, where, at=at - timedelta(hours=1))
    early = at - timedelta(hours=1)
    made = Host(fleet.enrol("eu-1", where, at=early, packet=packet), packet)
    rows = fleet.work_day(made, until=at, runs=10, violated={2})
    fleet.report(made, [*rows, fleet.audited(made, at=at)], at=at)
    return made


@pytest.fixture
def acting(browser: Client, operator: User) -> Client:
    """A browser of somebody in the group `operator`."""
    operator.groups.add(Group.objects.get_or_create(name="operator")[0])
    return browser


def violation(number: int = 2) -> dict[str, Any]:
    rows = EvidenceRow.objects.filter(kind="policy", body__runs__violated__gt=0)
    kept = [sample for row in rows for sample in row.body["samples"]["violating"]]
    span = fleet.identity("span", "eu-1", number)[:16]
    return next(sample for sample in kept if sample["span_id"] == span)


def form(**more: object) -> dict[str, object]:
    call = violation()
    usual = {"host": "eu-1", "at": call["at"], "span": call["span_id"], "argument": ["order_id"]}
    return {**usual, "why": WHY, "days": "7", **more}


def order(host: Host, *, arguments: tuple[str, ...] = ("order_id",), days: int = 7) -> MarkOrder:
    call = violation()
    ref = CallRef("eu-1", host.policy_digest, call["at"], call["span_id"])
    return MarkOrder(ref, arguments, WHY, days)


def _dear(body: Body) -> Body:
    """The same evidence of a call that paid 9,000.00 back."""
    if not isinstance(body, PolicyBody):
        return body
    dear: dict[str, JsonValue] = {"amount_cents": 900_000}
    kept = Samples.of(
        replace(each, arguments={**(each.arguments or {}), **dear}) for each in body.samples
    )
    return replace(body, samples=kept)


def path(host: Host, rest: str = "/marks") -> str:
    return f"/policies/{host.policy_digest}{rest}"


def flag(host: str = "eu-1") -> dict[str, Any]:
    newest = SymbolicResilienceMonitor.objects.filter(node_id=host).latest("id")
    flags: list[dict[str, Any]] = newest.symbolic_warning_flags
    return next(each for each in flags if each["code"] == "POLICY_VIOLATION")


def test_an_operator_marks_a_violation_and_its_flag_says_until_when_by_whom_and_why(
    acting: Client, host: Host, at: datetime
) -> None:
    assert flag()["state"] == "firing"
    response = acting.post(path(host), form())
    assert (response.status_code, response.headers["Location"]) == (302, path(host, "#marks"))
    mark = BenignMark.objects.get()
    assert (mark.environment, mark.agent, mark.rule, mark.tool) == (
        "eu", "refunds", "explicit-yes", "issue_refund",
    )  # fmt: skip
    assert (mark.arguments, mark.made_by, mark.why) == ({"order_id": "W-1042"}, "operator", WHY)
    assert timedelta(days=7) == mark.expires_at - mark.made_at
    found = flag()
    assert (found["state"], found["severity"]) == ("benign", "critical")
    assert (found["benign"][0]["by"], found["benign"][0]["why"]) == ("operator", WHY)


def test_a_mark_leaves_evidence_and_score_as_they_are(host: Host, at: datetime) -> None:
    bodies = list(EvidenceRow.objects.order_by("pk").values_list("body", flat=True))
    before = SymbolicResilienceMonitor.objects.latest("id")
    mark_benign(order(host), by="ada", at=at)
    after = SymbolicResilienceMonitor.objects.latest("id")
    assert list(EvidenceRow.objects.order_by("pk").values_list("body", flat=True)) == bodies
    assert after.pk != before.pk
    assert (after.low, after.mid, after.high) == (before.low, before.mid, before.high)
    assert after.evidence_digest == before.evidence_digest
    assert (before.state, after.state) == ("CRITICAL", "DEGRADED")
    assert "1 critical flag marked benign until" in after.reason


def test_a_viewer_may_not_mark_and_is_told_why_before_they_try(browser: Client, host: Host) -> None:
    page = browser.get("/system/resilience").content.decode()
    assert '<button class="btn" type="button" disabled aria-describedby="mb-no">' in page
    assert "Needs an operator; you are a viewer." in page
    refused = browser.post(path(host), form(), headers={"accept": "application/json"})
    assert refused.status_code == 403
    assert "mythos user role NAME operator" in refused.json()["error"]["remedy"]
    assert not BenignMark.objects.exists()


@pytest.mark.parametrize("role", ["operator", "approver", "admin"])
def test_every_role_that_acts_may_mark(
    role: str, browser: Client, operator: User, host: Host
) -> None:
    operator.groups.add(Group.objects.get_or_create(name=role)[0])
    page = browser.get("/system/resilience").content.decode()
    assert "Mark benign…" in page
    assert f'action="{path(host)}"' in page
    answered = browser.post(path(host), form(), headers={"accept": "application/json"})
    assert answered.status_code == 201
    assert answered.json()["state"] == "standing"


def test_a_stranger_is_sent_to_the_door(client: Client, host: Host) -> None:
    assert client.post(path(host), form()).headers["Location"].startswith("/login")
    assert not BenignMark.objects.exists()


def test_a_mark_needs_the_token_of_its_form(operator: User, host: Host) -> None:
    operator.is_superuser = True
    operator.save()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(operator)
    assert strict.post(path(host), form()).status_code == 403
    assert not BenignMark.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"why": "harmless"}, "a reason of 8 characters"),
        ({"why": " " * 30}, "a reason of 0 characters"),
        ({"why": "x" * 501}, "a reason of 501 characters"),
        ({"days": "0"}, "0 days is not between 1 and 90"),
        ({"days": "91"}, "91 days is not between 1 and 90"),
        ({"days": "soon"}, "is no whole number"),
        ({"argument": []}, "would excuse every call"),
        ({"argument": ["customer"]}, "shows no argument"),
        ({"at": ""}, "is no whole number"),
    ],
    ids=str,
)
def test_what_cannot_be_a_mark_is_refused_with_the_way_on(
    wrong: dict[str, object], said: str, acting: Client, host: Host
) -> None:
    refused = acting.post(path(host), form(**wrong), headers={"accept": "application/json"})
    assert refused.status_code == 400
    assert said in refused.json()["error"]["message"]
    assert refused.json()["error"]["remedy"]
    assert not BenignMark.objects.exists()


@pytest.mark.parametrize("wrong", [{"span": "0" * 16}, {"host": "eu-9"}, {"at": "7"}], ids=str)
def test_only_a_call_that_the_evidence_holds_can_be_marked(
    wrong: dict[str, object], acting: Client, host: Host
) -> None:
    refused = acting.post(path(host), form(**wrong), headers={"accept": "application/json"})
    assert refused.status_code == 404
    assert "no evidence of a violation" in refused.json()["error"]["message"]


def test_a_masked_argument_cannot_be_chosen(host: Host, at: datetime) -> None:
    row = EvidenceRow.objects.get(kind="policy", body__runs__violated__gt=0)
    row.body["samples"]["violating"][0]["arguments"]["order_id"] = "•••• 1042"
    row.save()
    with pytest.raises(UsageError, match="shows no argument 'order_id'"):
        mark_benign(order(host), by="ada", at=at)


def test_the_same_call_of_another_value_fires(host: Host, at: datetime) -> None:
    mark_benign(order(host, arguments=("amount_cents",)), by="ada", at=at)
    assert flag()["state"] == "benign"
    rows = fleet.judged_run(host, at=at, outcome=Outcome.VIOLATED, number=77)
    dear = [replace(row, body=_dear(row.body)) for row in rows]
    fleet.report(host, dear, at=at)
    found = flag()
    assert (found["state"], found["value"], found["benign"]) == ("firing", 1, [])


def test_a_mark_holds_in_its_environment_alone(host: Host, at: datetime) -> None:
    us = fleet.environment("us")
    other = Host(fleet.enrol("us-1", us, at=at, packet=host.packet), host.packet)
    fleet.report(other, fleet.work_day(other, until=at, runs=3, violated={1}), at=at)
    second = Host(
        fleet.enrol("eu-2", host.node.environment, at=at, packet=host.packet), host.packet
    )
    fleet.report(second, fleet.work_day(second, until=at, runs=3, violated={1}), at=at)
    mark_benign(order(host), by="ada", at=at)
    for name in ("eu-1", "eu-2", "us-1"):
        refresh(name, at=at)
    assert [flag(name)["state"] for name in ("eu-1", "eu-2", "us-1")] == [
        "benign", "benign", "firing",
    ]  # fmt: skip


def test_a_mark_ends_on_its_day_without_anybody_doing_anything(host: Host, at: datetime) -> None:
    mark_benign(order(host, days=1), by="ada", at=at)
    assert wake(at=at + timedelta(hours=23)) == []
    turn(Pace(), at + timedelta(hours=25))
    assert flag()["state"] == "firing"
    assert wake(at=at + timedelta(hours=26)) == []


def test_a_revoked_mark_silences_nothing_and_stays_on_record(
    acting: Client, host: Host, at: datetime
) -> None:
    mark = mark_benign(order(host), by="ada", at=at)
    address = path(host, f"/marks/{mark.pk}/revoke")
    short = acting.post(address, {"why": "no"}, headers={"accept": "application/json"})
    assert short.status_code == 400
    answered = acting.post(
        address, {"why": "it was no audit after all"}, headers={"accept": "application/json"}
    )
    assert (answered.status_code, answered.json()["state"]) == (200, "revoked")
    assert flag()["state"] == "firing"
    ended = BenignRevocation.objects.get(mark=mark)
    assert (ended.made_by, ended.why) == ("operator", "it was no audit after all")
    again = acting.post(
        address, {"why": "it was no audit after all"}, headers={"accept": "application/json"}
    )
    assert again.status_code == 409
    page = acting.get(path(host, "")).content.decode()
    assert "revoked by operator" in page
    assert "it was no audit after all" in page


def test_a_viewer_may_not_revoke(browser: Client, host: Host, at: datetime) -> None:
    mark = mark_benign(order(host), by="ada", at=at)
    response = browser.post(path(host, f"/marks/{mark.pk}/revoke"), {"why": WHY})
    assert response.status_code == 403
    assert not BenignRevocation.objects.exists()


def test_marks_and_revocations_are_written_once(host: Host, at: datetime) -> None:
    mark = mark_benign(order(host), by="ada", at=at)
    mark.why = "another reason altogether"
    for write in (mark.save, mark.delete, revoke(mark.pk, by="bo", why=WHY, at=at).delete):
        with pytest.raises(ConflictError, match="stays as it is"):
            write()
    assert BenignMark.objects.get().why == WHY


def test_an_expired_mark_cannot_be_revoked(host: Host, at: datetime) -> None:
    mark = mark_benign(order(host, days=1), by="ada", at=at)
    with pytest.raises(ConflictError, match="has ended already"):
        revoke(mark.pk, by="bo", why=WHY, at=at + timedelta(days=2))


def test_the_page_of_the_set_lists_its_marks_as_its_json_does(
    acting: Client, host: Host, at: datetime
) -> None:
    hostile = "<script>alert(1)</script> is a harmless name"
    mark_benign(MarkOrder(order(host).call, ("order_id",), hostile, 7), by="<b>ada</b>", at=at)
    shown = acting.get(path(host, "?format=json")).json()["marks"]
    assert [(each["state"], each["why"], each["made_by"]) for each in shown] == [
        ("standing", hostile, "<b>ada</b>")
    ]
    assert shown[0]["arguments"] == [["order_id", '"W-1042"']]
    drawer = f"/system/resilience?flag={flag()['fingerprint']}"
    for page in (path(host, ""), drawer, "/system/resilience/eu-1"):
        text = acting.get(page).content.decode()
        assert "<script>alert(1)" not in text
        assert "<b>ada</b>" not in text
        assert "&lt;script&gt;alert(1)" in text
    assert "1 benign mark" in acting.get("/policies").content.decode()


def test_the_drawer_of_a_marked_flag_shows_the_mark_instead_of_the_form(
    acting: Client, host: Host, at: datetime
) -> None:
    mark_benign(order(host), by="ada", at=at)
    page = acting.get(f"/system/resilience?flag={flag()['fingerprint']}").content.decode()
    assert "Marked benign" in page
    assert WHY in page
    assert "Mark benign…" not in page


def test_the_next_version_lets_that_call_through_and_promises_so(
    acting: Client, host: Host, at: datetime
) -> None:
    mark = mark_benign(order(host), by="ada", at=at)
    response = acting.get(path(host, f"/next?mark={mark.pk}"))
    assert response.headers["Content-Disposition"] == 'attachment; filename="care-rules-v2.yaml"'
    made = load_policy_set(response.content.decode(), source="care-rules-v2.yaml")
    assert (made.policy_set, made.version) == ("care-rules", 2)
    assert 'context.input.order_id == "W-1042"' in made.rules
    promises = {each.name: each for each in made.expect}
    assert promises[f"benign-{mark.pk}: allowed before its end"].decision == "allow"
    kept = promises["nothing changes without a yes"]
    assert kept.when is not None
    assert kept.when.startswith("(!context.past.confirmed) && !(")
    assert acting.get(path(host, "/next")).content == response.content


def test_without_a_standing_mark_there_is_no_next_version(
    acting: Client, host: Host, at: datetime
) -> None:
    mark = mark_benign(order(host), by="ada", at=at)
    revoke(mark.pk, by="ada", why=WHY, at=at)
    assert acting.get(path(host, "/next?format=json")).status_code == 409
    assert acting.get(path(host, "/next?mark=99&format=json")).status_code == 404
    assert acting.get(path(host, "/next?mark=x&format=json")).status_code == 400
    assert acting.get("/policies/sha256:00/next?format=json").status_code == 404


def test_reading_writes_nothing(acting: Client, host: Host, at: datetime) -> None:
    mark = mark_benign(order(host), by="ada", at=at)
    for address in (path(host, ""), path(host, f"/next?mark={mark.pk}"), "/system/resilience"):
        with CaptureQueriesContext(connection) as queries:
            assert acting.get(address).status_code == 200
        written = [q["sql"] for q in queries if not q["sql"].lstrip("( ").startswith(READING)]
        assert written == []
    assert acting.get(path(host)).status_code == 405
