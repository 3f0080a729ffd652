"""What a process keeps of a host's rows never says anything but what is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from mythos.engines.evidence.row import EvidenceRow, RowKey, digest_of_rows, merge
from mythos.server.catalog.models import Node
from mythos.server.resilience import models
from mythos.server.resilience.kept_rows import KeptRows, StoredRow
from mythos.server.resilience.readings import read, refresh
from tests.engines.evidence.strategies import rows
from tests.server.fleet import Host, enrol, environment, file_example, report, roll_out, work_day
from tests.server.outpost import AT, minutes

HOSTS = ("n1", "n2")
STATE = st.lists(
    rows().map(lambda row: EvidenceRow(replace(row.key, cell=row.key.cell % 2 * 60), row.body)),
    max_size=6,
)


def _stored(row: EvidenceRow) -> StoredRow:
    return StoredRow(row.key, orjson.dumps(row.body.to_json()).decode())


@given(states=st.lists(STATE, max_size=5), limit=st.integers(0, 20_000))
def test_whatever_is_stored_next_is_read_as_if_nothing_were_kept(
    states: list[list[EvidenceRow]], limit: int
) -> None:
    kept = KeptRows(limit)
    for state in states:
        for host in HOSTS:
            stored = [_stored(row) for row in merge(state) if row.key.node == host]
            anew = [each.read() for each in stored]
            for _ in range(2):
                found = kept.read(host, stored)
                assert found == anew
                assert digest_of_rows(found) == digest_of_rows(anew)
            assert kept.characters <= limit


@given(STATE)
def test_a_row_that_did_not_change_is_not_read_again(state: list[EvidenceRow]) -> None:
    kept = KeptRows()
    stored = [_stored(row) for row in merge(state)]
    first = kept.read("n1", stored)
    again = kept.read("n1", stored)
    assert all(one is other for one, other in zip(first, again, strict=True))


def test_what_a_host_leaves_of_its_share_is_for_the_others() -> None:
    stored = [StoredRow(_key(cell), '{"n": 1, "x": 0}') for cell in range(0, 600, 60)]
    one = len(stored[0].body)
    kept = KeptRows(limit=10 * one)
    for _ in range(2):
        kept.read("n1", stored)
        kept.read("n2", stored[:2])
    first = kept.read("n1", stored)
    again = kept.read("n1", stored)
    assert [a is b for a, b in zip(first, again, strict=True)] == [True] * 8 + [False] * 2
    assert kept.characters == 10 * one


def test_hosts_share_the_room_and_a_host_that_has_less_keeps_its_oldest_rows() -> None:
    stored = [StoredRow(_key(cell), '{"n": 1, "x": 0}') for cell in range(0, 600, 60)]
    kept = KeptRows(limit=10 * len(stored[0].body))
    kept.read("n1", stored)
    assert kept.characters == 10 * len(stored[0].body)
    kept.read("n2", stored)
    first = kept.read("n1", stored)
    kept.read("n2", stored)
    again = kept.read("n1", stored)
    same = [one is other for one, other in zip(first, again, strict=True)]
    assert same == [True] * 5 + [False] * 5


def _key(cell: int) -> RowKey:
    return RowKey("n1", "prod", "", "", "action", "refund", cell, 60)


@pytest.mark.django_db
def test_a_refresh_reads_what_other_processes_wrote(settings: Settings, tmp_path: Path) -> None:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"home": tmp_path / "control"})
    packet, lab = file_example(), environment("lab")
    roll_out(packet, lab, at=AT - timedelta(days=1))
    host = Host(enrol("lab-1", lab, at=AT - timedelta(days=1), packet=packet), packet)
    report(host, work_day(host, until=AT), at=AT)
    node = Node.objects.select_related("environment").get()
    calls = models.EvidenceRow.objects.filter(kind="action")
    first = calls.order_by("pk").values_list("pk", flat=True)
    changes: tuple[dict[str, object], ...] = (
        {"body": {"n": 7, "x": 3}},
        {"cell": 60 * 60},
        {"subject": "send_parcel"},
        {"node_id": "lab-2"},
    )
    for number, change in enumerate(changes, 1):
        at = AT + minutes(number)
        before = read(node, at=at)
        calls.filter(pk=first[number]).update(**change)
        reading, stored = read(node, at=at), refresh("lab-1", at=at)
        assert stored is not None
        assert stored.evidence_digest == reading.evidence_digest != before.evidence_digest
        assert stored.reading["components"] == reading.model_dump(mode="json")["components"]
