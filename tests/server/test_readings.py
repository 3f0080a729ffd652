"""Readings say what the evidence says; no data is never health."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from mythos.errors import TrustError
from mythos.server.catalog.commands import admit
from mythos.server.catalog.models import Environment, Node
from mythos.server.deployment.models import Rollout
from mythos.server.project import upkeep
from mythos.server.project.upkeep import Pace
from mythos.server.resilience import readings
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.models import IntakeFinding, SymbolicResilienceMonitor
from mythos.server.resilience.readings import read, refresh, refresh_if_due
from mythos.values.reading import STATES, Reading
from tests.server.fleet import (
    Host,
    audited,
    enrol,
    environment,
    file_example,
    in_force,
    report,
    roll_out,
    work_day,
)
from tests.server.outpost import AT, Outpost, minutes

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _home(settings: Settings, tmp_path: Path) -> None:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"home": tmp_path / "control"})


@pytest.fixture
def host() -> Host:
    packet = file_example()
    lab = environment("lab")
    roll_out(packet, lab, at=AT - DAY)
    return Host(enrol("lab-1", lab, at=AT - DAY, packet=packet), packet)


def _node() -> Node:
    return Node.objects.get(node_id="lab-1")


def test_a_node_that_never_spoke_is_never_healthy(host: Host) -> None:
    for at in (AT, AT + DAY, AT + 40 * DAY):
        reading = read(host.node, at=at)
        assert reading.state == "SILENT"
        assert reading.resilience.mid is None


def test_a_node_that_only_beats_is_idle_not_healthy(host: Host) -> None:
    reading = report(host, [], at=AT)
    assert reading is not None
    assert (reading.state, reading.mid) == ("IDLE", None)
    assert (reading.codex_uptime_index, reading.memory_integrity_score) == (0.0, 0.0)
    assert "codex_uptime_index" in reading.unknown_components


@given(
    runs=st.integers(0, 12),
    violated=st.sets(st.integers(0, 11), max_size=4),
    undecidable=st.sets(st.integers(0, 11), max_size=12),
    later=st.integers(0, 60 * 24 * 40),
)
@examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_evidence_makes_a_node_healthy(
    host: Host, runs: int, violated: set[int], undecidable: set[int], later: int
) -> None:
    from mythos.server.resilience.models import EvidenceRow

    EvidenceRow.objects.all().delete()
    SymbolicResilienceMonitor.objects.all().delete()
    work = work_day(host, until=AT, runs=runs, violated=violated, undecidable=undecidable)
    report(host, [*work, audited(host, at=AT)], at=AT)
    reading = read(_node(), at=AT + minutes(later))
    assert reading.state in STATES
    if reading.state == "HEALTHY":
        assert runs >= 5
        assert not {n for n in violated if n < runs}
        assert reading.resilience.mid is not None
        assert reading.resilience.mid >= 0.9
        assert later <= 3


def test_a_day_of_good_work_is_seen_and_a_violation_is_critical(host: Host) -> None:
    good = report(host, [*work_day(host, until=AT), audited(host, at=AT)], at=AT)
    worse = work_day(host, until=AT + minutes(5), runs=2, violated=[0])
    bad = report(host, worse, at=AT + minutes(5))
    assert good is not None
    assert bad is not None
    assert good.mid is not None
    assert (good.state, bad.state) == ("HEALTHY", "CRITICAL")
    assert bad.mid is not None
    assert bad.mid < good.mid


def test_a_reading_is_stored_only_when_it_says_something_new(host: Host) -> None:
    first = report(host, work_day(host, until=AT), at=AT)
    again = refresh("lab-1", at=AT + timedelta(seconds=5))
    assert first is not None
    assert again is not None
    assert again.pk == first.pk
    silent = refresh("lab-1", at=AT + minutes(30))
    assert silent is not None
    assert (silent.state, silent.pk != first.pk) == ("SILENT", True)


def test_a_flag_that_fades_is_a_new_reading(host: Host) -> None:
    """Else a warning of last week would fire on the page for ever."""
    report(host, work_day(host, until=AT), at=AT)
    silent = refresh("lab-1", at=AT + minutes(30))
    assert silent is not None
    (flag,) = [f for f in silent.symbolic_warning_flags if f["code"] == "NODE_SILENT"]
    assert flag["state"] == "firing"
    Node.objects.update(last_beat_at=AT + 3 * DAY)
    back = refresh("lab-1", at=AT + 3 * DAY)
    assert back is not None
    assert back.pk != silent.pk
    (flag,) = [f for f in back.symbolic_warning_flags if f["code"] == "NODE_SILENT"]
    assert flag["state"] == "resolved"


def test_at_intake_a_reading_is_made_at_its_pace(host: Host, settings: Settings) -> None:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"reading_every_s": 60})
    first = report(host, work_day(host, until=AT), at=AT)
    assert first is not None
    report_rows = work_day(host, until=AT + minutes(1), runs=1, violated=[0])
    from mythos.server.resilience.commands import merge_rows

    merge_rows(report_rows)
    soon = refresh_if_due("lab-1", at=AT + timedelta(seconds=30))
    later = refresh_if_due("lab-1", at=AT + timedelta(seconds=61))
    assert soon is not None
    assert later is not None
    assert (soon.pk, later.state) == (first.pk, "CRITICAL")


def test_reading_a_node_takes_no_write_lock_until_it_stores(host: Host) -> None:
    """Every other node's evidence waits for that lock."""
    report(host, work_day(host, until=AT), at=AT)
    with CaptureQueriesContext(connection) as seen:
        refresh("lab-1", at=AT + minutes(30))
    statements = [query["sql"] for query in seen.captured_queries]
    locked = next(i for i, sql in enumerate(statements) if sql.startswith("SAVEPOINT"))
    evidence = max(i for i, sql in enumerate(statements) if "resilience_evidencerow" in sql)
    assert evidence < locked


