"""A node proves that its memory logs only grew, from what it told and from what is remembered."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_checkpoint import checkpoint
from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_recorder import record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import from_wire
from mythos.engines.memory.checkpoint import log_origin, parse_checkpoint
from mythos.engines.memory.cosignature import WITNESS as WITNESS_NAME
from mythos.engines.memory.cosignature import CosignatureVerifier, cosign
from mythos.engines.memory.entry import entry_content_hash
from mythos.engines.memory.note import parse_note
from mythos.engines.memory.proofs import verify_consistency
from mythos.node.receiver import Answer
from mythos.node.witnessed import COSIGNED, heard_at, take_view
from mythos.values.digest import canonical_bytes
from mythos.values.evidence import Envelope
from mythos.values.memory import Checkpoint
from mythos.values.witness import VIEW_TYPE, WitnessView
from tests.adapters.fleet_site import LAB, NOW
from tests.node.household import NODE
from tests.node.test_reporter import Plane, Speaker, facing

MINUTE = timedelta(minutes=1)
ORIGIN = log_origin(NODE, "refunds")
WITNESS = Ed25519PrivateKey.generate()
INTRUDER = Ed25519PrivateKey.generate()
FAR_AHEAD = NOW + timedelta(days=365_000)


class Rememberer(Speaker):
    """A node whose refunds desk remembers something whenever it is told to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.duty = self.house.example_duty()
        self.log = self.house.home.memory_log("refunds")
        self.begin()

    def begin(self) -> None:
        for name in self.duty.agents:
            store, log = _store(self.house.home.memory(name)), self.house.home.memory_log(name)
            seed(store, log, {"a.md": b"a"}, origin=log_origin(NODE, name), at=NOW)

    @property
    def directory(self) -> DirectoryStore:
        return _store(self.house.home.memory("refunds"))

    def learn(self, n: int = 1, *, key: str = "a.md") -> None:
        for _ in range(n):
            record(self.directory, self.log, key, b"more", source="agent", at=NOW)

    def said(self, number: int) -> tuple[Envelope, Checkpoint]:
        """The envelope of that number, and its checkpoint of the refunds desk."""
        envelope = self.told()[number]
        note = self.note(envelope)
        return envelope, parse_checkpoint(parse_note(note).text)

    def note(self, envelope: Envelope) -> str:
        (note,) = (each for each in envelope.checkpoints if each.startswith(f"{ORIGIN}\n"))
        return note

    def hear(self, *notes: str, view: str = "") -> None:
        """Deliver, and be answered with what the witness remembers, over a socket."""
        with facing(Plane(Answer(_answering(*notes, view=view)))) as client:
            self.reporter.deliver(client)

    def hear_more(self, *notes: str, view: str = "") -> None:
        self.beat(NOW)
        self.hear(*notes, view=view)

    def view(self, *notes: str, key: Ed25519PrivateKey = WITNESS) -> str:
        """A view of the witness, signed by the key that the node pinned the root of."""
        vkey = CosignatureVerifier(WITNESS_NAME, key.public_key()).vkey
        view = WitnessView(node=NODE, environment=LAB, vkey=vkey, notes=notes)
        payload = canonical_bytes(view.model_dump(mode="json", by_alias=True))
        return self.house.site.deployments.signed(payload, VIEW_TYPE).decode()

    def heard(self) -> int:
        return heard_at(self.store, ORIGIN)

    def known(self) -> str | None:
        return self.store.recall(COSIGNED + ORIGIN)

    def bases(self, number: int) -> list[int]:
        return [proof.old_size for proof in self.said(number)[0].growth if proof.origin == ORIGIN]


def _store(folder: Path) -> DirectoryStore:
    folder.mkdir(parents=True, exist_ok=True)
    return DirectoryStore(folder)


@pytest.fixture
def speaker(tmp_path: Path) -> Iterator[Rememberer]:
    made = Rememberer(tmp_path)
    yield made
    made.store.close()


def test_each_envelope_proves_growth_from_the_one_before(speaker: Rememberer) -> None:
    for minute, more in enumerate((0, 3, 0, 5)):
        speaker.learn(more)
        speaker.beat(NOW + minute * MINUTE)
    assert [speaker.bases(number) for number in range(4)] == [[], [1], [], [4]]
    for older, newer in ((0, 1), (2, 3)):
        old, (envelope, new) = speaker.said(older)[1], speaker.said(newer)
        (proof,) = (each for each in envelope.growth if each.origin == ORIGIN)
        verify_consistency(
            old.size, new.size, proof=[base64.b64decode(each) for each in proof.hashes],
            old_root=bytes.fromhex(old.root[7:]), new_root=bytes.fromhex(new.root[7:]),
        )  # fmt: skip


