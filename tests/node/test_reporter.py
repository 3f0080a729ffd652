"""What a node says: every row once, covered time as it was, memory as it is."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mythos.adapters.dsse import open_envelope
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.report_file import envelopes_of, kind_of
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.policy import PolicyBody
from mythos.engines.evidence.row import EvidenceRow, from_wire, merge, to_wire
from mythos.engines.evidence.sample import Sample, Samples
from mythos.engines.evidence.time import TimeBody
from mythos.engines.judge.rows import NS, Place
from mythos.engines.memory.checkpoint import log_origin, parse_checkpoint
from mythos.engines.memory.note import NoteVerifier, verify_note
from mythos.errors import EvidenceError, IdentityError, NotFoundError, UnavailableError
from mythos.node.control_plane import ANSWER_BYTES, ControlPlane
from mythos.node.duty import Duty, no_duty
from mythos.node.receiver import Answer
from mythos.node.report_file import export_report
from mythos.node.reporter import ENVELOPE_BYTES, Reporter, parts_of
from mythos.node.store import NodeStore
from mythos.values.enrolment import EnrolmentRequest
from mythos.values.evidence import PAYLOAD_TYPE, Envelope, InForce
from mythos.values.outcome import Outcome
from tests.adapters.fleet_site import LAB, NOW
from tests.engines.judge.desk import proper_return
from tests.node.household import NODE, House, listening

MINUTE = timedelta(minutes=1)


class Speaker:
    """A reporter with a store, at times the test chooses."""

    def __init__(self, folder: Path, *, heartbeat_s: int = 60, cell_s: int = 60) -> None:
        self.house = House(folder, heartbeat_s=heartbeat_s, cell_s=cell_s)
        self.store: NodeStore = self.house.store()
        self.duty: Duty = no_duty()
        self.reporter = self._reporter()

    def _reporter(self) -> Reporter:
        return Reporter(self.house.home, self.store, self.house.acceptance, self.house.key)

    def restart(self) -> None:
        self.store.close()
        self.store = self.house.store()
        self.reporter = self._reporter()

    def beat(self, at: datetime, *, stale: bool = False) -> int:
        in_force = InForce(bundle=self.duty.digest, assignment_sequence=3)
        return self.reporter.beat(self.duty, in_force, stale=stale, at=at)

    def told(self) -> list[Envelope]:
        return [
            Envelope.model_validate_json(
                open_envelope(one.body, self.house.key.public, payload_type=PAYLOAD_TYPE)
            )
            for one in self.store.unexported(everything=True)
        ]

    def rows(self) -> list[EvidenceRow]:
        return merge(from_wire(row) for envelope in self.told() for row in envelope.rows)

    def covered(self) -> dict[int, int]:
        bodies = {row.key.cell: row.body for row in self.rows() if row.key.kind == "time"}
        return {cell: b.covered for cell, b in bodies.items() if isinstance(b, TimeBody)}

    def wait(self, rows: list[EvidenceRow]) -> None:
        self.store.add_spans([], rows=[to_wire(row).model_dump_json() for row in rows])


@pytest.fixture
def speaker(tmp_path: Path) -> Speaker:
    return Speaker(tmp_path)


def test_an_envelope_says_who_speaks_when_and_of_what(speaker: Speaker) -> None:
    speaker.beat(NOW)
    (envelope,) = speaker.told()
    assert (envelope.node, envelope.environment) == (NODE, LAB)
    assert envelope.key_id == speaker.house.key.key_id
    assert envelope.epoch == speaker.store.epoch
    assert (envelope.counter, envelope.sent_at) == (1, int(NOW.timestamp()))
    assert (envelope.cell_s, envelope.heartbeat_s) == (60, 60)
    assert envelope.in_force.assignment_sequence == 3
    assert [row.kind for row in envelope.rows] == ["time"]


def test_rows_are_told_once_and_as_deltas(speaker: Speaker) -> None:
    rows = proper_return().rows(place=Place(NODE, LAB, "", 60))
    speaker.wait(rows[:3])
    speaker.beat(NOW)
    speaker.wait(rows[3:])
    speaker.beat(NOW + MINUTE)
    speaker.beat(NOW + 2 * MINUTE)
    first, second, third = speaker.told()
    assert [row.kind for row in third.rows] == ["time"]
    assert len(first.rows) + len(second.rows) == len(rows) + 2
    kept = [row for row in speaker.rows() if row.key.kind != "time"]
    assert kept == [row for row in merge(rows) if row.key.kind != "time"]


def test_pending_rows_of_one_key_become_one_row(speaker: Speaker) -> None:
    rows = proper_return().rows(place=Place(NODE, LAB, "", 60))
    speaker.wait(rows)
    speaker.wait(rows)
    speaker.beat(NOW)
    (envelope,) = speaker.told()
    assert len(envelope.rows) == len(rows) + 1


def test_a_beat_covers_the_time_back_to_the_one_before(speaker: Speaker) -> None:
    for minute in range(3):
        speaker.beat(NOW + minute * MINUTE)
    assert speaker.covered() == {int(NOW.timestamp()): 0b111}


def test_a_first_beat_covers_its_own_cell_only(speaker: Speaker) -> None:
    speaker.beat(NOW + 10 * MINUTE)
    assert speaker.covered() == {int(NOW.timestamp()): 1 << 10}


def test_two_missed_beats_are_covered_and_more_are_not(speaker: Speaker) -> None:
    speaker.beat(NOW)
    speaker.beat(NOW + 3 * MINUTE)
    assert speaker.covered() == {int(NOW.timestamp()): 0b1111}
    speaker.beat(NOW + 7 * MINUTE)
    assert speaker.covered() == {int(NOW.timestamp()): 0b1000_1111}


def test_a_quick_restart_leaves_no_hole_and_a_long_one_does(speaker: Speaker) -> None:
    speaker.beat(NOW)
    speaker.restart()
    speaker.beat(NOW + 2 * MINUTE)
    assert speaker.covered() == {int(NOW.timestamp()): 0b111}
    speaker.restart()
    speaker.beat(NOW + 9 * MINUTE)
    assert speaker.covered() == {int(NOW.timestamp()): 0b10_0000_0111}


def test_a_clock_that_goes_back_covers_only_the_present(speaker: Speaker) -> None:
    speaker.beat(NOW + 5 * MINUTE)
    speaker.beat(NOW)
    speaker.beat(NOW + MINUTE)
    assert speaker.covered() == {int(NOW.timestamp()): 0b10_0011}


def test_covered_time_crosses_hours(speaker: Speaker) -> None:
    speaker.beat(NOW - MINUTE)
    speaker.beat(NOW)
    assert speaker.covered() == {int(NOW.timestamp()) - 3_600: 1 << 59, int(NOW.timestamp()): 1}


def test_running_another_bundle_than_assigned_is_stale_after_a_grace(speaker: Speaker) -> None:
    for minute in range(8):
        speaker.beat(NOW + minute * MINUTE, stale=True)
    body = next(row.body for row in speaker.rows() if isinstance(row.body, TimeBody))
    assert isinstance(body, TimeBody)
    assert body.stale == 0b1110_0000
    speaker.beat(NOW + 8 * MINUTE, stale=False)
    speaker.beat(NOW + 9 * MINUTE, stale=True)
    body = next(row.body for row in speaker.rows() if isinstance(row.body, TimeBody))
    assert isinstance(body, TimeBody)
    assert body.stale == 0b1110_0000


def test_evidence_too_large_for_one_envelope_goes_in_several(speaker: Speaker) -> None:
    """A control plane refuses huge bodies; an agent must not gain from swelling its evidence."""
    place = Place(NODE, LAB, "", 60)
    samples = [
        Sample(f"{n:016x}", "ab" * 16, "t", "a", 0, Outcome.VIOLATED, "r", why="w" * 2_000)
        for n in range(30)
    ]
    big = PolicyBody(samples=Samples.of(samples))
    rows = [
        EvidenceRow(place.key("policy", agent="", subject="s", at_ns=n * 60 * NS), big)
        for n in range(120)
    ]
    speaker.wait(rows)
    newest = speaker.beat(NOW)
    envelopes = speaker.told()
    assert len(envelopes) > 1
    assert [one.counter for one in envelopes] == list(range(1, newest + 1))
    assert all(len(one.model_dump_json()) < 2 * ENVELOPE_BYTES for one in envelopes)
    assert [row for row in speaker.rows() if row.key.kind == "policy"] == merge(rows)
    assert speaker.store.pending() == []


def test_no_rows_are_still_one_portion() -> None:
    assert list(parts_of([])) == [[]]


def _with_memory(speaker: Speaker) -> str:
    """Launch the example and seed the memory of its refunds desk."""
    speaker.duty = speaker.house.example_duty()
    home = speaker.house.home
    for name in speaker.duty.agents:
        origin = log_origin(NODE, name)
        store = DirectoryStore(home.memory(name))
        seed(store, home.memory_log(name), {"a.md": b"a"}, origin=origin, at=NOW)
    return log_origin(NODE, "refunds")


def _memory(speaker: Speaker, origin: str) -> MemoryBody:
    rows = [row for row in speaker.rows() if row.key.subject == origin]
    assert {row.key.kind for row in rows} == {"memory"}
    body = rows[-1].body
    assert isinstance(body, MemoryBody)
    return body


def test_a_beat_audits_every_memory_and_signs_a_checkpoint_of_its_log(speaker: Speaker) -> None:
    origin = _with_memory(speaker)
    speaker.beat(NOW)
    body = _memory(speaker, origin)
    assert (body.ok, body.altered, body.proof_failed, body.size) == (1, 0, False, 1)
    (envelope,) = speaker.told()
    assert len(envelope.checkpoints) == 3
    verifier = NoteVerifier.of_bytes(origin, speaker.house.key.public.raw.public_bytes_raw())
    notes = [note for note in envelope.checkpoints if note.startswith(f"{origin}\n")]
    found = parse_checkpoint(verify_note(notes[0], verifier).text)
    assert (found.origin, found.size, found.root) == (origin, 1, body.root)


def test_a_memory_changed_behind_the_log_is_told(speaker: Speaker) -> None:
    origin = _with_memory(speaker)
    (speaker.house.home.memory("refunds") / "a.md").write_text("changed")
    (speaker.house.home.memory("refunds") / "new.md").write_text("new")
    speaker.beat(NOW)
    body = _memory(speaker, origin)
    assert (body.ok, body.altered, body.unlogged) == (0, 1, 1)
    assert body.keys == {"a.md": "altered", "new.md": "unlogged"}


def test_a_memory_whose_log_is_gone_fails_its_proof(speaker: Speaker) -> None:
    origin = _with_memory(speaker)
    speaker.beat(NOW)
    speaker.house.home.memory_log("refunds").unlink()
    speaker.beat(NOW + MINUTE)
    assert _memory(speaker, origin).proof_failed


def test_a_log_that_is_no_log_fails_its_proof_and_stops_nothing(speaker: Speaker) -> None:
    origin = _with_memory(speaker)
    speaker.house.home.memory_log("refunds").write_bytes(b"rubbish" * 1_000)
    speaker.beat(NOW)
    assert _memory(speaker, origin).proof_failed
    assert not _memory(speaker, log_origin(NODE, "orders")).proof_failed


def test_a_report_file_holds_each_envelope_once(speaker: Speaker, tmp_path: Path) -> None:
    speaker.beat(NOW)
    speaker.beat(NOW + MINUTE)
    report = tmp_path / "report.jsonl"
    assert export_report(speaker.store, report) == 2
    assert kind_of(report) == "report"
    lines = list(envelopes_of(report))
    assert [one.body for one in speaker.store.unexported(everything=True)] == lines
    with pytest.raises(NotFoundError, match="exported already"):
        export_report(speaker.store, report)
    assert export_report(speaker.store, report, everything=True) == 2


class Plane:
    """A control plane of a few lines: it answers what the test tells it to."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.seen: list[int] = []

    def take(self, body: bytes, _type: str) -> Answer:
        payload = json.loads(base64.b64decode(json.loads(body)["payload"]))
        self.seen.append(payload["counter"])
        return self.answers.pop(0) if self.answers else Answer(b"{}")