def test_what_an_operator_did_meanwhile_is_not_overwritten(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag is acknowledged while its node is being read."""
    report(host, work_day(host, until=AT, violated=[0]), at=AT)
    before = SymbolicResilienceMonitor.objects.latest("id")

    def acknowledge(node: Node, **question: Any) -> Reading:  # noqa: ANN401 - as it is asked
        reading = read(node, **question)
        flags = [{**flag, "state": "acknowledged"} for flag in before.symbolic_warning_flags]
        found = SymbolicResilienceMonitor.objects.filter(pk=before.pk)
        found.update(symbolic_warning_flags=flags)
        return reading

    monkeypatch.setattr(readings, "read", acknowledge)
    after = refresh("lab-1", at=AT + minutes(30))
    assert after is not None
    assert (after.state, after.pk != before.pk) == ("CRITICAL", True)
    states = {flag["code"]: flag["state"] for flag in after.symbolic_warning_flags}
    assert states["POLICY_VIOLATION"] == "acknowledged"
    assert states["NODE_SILENT"] == "firing"


def test_a_fork_is_critical_until_an_operator_resolves_it(host: Host) -> None:
    report(host, work_day(host, until=AT), at=AT)
    IntakeFinding.objects.create(
        node_id="lab-1", code="EVIDENCE_FORK", subject="e/1", detail="-", ref="sha256:0", seen_at=AT
    )
    for later in (0, 60, 60 * 24 * 3):
        Node.objects.update(last_beat_at=AT + minutes(later))
        reading = refresh("lab-1", at=AT + minutes(later))
        assert reading is not None
        assert reading.state == "CRITICAL"


def test_a_node_that_runs_another_bundle_than_it_was_told_is_critical(host: Host) -> None:
    Node.objects.update(in_force={**in_force(host.packet), "bundle": "sha256:" + "0" * 64})
    reading = read(_node(), at=AT)
    assert "BUNDLE_DIGEST_MISMATCH" in {flag.code for flag in reading.flags}


def test_a_halted_node_that_runs_nothing_does_as_it_was_told(host: Host) -> None:
    halted = roll_out(host.packet, host.node.environment, at=AT - DAY)
    Rollout.objects.filter(pk=halted.pk).update(state=Rollout.State.HALTED)
    obeys = {"bundle": "", "assignment_sequence": halted.sequence}
    Node.objects.update(in_force=obeys)
    assert "BUNDLE_DIGEST_MISMATCH" not in {flag.code for flag in read(_node(), at=AT).flags}
    Node.objects.update(in_force={**obeys, "bundle": host.packet.digest})
    assert "BUNDLE_DIGEST_MISMATCH" in {flag.code for flag in read(_node(), at=AT).flags}


def test_a_node_has_its_grace_also_when_it_enrols_into_an_old_rollout(host: Host) -> None:
    Node.objects.update(in_force={"assignment_sequence": 1}, enrolled_at=AT - minutes(2))
    assert "BUNDLE_DIGEST_MISMATCH" not in {flag.code for flag in read(_node(), at=AT).flags}
    later = read(_node(), at=AT + minutes(4))
    assert "BUNDLE_DIGEST_MISMATCH" in {flag.code for flag in later.flags}


def test_a_node_without_any_set_in_force_is_not_healthy() -> None:
    Environment.objects.create(name="lab")
    outpost = Outpost()
    admit(outpost.request, "lab")
    payload = outpost.envelope([outpost.actions(50), outpost.covered()]).model_dump(
        mode="json", by_alias=True
    )
    payload["in_force"] = {}
    accept_envelope(outpost.signed(payload), at=AT)
    reading = refresh("lab-1", at=AT)
    assert reading is not None
    assert reading.state in {"IDLE", "UNKNOWN"}


def _turn(at: datetime, pace: Pace) -> None:
    upkeep.turn(pace, at)


def test_upkeep_finds_who_has_fallen_silent(host: Host) -> None:
    report(host, work_day(host, until=AT), at=AT)
    _turn(AT + minutes(2), Pace())
    assert SymbolicResilienceMonitor.objects.latest("id").state != "SILENT"
    _turn(AT + minutes(10), Pace())
    assert SymbolicResilienceMonitor.objects.latest("id").state == "SILENT"


def test_upkeep_reads_a_silent_node_at_its_pace_only(host: Host, settings: Settings) -> None:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"reading_every_s": 60})
    report(host, work_day(host, until=AT), at=AT)
    pace = Pace()
    costs = []
    for second in (0, 3, 6, 61):
        with CaptureQueriesContext(connection) as seen:
            _turn(AT + minutes(10) + timedelta(seconds=second), pace)
        costs.append(sum("resilience_evidencerow" in q["sql"] for q in seen.captured_queries))
    assert costs[1:3] == [0, 0]
    assert costs[3] > 0


def test_upkeep_leaves_retired_nodes_alone(host: Host) -> None:
    Node.objects.update(retired_at=AT)
    _turn(AT + minutes(10), Pace())
    assert not SymbolicResilienceMonitor.objects.exists()


def test_one_failure_stops_neither_the_turn_nor_the_next(
    host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(at: datetime) -> None:
        raise ZeroDivisionError

    def refused(at: datetime) -> None:
        raise TrustError("a key is gone", remedy="bring it back")

    monkeypatch.setattr(upkeep, "recommend_newest", broken)
    monkeypatch.setattr(upkeep, "renew_signatures", refused)
    report(host, work_day(host, until=AT), at=AT)
    _turn(AT + minutes(10), Pace())
    assert SymbolicResilienceMonitor.objects.latest("id").state == "SILENT"
    assert "ZeroDivisionError" in caplog.text
    assert "bring it back" in caplog.text


def test_one_node_that_cannot_be_read_hides_no_other(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    from mythos.server.resilience.models import EvidenceRow

    EvidenceRow.objects.create(
        node_id="lab-1", environment="lab", kind="action", subject="t",
        cell=int(AT.timestamp()) // 60 * 60, width_s=60, body={"broken": True},
    )  # fmt: skip
    enrol("lab-2", host.node.environment, at=AT - DAY, packet=host.packet)
    _turn(AT, Pace())
    assert SymbolicResilienceMonitor.objects.get().node_id == "lab-2"
    assert "reading of lab-1" in caplog.text


def test_upkeep_renews_signatures_before_they_expire(host: Host, settings: Settings) -> None:
    from mythos.server.deployment import trust

    lab = host.node.environment
    trust.deployments(lab, at=AT)
    before = trust.deployments(lab, at=AT).standing(at=AT)
    _turn(AT + timedelta(hours=13), Pace())
    after = trust.deployments(lab, at=AT).standing(at=AT)
    assert after[-1].version == before[-1].version + 1