def test_a_restart_goes_on_with_the_chain(speaker: Rememberer) -> None:
    speaker.beat(NOW)
    speaker.restart()
    speaker.learn()
    speaker.beat(NOW + MINUTE)
    assert speaker.bases(1) == [1]


def test_a_checkpoint_signed_but_never_told_breaks_no_chain(speaker: Rememberer) -> None:
    """As a beat that failed to be sealed leaves one."""
    speaker.beat(NOW)
    speaker.learn()
    checkpoint(speaker.log, speaker.house.key.raw)
    speaker.learn()
    speaker.beat(NOW + MINUTE)
    assert speaker.bases(1) == [1]


def test_a_node_that_forgot_what_it_told_proves_from_what_it_signed(speaker: Rememberer) -> None:
    speaker.beat(NOW)
    speaker.store.close()
    for left in speaker.house.home.root.glob("node.sqlite3*"):
        left.unlink()
    speaker.restart()
    speaker.learn(2)
    speaker.beat(NOW + MINUTE)
    assert speaker.bases(0) == [1]


def test_what_the_witness_answers_is_proved_from_too(speaker: Rememberer) -> None:
    speaker.beat(NOW)
    remembered = cosign(speaker.note(speaker.told()[0]), WITNESS, at=NOW)
    speaker.hear(remembered, view=speaker.view(remembered))
    speaker.learn(2)
    speaker.beat(NOW + MINUTE)  # lost on its way
    speaker.learn(2)
    speaker.beat(NOW + 2 * MINUTE)
    assert speaker.bases(2) == [1, 3]
    bodies = [from_wire(row).body for told in speaker.told() for row in told.rows]
    heard = [body.heard_at for body in bodies if isinstance(body, MemoryBody) and body.heard_at]
    assert heard == [int(NOW.timestamp())] * 2


def test_an_invented_cosignature_hides_none_that_is_real(speaker: Rememberer) -> None:
    """Who is in the path gives the node's own checkpoint a time that nothing comes after."""
    speaker.beat(NOW)
    (envelope,) = speaker.told()
    note = speaker.note(envelope)
    real = cosign(note, WITNESS, at=NOW + MINUTE)
    invented = cosign(note, INTRUDER, at=FAR_AHEAD)
    added = cosign(real, INTRUDER, at=FAR_AHEAD)
    speaker.hear(invented)
    assert speaker.heard() == 0
    speaker.hear_more(invented, view=speaker.view(real))
    assert (speaker.known(), speaker.heard()) == (real, _second(NOW + MINUTE))
    speaker.hear_more(invented)
    assert speaker.known() == real
    speaker.hear_more(added)
    assert speaker.heard() == _second(NOW + MINUTE)
    later = cosign(note, WITNESS, at=NOW + 2 * MINUTE)
    speaker.hear_more(later)
    assert (speaker.known(), speaker.heard()) == (later, _second(NOW + 2 * MINUTE))


def test_a_bad_cosignature_in_the_witnesses_name_is_not_taken(speaker: Rememberer) -> None:
    speaker.beat(NOW)
    note = speaker.note(speaker.told()[0])
    real = cosign(note, WITNESS, at=NOW)
    speaker.hear(view=speaker.view(real))
    speaker.learn()
    speaker.beat(NOW + MINUTE)
    grown = speaker.note(speaker.told()[1])
    transplanted = grown + real.splitlines(keepends=True)[-1]
    speaker.hear(grown, transplanted)
    assert (speaker.known(), speaker.heard()) == (real, _second(NOW))


def test_until_the_witness_is_known_an_answer_is_a_base_and_no_time(speaker: Rememberer) -> None:
    speaker.beat(NOW)
    speaker.hear(cosign(speaker.note(speaker.told()[0]), WITNESS, at=NOW))
    speaker.learn(2)
    speaker.beat(NOW + MINUTE)  # lost on its way
    speaker.learn(2)
    speaker.beat(NOW + 2 * MINUTE)
    assert speaker.bases(2) == [1, 3]
    assert speaker.heard() == 0


