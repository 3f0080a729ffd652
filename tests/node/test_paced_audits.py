"""Audits that cost much are taken now and then, and by the next beat where harm is suspected."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mythos.adapters.memory_recorder import Recorder
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import from_wire
from mythos.engines.memory.checkpoint import checkpoint_text
from mythos.engines.memory.cosignature import cosign
from mythos.engines.memory.note import NoteSigner, sign_note
from mythos.engines.resilience.components import integrity
from mythos.node.reporter import Reporter
from mythos.node.witnessed import take_view
from tests.adapters.fleet_site import NOW
from tests.node.household import NODE
from tests.node.test_witnessed import MINUTE, ORIGIN, WITNESS, Rememberer


class Clock:
    """Seconds; every look at those of the processor costs `look_s`, so that an audit does."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.look_s = 10.0

    def __call__(self) -> float:
        return self.now_s

    def processor(self) -> float:
        self.now_s += self.look_s
        return self.now_s


class Slow(Rememberer):
    """A node whose audits cost ten seconds each, and its refunds desk."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        super().__init__(folder)
        self.beats = 0

    def _reporter(self) -> Reporter:
        house = self.house
        return Reporter(
            house.home, self.store, house.acceptance, house.key,
            clock=self.clock, processor=self.clock.processor,
        )  # fmt: skip

    @property
    def memory(self) -> Path:
        return self.house.home.memory("refunds")

    def next(self) -> MemoryBody:
        """What the next beat, a minute later, says of the refunds desk."""
        self.beat(NOW + self.beats * MINUTE)
        self.beats += 1
        envelope = self.told()[-1]
        (row,) = (row for row in envelope.rows if row.subject == ORIGIN)
        body = from_wire(row).body
        assert isinstance(body, MemoryBody)
        return body

    def age(self, body: MemoryBody) -> timedelta:
        """How old an audit was when the newest beat told it."""
        newest = NOW + (self.beats - 1) * MINUTE
        return timedelta(seconds=newest.timestamp() - body.audited_at)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Slow]:
    made = Slow(tmp_path)
    yield made
    made.store.close()


def test_between_audits_the_last_one_is_told_with_what_was_written_since(slow: Slow) -> None:
    first = slow.next()
    slow.learn(3)
    body = slow.next()
    _, said = slow.said(-1)
    assert (body.audited_at, slow.age(body)) == (first.audited_at, MINUTE)
    assert (body.size, body.root) == (4, said.root) == (said.size, said.root)
    assert (body.ok, body.written_since) == (0, 1)
    part = integrity({ORIGIN: [first, body]}, applies=True)
    assert (part.low, part.mid, part.high) == (0.0, 1.0, 1.0)
    assert slow.bases(-1) == [1]


def test_a_new_key_is_unknown_and_the_others_stay_what_they_were(slow: Slow) -> None:
    slow.next()
    slow.learn(key="b.md")
    slow.learn(key="c.md")
    body = slow.next()
    assert (body.ok, body.written_since) == (1, 2)
    part = integrity({ORIGIN: [body]}, applies=True)
    assert (round(part.low, 6), part.mid, part.high) == (0.333333, 1.0, 1.0)


def test_an_audit_is_taken_when_its_pause_is_over(slow: Slow) -> None:
    slow.next()
    (pause_s,) = {each["pause_s"] for each in slow.reporter.audits}
    assert pause_s == 19 * 3 * 10
    (slow.memory / "a.md").write_bytes(b"changed")
    body = slow.next()
    assert (body.altered, slow.age(body)) == (0, MINUTE)
    slow.clock.now_s += pause_s
    body = slow.next()
    assert (body.altered, slow.age(body)) == (1, timedelta())


def test_cheap_audits_are_taken_at_every_beat(slow: Slow) -> None:
    slow.clock.look_s = 0.1
    assert [slow.age(slow.next()) for _ in range(3)] == [timedelta()] * 3


def test_the_first_beat_of_a_process_audits(slow: Slow) -> None:
    slow.next()
    assert slow.age(slow.next()) == MINUTE
    slow.restart()
    assert slow.age(slow.next()) == timedelta()


def test_what_was_wrong_is_told_and_audited_again_soon_until_it_was_accepted(slow: Slow) -> None:
    (slow.memory / "planted.md").write_bytes(b"planted")
    for _ in range(2):  # the audits of other logs after the first one are longer than its pause
        found = slow.next()
        assert (found.unlogged, slow.age(found)) == (1, timedelta())
    with Recorder(slow.directory, slow.log) as memory:
        memory.accept("planted.md", at=NOW)
    (pause_s,) = {each["pause_s"] for each in slow.reporter.audits if each["log"] == ORIGIN}
    assert pause_s == 10
    assert slow.next() == found
    slow.clock.now_s += pause_s
    body = slow.next()
    assert (body.unlogged, body.ok, slow.age(body)) == (0, 2, timedelta())
    assert slow.age(slow.next()) == MINUTE


def test_a_log_that_was_put_back_is_audited_at_once(slow: Slow) -> None:
    kept = slow.log.read_bytes()
    slow.learn()
    slow.next()
    slow.log.write_bytes(kept)
    body = slow.next()
    assert (body.size, body.altered, slow.age(body)) == (1, 1, timedelta())


def test_a_log_that_is_gone_is_audited_at_once(slow: Slow) -> None:
    slow.next()
    slow.log.unlink()
    body = slow.next()
    assert (body.proof_failed, slow.age(body)) == (True, timedelta())


def test_a_log_made_anew_of_the_same_size_is_audited_at_once(slow: Slow) -> None:
    """Its stored checkpoints are gone with it; what the process remembers is not."""
    slow.next()
    slow.log.unlink()
    (slow.memory / "a.md").unlink()
    slow.begin()
    body = slow.next()
    assert slow.age(body) == timedelta()


def test_what_the_witness_remembers_otherwise_is_audited_at_once(slow: Slow) -> None:
    slow.next()
    text = checkpoint_text(ORIGIN, 1, b"\1" * 32)
    other = sign_note(text, NoteSigner(ORIGIN, slow.house.key.raw))
    assert take_view(slow.store, [other], node=NODE, key=slow.house.key.public) == 1
    body = slow.next()
    assert (body.proof_failed, slow.age(body)) == (True, timedelta())


def test_what_the_witness_follows_makes_no_audit_due_after_the_first_time(slow: Slow) -> None:
    ages, heard = [], []
    for minute in range(4):
        body = slow.next()
        ages.append(slow.age(body))
        heard.append(body.heard_at)
        slow.learn()
        real = cosign(slow.note(slow.told()[-1]), WITNESS, at=NOW + minute * MINUTE)
        slow.hear(real, view=slow.view(real))
    assert ages == [timedelta(), timedelta(), MINUTE, 2 * MINUTE]
    assert heard == [0, *[int(NOW.timestamp())] * 3]


def test_a_proof_that_fails_between_audits_is_told_and_audited_by_the_next_beat(
    slow: Slow,
) -> None:
    slow.next()
    slow.learn()
    text = checkpoint_text(ORIGIN, 2, b"\1" * 32)
    forged = sign_note(text, NoteSigner(ORIGIN, slow.house.key.raw))
    with closing(sqlite3.connect(slow.log)) as db, db:
        db.execute("INSERT INTO checkpoints VALUES (2, ?)", (forged,))
    body = slow.next()
    assert (body.proof_failed, slow.age(body)) == (True, timedelta())
    assert set(slow.reporter.failed_logs) == {"refunds"}
    with closing(sqlite3.connect(slow.log)) as db, db:
        db.execute("DELETE FROM checkpoints WHERE size = 2")
    body = slow.next()
    assert (body.proof_failed, body.ok, slow.age(body)) == (False, 1, timedelta())


def test_a_proof_that_failed_is_told_until_the_next_audit(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mythos.adapters.memory_log_database.LOCK_WAIT_S", 0.01)
    alone = {"refunds": slow.duty.agents["refunds"]}
    slow.duty = replace(slow.duty, agents=alone)
    slow.next()
    text = checkpoint_text(ORIGIN, 1, b"\1" * 32)
    forged = sign_note(text, NoteSigner(ORIGIN, slow.house.key.raw))
    with closing(sqlite3.connect(slow.log)) as db, db:
        ((kept,),) = db.execute("SELECT note FROM checkpoints WHERE size = 1").fetchall()
        db.execute("UPDATE checkpoints SET note = ? WHERE size = 1", (forged,))
    failed = slow.next()
    why = slow.reporter.failed_logs["refunds"]
    assert (failed.proof_failed, slow.age(failed)) == (True, timedelta())
    with closing(sqlite3.connect(slow.log)) as db, db:
        db.execute("UPDATE checkpoints SET note = ? WHERE size = 1", (kept,))
    assert slow.next() == failed
    assert slow.reporter.failed_logs == {"refunds": why}
    with closing(sqlite3.connect(slow.log, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert slow.next() == failed, "no lock hides it"
    (pause_s,) = {each["pause_s"] for each in slow.reporter.audits}
    assert pause_s == 10
    slow.clock.now_s += pause_s
    body = slow.next()
    assert (body.proof_failed, body.ok, slow.age(body)) == (False, 1, timedelta())
    assert slow.reporter.failed_logs == {}


def test_a_signed_checkpoint_that_was_verified_before_is_refused_when_it_was_changed(
    slow: Slow,
) -> None:
    slow.clock.look_s = 0.0
    slow.next()
    slow.learn()
    assert not slow.next().proof_failed
    with closing(sqlite3.connect(slow.log)) as db, db:
        ((note,),) = db.execute("SELECT note FROM checkpoints WHERE size = 1").fetchall()
        head, _, signature = note.rpartition(" ")
        blob = base64.b64decode(signature)
        changed = f"{head} {base64.b64encode(blob[:-1] + bytes([blob[-1] ^ 1])).decode()}\n"
        db.execute("UPDATE checkpoints SET note = ? WHERE size = 1", (changed,))
    assert slow.next().proof_failed
    assert "signature" in slow.reporter.failed_logs["refunds"]


def test_the_node_says_when_it_audited_and_what_that_cost(slow: Slow) -> None:
    slow.next()
    slow.next()
    told = {str(each["log"]): each for each in slow.reporter.audits}
    assert told[ORIGIN] == {
        "log": ORIGIN, "audited_at": NOW.isoformat(), "cpu_s": 10.0, "pause_s": 570,
    }  # fmt: skip
    slow.duty = type(slow.duty)(slow.duty.bundle, slow.duty.rulebook, {})
    slow.beat(NOW + 2 * MINUTE)
    assert slow.reporter.audits == []
