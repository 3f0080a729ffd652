"""What a signed envelope may claim: whoever holds a node's key breaks no page and stops no log."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.errors import EvidenceError, IdentityError
from mythos.server.resilience.claims import BURST, PER_SECOND
from mythos.server.resilience.commands import accept_envelope, merge_rows
from mythos.server.resilience.models import EnvelopeReceipt, IntakeFinding, NewestAudit
from mythos.server.resilience.readings import refresh
from tests.server.outpost import AT, Outpost, minutes
from tests.server.test_witness import ORIGIN, Log

pytestmark = pytest.mark.django_db


def _audit(outpost: Outpost, *, at: datetime = AT, ok: int = 9, audited_at: int = 0) -> EvidenceRow:
    body = MemoryBody(size=ok, audited_at=audited_at or int(at.timestamp()), ok=ok)
    return outpost.row("memory", body, subject=ORIGIN, at=at)


def _told(outpost: Outpost, body: dict[str, Any], **row: object) -> bytes:
    """An envelope whose one memory row has these members, which no engine would make."""
    payload = outpost.envelope([_audit(outpost)]).model_dump(mode="json", by_alias=True)
    payload["rows"][0] |= row
    payload["rows"][0]["body"] |= body
    return outpost.signed(payload)


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "x\ny",
        "mythos/lab-1/",
        "mythos/lab-2/refunds",
        "mythos/lab-1/a/../x",
        "mythos/lab-1/..",
        "mythos/lab-1/%2e%2e",
        "mythos/lab-1/a b",
        "mythos/lab-1/\u202eabc",
    ],
)
def test_a_node_audits_its_own_logs_only(browser: Client, outpost: Outpost, subject: str) -> None:
    with pytest.raises(IdentityError, match="no log of it"):
        accept_envelope(_told(outpost, {}, subject=subject), at=AT)
    assert browser.get("/memories?format=json").json()["rows"] == []


@pytest.mark.parametrize("subject", ["", "x\ny", "mythos/lab-2/refunds"])
def test_a_stored_audit_of_no_log_breaks_no_page(
    browser: Client, outpost: Outpost, subject: str
) -> None:
    now = timezone.now()
    audit = _audit(outpost, at=now)
    merge_rows([replace(audit, key=replace(audit.key, subject=subject))])
    assert browser.get("/memories?format=json").json()["rows"] == []
    for path in ("/memories", "/api/v1/memories", "/system/resilience/lab-1"):
        assert browser.get(path).status_code == 200, path


def test_a_checkpoint_whose_name_no_link_leads_to_is_not_remembered(
    browser: Client, outpost: Outpost
) -> None:
    note = Log(origin="mythos/lab-1/a/../x").note(outpost.key, 4)
    assert accept_envelope(outpost.sealed(checkpoints=(note,)), at=AT).witnessed == ()
    (row,) = browser.get("/memories?format=json").json()["rows"]
    assert (row["log"], row["standing"]["name"]) == ("mythos/lab-1", "forked")


def test_a_counter_may_not_jump_further_than_a_node_can_count(outpost: Outpost) -> None:
    accept_envelope(outpost.sealed(), at=AT)
    most = 1 + BURST + 60 * PER_SECOND
    with pytest.raises(EvidenceError, match="out of reach"):
        accept_envelope(outpost.sealed(counter=most + 1), at=AT + minutes(1))
    assert accept_envelope(outpost.sealed(counter=most), at=AT + minutes(1)).counted
    assert accept_envelope(outpost.sealed(counter=2), at=AT + minutes(1)).counted
    assert EnvelopeReceipt.objects.count() == 3


def test_an_epoch_begins_where_a_node_can_have_counted_since_it_was_enrolled(
    outpost: Outpost,
) -> None:
    enrolled = datetime.now(UTC)
    for counter in (2**53 - 1, BURST + 60 * PER_SECOND):
        sealed = outpost.sealed(counter=counter, sent_at=int(enrolled.timestamp()))
        with pytest.raises(EvidenceError, match="out of reach"):
            accept_envelope(sealed, at=enrolled)
    sealed = outpost.sealed(counter=BURST, sent_at=int(enrolled.timestamp()))
    assert accept_envelope(sealed, at=enrolled).counted


def test_a_forged_envelope_does_not_stand_before_all_that_come_later(
    browser: Client, outpost: Outpost
) -> None:
    now = timezone.now()
    sent_at = int(now.timestamp())
    accept_envelope(outpost.sealed([_audit(outpost, at=now)], sent_at=sent_at), at=now)
    forged = outpost.sealed([_audit(outpost, at=now, ok=99)], sent_at=sent_at, counter=2**53 - 1)
    with pytest.raises(EvidenceError, match="out of reach"):
        accept_envelope(forged, at=now)
    accept_envelope(outpost.sealed([_audit(outpost, at=now, ok=10)], sent_at=sent_at), at=now)
    (row,) = browser.get("/memories?format=json").json()["rows"]
    assert row["ok"] == 10


def test_an_epoch_that_goes_on_after_a_later_one_began_is_a_fork(outpost: Outpost) -> None:
    at = timezone.now() - timedelta(hours=1)

    def beat(minute: int, epoch: str, *, came: int = 0) -> list[str]:
        then = at + minutes(minute)
        row = _audit(outpost, at=then)
        sealed = outpost.sealed([row], sent_at=int(then.timestamp()), epoch=epoch)
        accept_envelope(sealed, at=max(then, at + minutes(came)))
        found = IntakeFinding.objects.filter(code="EVIDENCE_FORK")
        return list(found.values_list("subject", flat=True))

    real, forged = "0123456789abcdef", "f" * 16
    assert beat(1, real) == []
    assert beat(3, forged) == []
    assert beat(2, real, came=20) == []
    assert beat(4, forged, came=21) == []
    assert beat(22, real) == [f"{forged}/2"]
    reading = refresh("lab-1", at=at + minutes(23))
    assert reading is not None
    assert "EVIDENCE_FORK" in {flag["code"] for flag in reading.symbolic_warning_flags}


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=20_000)])
@pytest.mark.parametrize("sent_ahead", [False, True])
def test_no_audit_is_from_after_its_envelope(
    browser: Client, outpost: Outpost, ahead: timedelta, *, sent_ahead: bool
) -> None:
    now = timezone.now().replace(microsecond=0)
    then = now + ahead
    row = _audit(outpost, at=now, audited_at=int(then.timestamp()))
    sent_at = int((then if sent_ahead else now).timestamp())
    assert accept_envelope(outpost.sealed([row], sent_at=sent_at), at=now).counted
    (item,) = browser.get("/api/v1/memories").json()["items"]
    assert datetime.fromisoformat(item["audited_at"]) == now


def test_an_audit_by_a_clock_that_is_ahead_is_counted(browser: Client, outpost: Outpost) -> None:
    now = timezone.now().replace(microsecond=0)
    then = now + minutes(20)
    row = _audit(outpost, at=then)
    accept_envelope(outpost.sealed([row], sent_at=int(then.timestamp())), at=now)
    assert NewestAudit.objects.get().auditcounts_set.count() == 1


def test_two_keys_that_are_one_without_nul_refuse_no_envelope(outpost: Outpost) -> None:
    told = [{"key": "a\0", "kind": "unlogged"}, {"key": "a\ufffd", "kind": "missing"}]
    keys = {each["key"]: each["kind"] for each in told}
    body = {"unlogged": 1, "missing": 1, "keys": keys, "offenders": told}
    assert accept_envelope(_told(outpost, body), at=AT).counted
    kept = MemoryBody.from_json(NewestAudit.objects.get().body)
    assert kept.keys == {"a\ufffd": "missing"}
    assert [(each.key, each.kind) for each in kept.offenders] == [("a\ufffd", "missing")]
