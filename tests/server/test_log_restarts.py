"""After an operator let a log begin anew, what was audited before is of another log."""

from __future__ import annotations

import pytest

from mythos.engines.evidence.memory import MemoryBody
from mythos.server.memories.pages.entry_selection import EntrySelection
from mythos.server.memories.pages.listing import LogRow
from mythos.server.memories.presentation import show_memories, show_memory
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.log_models import MemoryCheckpoint
from mythos.server.resilience.models import IntakeFinding
from mythos.server.resilience.readings import refresh
from mythos.server.resilience.witness_files import restart_log
from mythos.values.reading import Component
from tests.server.outpost import AT, Outpost, minutes
from tests.server.test_witness import ORIGIN, TRUE, Log

pytestmark = pytest.mark.django_db
NEW = Log(history="from the backup")
OLD_EPOCH, NEW_EPOCH = "0" * 16, "f" * 16


def _report(
    outpost: Outpost,
    nth: int,
    *,
    size: int,
    log: Log = TRUE,
    epoch: str = OLD_EPOCH,
    clock: int | None = None,
    altered: int = 0,
    restarts: int = 0,
    failed: bool = False,
    heard: int = 0,
) -> None:
    """Envelope `nth` of an epoch: an audit and a checkpoint of `size`, by the node's clock."""
    told = AT + minutes(nth if clock is None else clock)
    body = MemoryBody(
        size=size, audited_at=int(told.timestamp()), ok=size, altered=altered, restarts=restarts,
        proof_failed=failed, heard_at=int((AT + minutes(heard)).timestamp()) if heard else 0,
    )  # fmt: skip
    envelope = outpost.sealed(
        [outpost.row("memory", body, subject=ORIGIN, at=told), outpost.covered(at=told)],
        sent_at=int(told.timestamp()), counter=nth, epoch=epoch,
        checkpoints=(log.note(outpost.key, size),),
        growth=tuple(log.grown(base, size) for base in range(1, size)),
    )  # fmt: skip
    assert accept_envelope(envelope, at=AT + minutes(nth)).counted


def _restart(nth: int) -> None:
    restart_log(ORIGIN, by="ada", why="the disk was replaced", at=AT + minutes(nth))


def _integrity(nth: int) -> Component:
    reading = refresh("lab-1", at=AT + minutes(nth))
    assert reading is not None
    (part,) = [p for p in reading.reading["components"] if p["name"] == "memory_integrity_score"]
    return Component.model_validate(part)


def _listed(nth: int) -> LogRow:
    (row,) = show_memories(EntrySelection(), at=AT + minutes(nth)).rows
    page = show_memory("lab-1", ORIGIN, EntrySelection(), at=AT + minutes(nth), by="ada", barred="")
    assert page.here == row
    return row


def test_a_smaller_log_that_began_anew_replaces_a_larger_one_that_was_bad(
    outpost: Outpost,
) -> None:
    _report(outpost, 0, size=9, altered=3)
    _report(outpost, 1, size=2, log=NEW)
    assert _integrity(1).mid == 0.0
    _restart(2)
    assert (_integrity(2).mid, _listed(2).ok) == (None, None)
    _report(outpost, 3, size=2, log=NEW)
    part, row = _integrity(3), _listed(3)
    assert (part.mid, part.detail["ok"], part.detail["altered"]) == (1.0, 2, 0)
    assert (row.standing.name, row.ok, row.altered) == ("as_logged", 2, 0)


def test_a_smaller_log_that_began_anew_does_not_hide_behind_a_larger_one_that_was_good(
    outpost: Outpost,
) -> None:
    _report(outpost, 0, size=9)
    _report(outpost, 1, size=2, log=NEW)
    _restart(2)
    _report(outpost, 3, size=2, log=NEW, altered=2)
    assert (_integrity(3).mid, _listed(3).standing.name) == (0.5, "altered")


def test_a_report_from_before_the_restart_that_comes_late_changes_nothing(
    outpost: Outpost,
) -> None:
    _report(outpost, 4, size=9)
    _report(outpost, 5, size=2, log=NEW)
    _restart(6)
    _report(outpost, 3, size=8, altered=5)
    assert not MemoryCheckpoint.objects.exists()
    _report(outpost, 7, size=2, log=NEW)
    _report(outpost, 2, size=7, altered=5)
    assert MemoryCheckpoint.objects.get().size == 2
    assert not IntakeFinding.objects.filter(resolved_at=None).exists()
    assert (_integrity(7).mid, _listed(7).ok) == (1.0, 2)


def test_a_new_disk_with_its_clock_set_back_is_still_what_came_later(outpost: Outpost) -> None:
    _report(outpost, 9, size=9)
    _report(outpost, 10, size=2, log=NEW, epoch=NEW_EPOCH, clock=11)
    _restart(11)
    _report(outpost, 12, size=2, log=NEW, epoch=NEW_EPOCH, clock=1)
    assert MemoryCheckpoint.objects.get().size == 2
    assert (_integrity(12).detail["ok"], _listed(12).ok) == (2, 2)


def test_a_cell_that_holds_both_logs_tells_of_the_new_one(outpost: Outpost) -> None:
    _report(outpost, 0, size=9, altered=3)
    _restart(1)
    _report(outpost, 1, size=2, log=NEW, clock=0)
    assert (_integrity(1).detail["ok"], _listed(1).altered) == (2, 0)


def test_the_first_audit_of_a_host_that_had_heard_of_the_restart_counts_at_once(
    outpost: Outpost,
) -> None:
    _report(outpost, 1, size=2, failed=True, heard=1)
    assert "anew" not in _listed(1).standing.reason
    _restart(2)
    _report(outpost, 3, size=2, failed=True, heard=2)
    standing = _listed(3).standing
    assert (standing.name, "not heard yet" in standing.reason) == ("forked", True)
    _report(outpost, 4, size=2, clock=3, heard=3)
    assert (_integrity(4).mid, _listed(4).standing.name) == (1.0, "as_logged")


def test_a_failure_after_the_host_had_heard_is_hidden_by_no_later_audit_of_its_cell(
    outpost: Outpost,
) -> None:
    _report(outpost, 0, size=2)
    _restart(1)
    _report(outpost, 2, size=2, failed=True, heard=2)
    for nth, heard in ((3, 3), (4, 4), (5, 0)):
        _report(outpost, nth, size=nth, clock=2, heard=heard)
        standing = _listed(nth).standing
        assert (standing.name, "not heard yet" in standing.reason) == ("forked", False)


def test_a_node_cannot_say_that_its_log_began_anew(outpost: Outpost) -> None:
    _report(outpost, 0, size=9, altered=3)
    _report(outpost, 1, size=9, restarts=7)
    _report(outpost, 2, size=9, altered=3)
    assert _integrity(2).mid == 0.75


def test_a_forged_log_is_not_forgiven_because_its_own_audits_go_on(outpost: Outpost) -> None:
    """The node's audit of the forgery holds, and is newer than what the witness saw."""
    _report(outpost, 0, size=9)
    for nth in (1, 2, 3):
        _report(outpost, nth, size=9, log=Log(history="forged"))
    assert _integrity(3).mid == 0.0