@contextmanager
def facing(plane: Plane) -> Iterator[ControlPlane]:
    """A client of a control plane that listens."""
    with (
        listening({("POST", "/api/v1/evidence"): plane.take}) as receiver,
        closing(ControlPlane(f"http://127.0.0.1:{receiver.port}")) as client,
    ):
        yield client


def _refusal(status: int, kind: str) -> Answer:
    told = {"error": {"type": kind, "message": "no", "remedy": "none"}}
    return Answer(json.dumps(told).encode(), status=status)


def test_envelopes_are_delivered_in_order_once(speaker: Speaker) -> None:
    speaker.beat(NOW)
    speaker.beat(NOW + MINUTE)
    plane = Plane()
    with facing(plane) as client:
        assert speaker.reporter.deliver(client) == 2
        assert speaker.reporter.deliver(client) == 0
    assert plane.seen == [1, 2]


def test_a_final_refusal_is_kept_and_the_next_goes_on(speaker: Speaker) -> None:
    speaker.beat(NOW)
    speaker.beat(NOW + MINUTE)
    plane = Plane(_refusal(410, "EvidenceExpiredError"))
    with facing(plane) as client:
        assert speaker.reporter.deliver(client) == 1
    assert plane.seen == [1, 2]
    assert speaker.store.backlog()["refused"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        _refusal(503, "UnavailableError"),
        Answer(b"<h1>Forbidden by your proxy</h1>", "text/html", 403),
        Answer(b"<h1>Bad Request (400)</h1>", "text/html", 400),
        Answer(b"[]", status=422),
        Answer(b"oops", "text/plain", 500),
        Answer(b"[" * 200_000, status=500),
        Answer(b"[" * 200_000),
        Answer(b"[]"),
        Answer(b""),
        Answer(b"<h1>Sign in to this network</h1>", "text/html"),
        Answer(b'{"error":{"message":"\\ud800","remedy":"x"}}', status=422),
        Answer(b'{"error":{"message":"\\ud800","remedy":"x"}}', status=503),
        Answer(b'{"error":null}', status=422),
        Answer(b'{"witnessed":"' + b"x" * ANSWER_BYTES + b'"}'),
    ],
)
def test_only_the_control_planes_own_word_is_final(speaker: Speaker, answer: Answer) -> None:
    """A proxy that answers 403 for an hour must not cost an hour of evidence."""
    speaker.beat(NOW)
    plane = Plane(answer)
    with facing(plane) as client:
        with pytest.raises(UnavailableError):
            speaker.reporter.deliver(client)
        assert speaker.store.backlog()["unsent"] == 1
        assert speaker.reporter.deliver(client) == 1


