"""A time that no date can say: refused where it comes, and harmless where it is stored."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone

from mythos.engines.evidence.body import MAX_COUNT
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.evidence.sample import Sample, Samples
from mythos.engines.evidence.workflow import WorkflowBody, WorkflowSummary
from mythos.errors import EvidenceError
from mythos.server.resilience.commands import accept_envelope, merge_rows
from mythos.server.resilience.models import NewestAudit
from mythos.server.resilience.readings import refresh
from mythos.values.evidence import LAST_SECOND
from mythos.values.outcome import Outcome
from tests.server import fleet
from tests.server.fleet import Host
from tests.server.outpost import AT, SET, Outpost, minutes
from tests.server.test_witness import ORIGIN

pytestmark = pytest.mark.django_db
LATE = (LAST_SECOND + 1, MAX_COUNT)

_FIRST = WorkflowSummary(first_ts=LAST_SECOND + 1)
_LAST = WorkflowSummary(last_ts=LAST_SECOND + 1)


def _sample(outcome: Outcome, at: int) -> Samples:
    return Samples.of([Sample("1" * 16, "ab" * 16, "refund", "a", at, outcome, "r")])


@pytest.mark.parametrize(
    "body",
    [body for late in LATE for body in (MemoryBody(audited_at=late), MemoryBody(heard_at=late))],
)
def test_an_audit_after_the_year_9999_is_refused(outpost: Outpost, body: MemoryBody) -> None:
    row = outpost.row("memory", body, subject=ORIGIN)
    with pytest.raises(EvidenceError, match="memory time"):
        accept_envelope(outpost.sealed([row]), at=AT)
    assert not NewestAudit.objects.exists()


@pytest.mark.parametrize("outcome", [Outcome.VIOLATED, Outcome.UPHELD])
def test_a_call_after_the_year_9999_is_refused(outpost: Outpost, outcome: Outcome) -> None:
    samples = _sample(outcome, LAST_SECOND + 1)
    rows = [
        outpost.row("policy", PolicyBody(samples=samples), subject=SET),
        outpost.row("shadow", PolicyBody(samples=samples), subject=SET),
        outpost.row("workflow", WorkflowBody(samples=samples), subject=SET),
        outpost.row("workflow", WorkflowBody(_FIRST), subject=SET),
        outpost.row("workflow", WorkflowBody(_LAST), subject=SET),
    ]
    for row in rows:
        with pytest.raises(EvidenceError, match=f"{row.key.kind} time"):
            accept_envelope(outpost.sealed([row]), at=AT)


@pytest.mark.parametrize("second", LATE)
def test_what_was_stored_after_the_year_9999_breaks_no_page(browser: Client, second: int) -> None:
    at = timezone.now().replace(second=0, microsecond=0)
    packet = fleet.file_example()
    host = Host(fleet.enrol("eu-1", fleet.environment("eu"), at=at, packet=packet), packet)
    fleet.report(host, fleet.covered(host, since=at - minutes(5), until=at), at=at)
    rows = [fleet.audited(host, at=at, keys={"a": "altered"})]
    rows += fleet.judged_run(host, at=at, outcome=Outcome.VIOLATED)
    merge_rows(_moved(row, second) for row in rows)
    refresh("eu-1", at=at)
    for path in (
        "/memories",
        "/memories?format=json",
        "/api/v1/memories",
        "/memories/eu-1/log/mythos/eu-1/refunds",
        "/system/resilience/eu-1",
        f"/policies/{host.policy_digest}",
        f"/workflows/{host.workflow_digest}",
    ):
        assert browser.get(path).status_code == 200, path


def _moved(row: EvidenceRow, second: int) -> EvidenceRow:
    if isinstance(row.body, MemoryBody):
        return replace(row, body=replace(row.body, audited_at=second))
    if isinstance(row.body, PolicyBody | WorkflowBody):
        exact = min(second, MAX_COUNT - 1)
        moved = Samples.of(replace(each, at=exact) for each in row.body.samples)
        return replace(row, body=replace(row.body, samples=moved))
    return row
