"""A log that cannot be looked at, or audited, costs its own row and never the beat."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import from_wire
from mythos.engines.memory.cosignature import cosign
from mythos.node.orders import Orders
from mythos.node.reporter import Reporter
from tests.adapters.fleet_site import NOW
from tests.node.test_paced_audits import Slow
from tests.node.test_witnessed import MINUTE, ORIGIN, WITNESS


class Troubled(Slow):
    """A node that waits no time for locks."""

    def say(self) -> dict[str, MemoryBody]:
        """What the next beat, a minute later, says of each memory log."""
        self.beat(NOW + self.beats * MINUTE)
        self.beats += 1
        rows = (from_wire(row) for row in self.told()[-1].rows if row.kind == "memory")
        return {row.key.subject: row.body for row in rows if isinstance(row.body, MemoryBody)}

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.log, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield


@pytest.fixture
def troubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Troubled]:
    monkeypatch.setattr("mythos.adapters.memory_log_database.LOCK_WAIT_S", 0.01)
    made = Troubled(tmp_path)
    yield made
    made.store.close()


@pytest.mark.parametrize("cost_s", [0.0, 10.0])
def test_of_a_locked_log_nothing_is_said_and_of_the_others_all(
    troubled: Troubled, cost_s: float
) -> None:
    troubled.clock.look_s = cost_s
    all_of_them = set(troubled.say())
    with troubled.locked():
        said = troubled.say()
    assert set(said) == all_of_them - {ORIGIN}
    assert not any(body.proof_failed for body in said.values())
    assert not any(note.startswith(ORIGIN) for note in troubled.told()[-1].checkpoints)
    assert troubled.reporter.failed_logs == {}
    assert "stayed locked" in troubled.reporter.unseen_logs["refunds"]
    assert set(troubled.say()) == all_of_them
    assert troubled.reporter.unseen_logs == {}


def test_a_folder_in_the_place_of_a_file_of_the_log_keeps_it_from_being_looked_at(
    troubled: Troubled,
) -> None:
    troubled.say()
    Path(f"{troubled.log}-wal").unlink(missing_ok=True)
    Path(f"{troubled.log}-wal").mkdir()
    assert ORIGIN not in troubled.say()
    assert set(troubled.reporter.unseen_logs) == {"refunds"}


def test_what_was_found_wrong_is_told_on_while_the_log_is_locked(troubled: Troubled) -> None:
    (troubled.memory / "planted.md").write_bytes(b"planted")
    found = troubled.say()[ORIGIN]
    with troubled.locked():
        said = troubled.say()[ORIGIN]
    assert (said, said.unlogged) == (found, 1)
    assert set(troubled.reporter.unseen_logs) == {"refunds"}


@pytest.mark.parametrize(
    "make", [Path.mkdir, os.mkfifo, lambda log: log.symlink_to(log), lambda log: log.write_text("")]
)
@pytest.mark.parametrize("heard", [False, True])
def test_what_is_no_log_in_the_place_of_one_does_not_hold(
    troubled: Troubled, make: Callable[[Path], None], *, heard: bool
) -> None:
    others = set(troubled.say()) - {ORIGIN}
    if heard:
        real = cosign(troubled.note(troubled.told()[-1]), WITNESS, at=NOW)
        troubled.hear(real, view=troubled.view(real))
    troubled.log.unlink()
    make(troubled.log)
    said = troubled.say()
    assert said[ORIGIN].proof_failed
    assert not any(said[origin].proof_failed for origin in others)
    assert set(troubled.reporter.failed_logs) == {"refunds"}


def test_an_agent_whose_log_can_have_no_name_costs_its_own_row_alone(troubled: Troubled) -> None:
    agents, endless = troubled.duty.agents, "a/" * 75
    named = set(troubled.say())
    troubled.duty = replace(troubled.duty, agents={endless: agents["refunds"], **agents})
    assert set(troubled.say()) == named
    assert troubled.reporter.failed_logs == {}
    assert troubled.reporter.unseen_logs.keys() == {endless}
    assert "give the node and the agent shorter names" in troubled.reporter.unseen_logs[endless]


class Forgetful(Orders):
    """Orders whose secret is lost to the first of three logs that ask for it."""

    asked = 0

    @property
    def secret(self) -> bytes:
        self.asked += 1
        if self.asked % 3 == 1:
            msg = "no secret"
            raise ValueError(msg)
        return b"s" * 32


def test_a_fault_in_the_audit_of_one_log_fails_that_log_alone(
    troubled: Troubled, caplog: pytest.LogCaptureFixture
) -> None:
    house = troubled.house
    troubled.reporter = Reporter(
        house.home, troubled.store, house.acceptance, house.key,
        orders=Forgetful(house.home, troubled.store),
    )  # fmt: skip
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            failed = [body.proof_failed for body in troubled.say().values()]
            assert sorted(failed) == [False, False, True]
    (why,) = troubled.reporter.failed_logs.values()
    assert why == "it cannot be audited: ValueError('no secret')"
    (record,) = caplog.records
    assert record.exc_info is not None


def test_a_fault_between_audits_fails_the_log_and_not_the_beat(troubled: Troubled) -> None:
    def broken() -> float:
        msg = "no clock"
        raise ValueError(msg)

    house = troubled.house
    troubled.reporter = Reporter(
        house.home, troubled.store, house.acceptance, house.key, processor=broken
    )
    assert all(body.proof_failed for body in troubled.say().values())
    assert set(troubled.reporter.failed_logs) == set(troubled.duty.agents)