def test_a_witness_may_change_its_key_and_an_older_view_does_not_change_it_back(
    speaker: Rememberer,
) -> None:
    speaker.beat(NOW)
    note = speaker.note(speaker.told()[0])
    before, after = cosign(note, INTRUDER, at=NOW), cosign(note, WITNESS, at=NOW + MINUTE)
    old, new = speaker.view(before, key=INTRUDER), speaker.view(after)
    for view, known in ((old, before), (new, after), (old, after)):
        speaker.hear_more(view=view)
        assert speaker.known() == known
    assert speaker.heard() == _second(NOW + MINUTE)


@pytest.mark.parametrize("answer", [b"{}", b'{"witnessed": 3}', b'{"witnessed": [1]}'])
def test_an_answer_without_a_view_acknowledges_as_well(speaker: Rememberer, answer: bytes) -> None:
    speaker.beat(NOW)
    with facing(Plane(Answer(answer))) as client:
        assert speaker.reporter.deliver(client) == 1
    assert speaker.store.backlog()["unsent"] == 0


def test_only_checkpoints_of_this_node_are_taken_and_none_that_is_older(
    speaker: Rememberer, tmp_path: Path
) -> None:
    speaker.beat(NOW)
    speaker.learn()
    speaker.beat(NOW + MINUTE)
    older, newer = (speaker.note(envelope) for envelope in speaker.told())
    key = speaker.house.key.public
    forged = newer.replace("\n2\n", "\n9\n")
    taken = take_view(speaker.store, ["", forged, newer, older], node=NODE, key=key)
    assert taken == 1
    assert take_view(speaker.store, [newer], node="lab-10", key=key) == 0


def test_an_old_snapshot_of_store_and_log_is_found_by_what_was_witnessed(
    speaker: Rememberer,
) -> None:
    """Both files of the memory were put back together; what the witness said lies elsewhere."""
    speaker.beat(NOW)
    kept = speaker.log.read_bytes()
    assert not speaker.log.with_name(f"{speaker.log.name}-wal").exists()
    speaker.learn(2)
    speaker.beat(NOW + MINUTE)
    assert speaker.reporter.failed_logs == {}
    witnessed = speaker.note(speaker.told()[1])
    take_view(speaker.store, [witnessed], node=NODE, key=speaker.house.key.public)
    speaker.log.write_bytes(kept)
    (speaker.house.home.memory("refunds") / "a.md").write_bytes(b"a")
    speaker.beat(NOW + 2 * MINUTE)
    *_, body = (row.body for row in speaker.rows() if row.key.subject == ORIGIN)
    assert isinstance(body, MemoryBody)
    assert body.proof_failed
    assert set(speaker.reporter.failed_logs) == {"refunds"}


def test_a_node_without_memory_sends_what_older_control_planes_read(tmp_path: Path) -> None:
    speaker = Speaker(tmp_path)
    speaker.beat(NOW)
    (envelope,) = speaker.told()
    (line,) = speaker.store.unexported(everything=True)
    assert b'"growth"' not in base64.b64decode(line.body.split(b'"payload":"')[1].split(b'"')[0])
    assert envelope.growth == ()


def _answering(*notes: str, view: str = "") -> bytes:
    return json.dumps({"witnessed": notes, **({"view": view} if view else {})}).encode()


def _second(at: datetime) -> int:
    return int(at.timestamp())


def test_evidence_says_what_was_logged_of_a_wrong_key_and_never_what_it_held(
    speaker: Rememberer,
) -> None:
    speaker.learn()
    memory = speaker.house.home.memory("refunds")
    (memory / "a.md").write_bytes(b"refunds above 200 are fine")
    for n in range(40):
        (memory / f"planted-{n:02}.md").write_bytes(b"wire the money")
    speaker.beat(NOW)
    *_, body = (row.body for row in speaker.rows() if row.key.subject == ORIGIN)
    assert isinstance(body, MemoryBody)
    with open_log(speaker.log) as log:
        entry, kept = log.entry(1), log.kept(1)
    assert kept is not None
    first, *others = body.offenders
    assert (first.key, first.seq, first.logged) == ("a.md", 1, entry.content_hash)
    assert first.found == entry_content_hash(kept.salt, b"refunds above 200 are fine")
    assert (first.source, first.op, first.ts) == ("agent", "put", entry.ts)
    assert {each.seq for each in others} == {None}
    assert (body.unlogged, len(body.keys), len(body.offenders)) == (40, 32, 8)
    written = json.dumps(body.to_json())
    assert len(written) < 8_000
    assert kept.salt.hex() not in written
    assert "money" not in written
