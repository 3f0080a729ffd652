"""Evidence is counted once, whole, and only from whom it claims to be."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from mythos.adapters.key_file import create_key
from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.policy import OutcomeCounts, PolicyBody, RunCounts
from mythos.engines.evidence.row import EvidenceRow, RowKey, digest_of_rows, merge
from mythos.engines.evidence.sample import Sample, Samples
from mythos.engines.evidence.time import TimeBody
from mythos.errors import (
    EvidenceError,
    EvidenceExpiredError,
    EvidenceForkError,
    IdentityError,
    TrustError,
)
from mythos.server.catalog.commands import admit
from mythos.server.catalog.models import Environment, Node
from mythos.server.resilience import commands, models
from mythos.server.resilience.commands import accept_envelope, merge_rows
from mythos.server.resilience.queries import evidence_of, stored_keys
from mythos.server.resilience.readings import refresh
from mythos.values.outcome import Outcome
from tests.server.outpost import AT, SET, Outpost, minutes

pytestmark = pytest.mark.django_db
URL = "/api/v1/evidence"


def _post(client: Client, envelope: bytes) -> tuple[int, Any]:
    answer = client.post(URL, envelope, content_type="application/vnd.dsse.envelope.v1+json")
    return answer.status_code, answer.json()


def _now() -> datetime:
    return datetime.now(UTC)


def _counted(node: str = "lab-1") -> int:
    rows = models.EvidenceRow.objects.filter(node_id=node, kind="action")
    return sum(row.body["n"] for row in rows)


def test_an_envelope_is_counted_once_and_a_replay_is_told_so(
    client: Client, outpost: Outpost
) -> None:
    envelope = outpost.sealed([outpost.actions(3, 1)], sent_at=int(_now().timestamp()))
    status, told = _post(client, envelope)
    assert (status, told["status"], told["counted"]) == (200, "counted", True)
    assert (told["node_id"], told["counter"], told["n_rows"]) == ("lab-1", 1, 1)
    status, told = _post(client, envelope)
    assert (status, told["status"], told["counted"]) == (200, "already counted", False)
    assert _counted() == 3


def test_the_same_id_with_other_bytes_is_a_fork_that_stays(
    client: Client, outpost: Outpost
) -> None:
    sent_at = int(_now().timestamp())
    assert _post(client, outpost.sealed([outpost.actions()], sent_at=sent_at))[0] == 200
    outpost.counter -= 1
    status, told = _post(client, outpost.sealed([outpost.actions(9)], sent_at=sent_at))
    assert (status, told["error"]["type"]) == (409, "EvidenceForkError")
    assert told["error"]["remedy"]
    assert _counted() == 1
    reading = refresh("lab-1", at=_now())
    assert reading is not None
    assert reading.state == "CRITICAL"
    (flag,) = [f for f in reading.symbolic_warning_flags if f["code"] == "EVIDENCE_FORK"]
    assert (flag["severity"], flag["state"]) == ("critical", "firing")
    assert flag["evidence"][0]["ref"] == f"{outpost.epoch}/1"


def test_a_resolved_fork_opens_again_for_new_content_only(outpost: Outpost) -> None:
    accept_envelope(outpost.sealed([outpost.actions()]), at=AT)

    def fork(n: int) -> models.IntakeFinding:
        outpost.counter = 0
        with pytest.raises(EvidenceForkError):
            accept_envelope(outpost.sealed([outpost.actions(n)]), at=AT)
        return models.IntakeFinding.objects.get()

    finding = fork(2)
    finding.resolved_at = AT
    finding.save()
    assert fork(2).resolved_at == AT
    assert fork(3).resolved_at is None


def test_unseen_ids_are_taken_in_any_order(outpost: Outpost) -> None:
    envelopes = [outpost.sealed([outpost.actions()]) for _ in range(4)]
    for envelope in (envelopes[2], envelopes[0], envelopes[3], envelopes[1], envelopes[0]):
        accept_envelope(envelope, at=AT)
    assert _counted() == 4


def test_a_new_epoch_may_count_from_one_again(outpost: Outpost) -> None:
    accept_envelope(outpost.sealed([outpost.actions()]), at=AT)
    outpost.counter, outpost.epoch = 0, "f" * 16
    assert accept_envelope(outpost.sealed([outpost.actions()]), at=AT).counted
    assert _counted() == 2


def test_a_forged_signature_is_refused(client: Client, outpost: Outpost, tmp_path: Path) -> None:
    payload = outpost.envelope([outpost.actions()]).model_dump(mode="json", by_alias=True)
    forged = json.loads(outpost.signed(payload, key=create_key(tmp_path / "other.pem")))
    forged["signatures"][0]["keyid"] = outpost.key.key_id
    from mythos.values.digest import canonical_bytes

    status, told = _post(client, canonical_bytes(forged))
    assert (status, "does not hold" in told["error"]["message"]) == (403, True)
    assert _counted() == 0


def test_a_changed_payload_is_refused(client: Client, outpost: Outpost) -> None:
    from mythos.values.digest import canonical_bytes

    envelope = json.loads(outpost.sealed([outpost.actions(1)]))
    payload = base64.b64decode(envelope["payload"])
    changed = payload.replace(b'"n": 1', b'"n": 2')
    assert changed != payload
    envelope["payload"] = base64.b64encode(changed).decode()
    assert _post(client, canonical_bytes(envelope))[0] == 403


def test_an_unknown_node_is_refused(client: Client, outpost: Outpost) -> None:
    stranger = Outpost(node="stranger")
    status, told = _post(client, stranger.sealed([stranger.actions()]))
    assert (status, told["error"]["type"]) == (403, "IdentityError")


@pytest.mark.parametrize(("node", "environment"), [("lab-2", "lab"), ("lab-1", "cloud")])
def test_a_node_speaks_for_itself_in_its_environment_only(
    outpost: Outpost, node: str, environment: str
) -> None:
    Environment.objects.create(name="cloud")
    admit(Outpost(node="lab-2").request, "lab")
    liar = Outpost(node=node, environment=environment, key=outpost.key)
    with pytest.raises(IdentityError, match=f"signed evidence for {node} of {environment}"):
        accept_envelope(liar.sealed(), at=AT)
    with pytest.raises(IdentityError, match=f"signed evidence for {node} of {environment}"):
        accept_envelope(outpost.sealed([liar.actions()]), at=AT)
    assert models.EnvelopeReceipt.objects.count() == 0


def test_a_retired_node_is_refused(client: Client, outpost: Outpost) -> None:
    Node.objects.update(retired_at=AT)
    status, told = _post(client, outpost.sealed())
    assert (status, "is retired" in told["error"]["message"]) == (403, True)


def test_an_envelope_must_name_the_key_that_signed_it(outpost: Outpost) -> None:
    with pytest.raises(IdentityError, match="names the key"):
        accept_envelope(outpost.sealed(key_id="0" * 64), at=AT)


def test_evidence_beyond_retention_is_gone(
    client: Client, outpost: Outpost, settings: Settings
) -> None:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"retention_days": 30})
    old = int((_now() - timedelta(days=31)).timestamp())
    status, told = _post(client, outpost.sealed(sent_at=old))
    assert (status, told["error"]["type"]) == (410, "EvidenceExpiredError")
    still = int((_now() - timedelta(days=29)).timestamp())
    assert _post(client, outpost.sealed(sent_at=still))[0] == 200


def test_evidence_does_not_expire_within_retention(outpost: Outpost) -> None:
    assert accept_envelope(outpost.sealed(), at=AT + timedelta(days=399)).counted
    with pytest.raises(EvidenceExpiredError):
        accept_envelope(outpost.sealed(), at=AT + timedelta(days=401))


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "mythos.evidence/2"},
        {"counter": -1},
        {"counter": 2**54},
        {"epoch": "XYZ"},
        {"sent_at": 10**18},
        {"cell_s": 0},
        {"rows": [{}]},
        {"rows": "many"},
        {"unknown": 1},
        {"node": ""},
    ],
)
def test_a_signed_payload_that_is_no_envelope_is_refused(
    client: Client, outpost: Outpost, change: dict[str, Any]
) -> None:
    payload = outpost.envelope().model_dump(mode="json", by_alias=True) | change
    status, told = _post(client, outpost.signed(payload))
    assert (status, told["error"]["type"]) == (422, "EvidenceError")


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"\xff", b"{" * 10_000, b'{"payload":"","payloadType":"","signatures":[]}'],
)
def test_what_is_no_signed_envelope_is_refused(
    client: Client, outpost: Outpost, body: bytes
) -> None:
    assert _post(client, body)[0] == 403


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1, "x": 2},
        {"n": -1, "x": 0},
        {"n": 1},
        {"n": "1", "x": 0},
        {"n": True, "x": 0},
        {"n": 2**54, "x": 0},
        {"n": 1.5, "x": 0},
        {},
    ],
)
def test_one_row_that_does_not_hold_refuses_the_whole_envelope(
    outpost: Outpost, body: dict[str, Any]
) -> None:
    payload = outpost.envelope([outpost.actions(), outpost.covered()]).model_dump(
        mode="json", by_alias=True
    )
    payload["rows"].append({**payload["rows"][0], "subject": "zzz", "body": body})
    with pytest.raises(EvidenceError):
        accept_envelope(outpost.signed(payload), at=AT)
    assert models.EnvelopeReceipt.objects.count() == 0
    assert models.EvidenceRow.objects.count() == 0
    assert Node.objects.get().last_beat_at is None


def test_a_row_that_cannot_be_added_leaves_nothing_half_written(outpost: Outpost) -> None:
    for _ in range(2):
        accept_envelope(outpost.sealed([outpost.actions(2**52)]), at=AT)
    before = outpost.row("action", ActionBody(1), subject="added before it")
    with pytest.raises(EvidenceError):
        accept_envelope(outpost.sealed([before, outpost.actions()]), at=AT)
    assert models.EvidenceRow.objects.count() == 1
    assert models.EnvelopeReceipt.objects.count() == 2
    outpost.counter -= 1
    assert accept_envelope(outpost.sealed([before]), at=AT).counted


def test_a_sum_that_could_not_be_read_again_is_refused(outpost: Outpost) -> None:
    """Two envelopes each within bounds; their sum would break every later reading."""
    for _ in range(2):
        accept_envelope(outpost.sealed([outpost.actions(2**52)]), at=AT)
    with pytest.raises(EvidenceError, match="expected a whole number"):
        accept_envelope(outpost.sealed([outpost.actions(1)]), at=AT)
    assert evidence_of("lab-1", until=AT + minutes(1), window_s=3_600)


def test_an_envelope_is_told_to_be_too_large_in_words(
    client: Client, outpost: Outpost, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    many = [outpost.actions(at=AT + minutes(n)) for n in range(20)]
    status, told = _post(client, outpost.sealed(many))
    assert (status, "larger than 1000 bytes" in told["error"]["message"]) == (422, True)


def test_a_get_is_refused(client: Client) -> None:
    assert client.get(URL).status_code == 405


def test_a_reading_that_fails_costs_no_acknowledgement(
    client: Client, outpost: Outpost, caplog: pytest.LogCaptureFixture
) -> None:
    """The envelope is counted; were the answer an error, the node would send it for ever."""
    models.EvidenceRow.objects.create(
        node_id="lab-1", environment="lab", kind="action", subject="refund",
        cell=int(_now().timestamp()) // 60 * 60, width_s=60, body={"broken": True},
    )  # fmt: skip
    sent_at = int(_now().timestamp())
    status, _ = _post(client, outpost.sealed([outpost.covered(at=_now())], sent_at=sent_at))
    assert status == 200
    assert "the reading of lab-1 is out of date" in caplog.text


def test_the_newest_beat_says_what_is_in_force(outpost: Outpost) -> None:
    late = outpost.envelope(sent_at=int((AT + minutes(5)).timestamp()), heartbeat_s=5)
    early = outpost.envelope(sent_at=int(AT.timestamp()))
    for envelope in (late, early):
        payload = envelope.model_dump(mode="json", by_alias=True)
        accept_envelope(outpost.signed(payload), at=AT + minutes(6))
    node = Node.objects.get()
    assert (node.last_beat_at, node.heartbeat_s) == (AT + minutes(5), 5)
    assert node.in_force["policy_sets"] == [SET]


def test_a_clock_far_ahead_does_not_keep_a_node_from_falling_silent(outpost: Outpost) -> None:
    ahead = int((AT + timedelta(days=300)).timestamp())
    accept_envelope(outpost.sealed(sent_at=ahead), at=AT)
    beat = Node.objects.get().last_beat_at
    assert beat is not None
    assert beat <= AT + timedelta(minutes=5)


def _policy(upheld: int, violated: int) -> PolicyBody:
    return PolicyBody(
        rules={"r": OutcomeCounts(upheld=upheld, violated=violated)},
        runs=RunCounts(clean=upheld, violated=violated),
    )


def _any_rows(outpost: Outpost) -> st.SearchStrategy[list[EvidenceRow]]:
    at = st.integers(0, 3).map(lambda n: AT + minutes(n))
    small = st.integers(0, 5)
    row = st.one_of(
        st.builds(
            lambda n, x, at: outpost.row("action", ActionBody(n + x, x), subject="t", at=at),
            small, small, at,
        ),
        st.builds(
            lambda a, b, at: outpost.row("policy", _policy(a, b), subject=SET, at=at),
            small, small, at,
        ),
        st.builds(
            lambda bits, n, at: outpost.row(
                "time", TimeBody(cell_s=60, active=bits, spans_received=n), at=at
            ),
            st.integers(0, 2**10), small, at,
        ),
    )  # fmt: skip
    return st.lists(row, max_size=8)


@given(data=st.data())
@examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_merge_to_one_result_in_any_order_and_grouping(
    outpost: Outpost, data: st.DataObject
) -> None:
    rows = data.draw(_any_rows(outpost))
    order: Sequence[int] = data.draw(st.permutations(range(len(rows))))
    cut = data.draw(st.integers(0, len(rows)))
    models.EvidenceRow.objects.all().delete()
    shuffled = [rows[i] for i in order]
    merge_rows(shuffled[:cut])
    merge_rows(shuffled[cut:])
    stored = evidence_of("lab-1", until=AT + timedelta(days=1), window_s=2 * 86_400)
    assert digest_of_rows(stored) == digest_of_rows(rows)
    assert len(stored) == len(merge(rows))


def test_rows_that_another_process_stores_meanwhile_are_added_to(
    outpost: Outpost, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (outpost.row("policy", _policy(*n), subject=SET) for n in ((1, 2), (3, 4)))
    other = outpost.actions()

    def looked(rows: list[EvidenceRow]) -> set[RowKey]:
        monkeypatch.undo()
        found = stored_keys(rows)
        merge_rows([two])
        return found

    monkeypatch.setattr(commands, "stored_keys", looked)
    merge_rows([one, other])
    stored = evidence_of("lab-1", until=AT + timedelta(days=1), window_s=2 * 86_400)
    assert digest_of_rows(stored) == digest_of_rows([one, two, other])


def test_text_that_no_database_holds_silences_no_host(outpost: Outpost) -> None:
    """PostgreSQL has no NUL. An agent that calls a tool with one must not stop its host's word."""
    why = "\\u0000 is not \0\0, and neither is \\\0"
    shown = Sample("1" * 16, "ab" * 16, "re\0fund", "a", 0, Outcome.VIOLATED, "r", why=why)
    body = PolicyBody(samples=Samples.of([shown]))
    rows = [
        outpost.row("policy", body, subject=SET),
        outpost.row("action", ActionBody(2), subject="re\0fund"),
    ]
    assert accept_envelope(outpost.sealed(rows), at=AT).counted
    found = evidence_of("lab-1", until=AT, window_s=3_600)
    stored = {row.key.kind: row for row in found}
    assert stored["action"].key.subject == "re\ufffdfund"
    kept = stored["policy"].body
    assert isinstance(kept, PolicyBody)
    (sample,) = kept.samples
    assert (sample.tool, sample.why) == ("re\ufffdfund", why.replace("\0", "\ufffd"))


def test_an_envelope_of_another_payload_type_is_refused(outpost: Outpost) -> None:
    from mythos.adapters.dsse import sign_envelope

    payload = outpost.envelope().model_dump_json(by_alias=True).encode()
    with pytest.raises(TrustError, match=r"holds application/vnd\.mythos\.other"):
        accept_envelope(sign_envelope(payload, "application/vnd.mythos.other", outpost.key), at=AT)