def test_an_answer_that_does_not_end_is_none(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.node.control_plane.ANSWER_S", -1.0)
    speaker.beat(NOW)
    with facing(Plane()) as client, pytest.raises(UnavailableError, match="its answer takes over"):
        speaker.reporter.deliver(client)
    assert speaker.store.backlog()["unsent"] == 1


def test_what_is_told_of_a_refusal_is_a_printable_line(speaker: Speaker) -> None:
    speaker.beat(NOW)
    told = {"error": {"type": "x", "message": "no\n\x1b[2J" + "o" * 9_000, "remedy": "none"}}
    with facing(Plane(Answer(json.dumps(told).encode(), status=422))) as client:
        speaker.reporter.deliver(client)
    refusal = speaker.store.last_refusal()
    assert refusal.startswith("the control plane answers: no  [2Jooo")
    assert refusal.isprintable()
    assert len(refusal) < 600


def test_an_answer_to_an_enrolment_that_is_none_is_told(speaker: Speaker) -> None:
    request = EnrolmentRequest(node=NODE, public_key=speaker.house.key.public.pem)
    with (
        listening({("POST", "/api/v1/enrol"): lambda _body, _type: Answer(b"[" * 200_000)}) as port,
        closing(ControlPlane(f"http://127.0.0.1:{port.port}")) as client,
        pytest.raises(UnavailableError, match="no acceptance"),
    ):
        client.enrol(request)


def test_a_control_plane_that_is_not_there_is_told_and_everything_kept(speaker: Speaker) -> None:
    speaker.beat(NOW)
    with (
        closing(ControlPlane("http://127.0.0.1:9")) as client,
        pytest.raises(UnavailableError, match="does not answer"),
    ):
        speaker.reporter.deliver(client)
    assert speaker.store.backlog()["unsent"] == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(403, IdentityError), (410, EvidenceError), (422, EvidenceError)]
)
def test_refusals_come_back_as_errors_of_their_family(status: int, kind: type[Exception]) -> None:
    plane = Plane(_refusal(status, "x"))
    body = json.dumps({"payload": base64.b64encode(b'{"counter": 1}').decode()}).encode()
    with facing(plane) as client, pytest.raises(kind):
        client.send_evidence(body)


def test_the_client_follows_no_proxy_of_the_environment(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    speaker.beat(NOW)
    plane = Plane()
    with facing(plane) as client:
        assert speaker.reporter.deliver(client) == 1


def test_a_log_that_is_another_agents_fails_its_proof(speaker: Speaker) -> None:
    """Two logs swapped on disk are each intact, and neither is what it should be."""
    origin = _with_memory(speaker)
    home = speaker.house.home
    home.memory_log("refunds").unlink()
    seed(
        DirectoryStore(home.memory("other")),
        home.memory_log("other"),
        {"a.md": b"a"},
        origin=log_origin(NODE, "other"), at=NOW,
    )  # fmt: skip
    home.memory_log("other").rename(home.memory_log("refunds"))
    speaker.beat(NOW)
    assert _memory(speaker, origin).proof_failed
