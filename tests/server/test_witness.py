"""A memory log that was rewritten on its host is found by who remembers what it was."""

from __future__ import annotations

import hashlib

import pytest

from mythos.engines.memory.checkpoint import checkpoint_text, log_origin
from mythos.engines.memory.note import NoteSigner, sign_note
from mythos.server.catalog.commands import admit
from mythos.server.catalog.models import Environment
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.models import EnvelopeReceipt, IntakeFinding, MemoryCheckpoint
from mythos.server.resilience.readings import refresh
from tests.server.outpost import AT, Outpost, minutes

pytestmark = pytest.mark.django_db
ORIGIN = log_origin("lab-1", "clerk")


@pytest.fixture
def outpost() -> Outpost:
    Environment.objects.create(name="lab")
    made = Outpost()
    admit(made.request, "lab")
    return made


def _note(outpost: Outpost, size: int, root: str = "", *, origin: str = ORIGIN) -> str:
    digest = hashlib.sha256(f"{size} {root}".encode()).digest()
    return sign_note(checkpoint_text(origin, size, digest), NoteSigner(origin, outpost.key.raw))


def _tell(outpost: Outpost, *notes: str, minute: int) -> None:
    sent_at = int((AT + minutes(minute)).timestamp())
    envelope = outpost.sealed(sent_at=sent_at, checkpoints=notes)
    assert accept_envelope(envelope, at=AT + minutes(minute)).counted


def _found() -> list[str]:
    return [found.detail for found in IntakeFinding.objects.filter(code="MEMORY_LOG_FORK")]


def test_a_log_that_grows_is_remembered_at_its_newest(outpost: Outpost) -> None:
    for minute, size in enumerate((1, 1, 4, 9)):
        _tell(outpost, _note(outpost, size), minute=minute)
    kept = MemoryCheckpoint.objects.get()
    assert (kept.origin, kept.size, kept.node_id) == (ORIGIN, 9, "lab-1")
    assert _found() == []


def test_a_log_that_shrank_is_a_critical_finding_and_no_integrity(outpost: Outpost) -> None:
    _tell(outpost, _note(outpost, 9), minute=0)
    _tell(outpost, _note(outpost, 4), minute=1)
    assert _found() == ["4 entries after there had been 9"]
    assert MemoryCheckpoint.objects.get().size == 9
    reading = refresh("lab-1", at=AT + minutes(1))
    assert reading is not None
    assert reading.state == "CRITICAL"
    (flag,) = [f for f in reading.symbolic_warning_flags if f["code"] == "MEMORY_LOG_FORK"]
    assert (flag["severity"], flag["state"]) == ("critical", "firing")
    assert ORIGIN in flag["subject"]
    assert reading.memory_integrity_score == 0.0


def test_another_root_at_the_same_size_is_a_finding(outpost: Outpost) -> None:
    _tell(outpost, _note(outpost, 5), minute=0)
    _tell(outpost, _note(outpost, 5, "rewritten"), minute=1)
    assert _found() == ["another root at size 5"]


def test_envelopes_may_come_in_any_order(outpost: Outpost) -> None:
    """A report carried late holds older checkpoints than those that are known."""
    for minute, size in ((5, 9), (1, 2), (3, 4), (0, 2), (6, 9)):
        _tell(outpost, _note(outpost, size), minute=minute)
    assert _found() == []
    assert MemoryCheckpoint.objects.get().size == 9


def test_a_late_envelope_may_show_that_a_log_was_cut(outpost: Outpost) -> None:
    _tell(outpost, _note(outpost, 4), minute=5)
    _tell(outpost, _note(outpost, 9), minute=1)
    assert _found() == ["4 entries after there had been 9"]


def test_logs_are_remembered_each_by_itself(outpost: Outpost) -> None:
    other = log_origin("lab-1", "other")
    _tell(outpost, _note(outpost, 9), _note(outpost, 2, origin=other), minute=0)
    _tell(outpost, _note(outpost, 9), _note(outpost, 1, origin=other), minute=1)
    assert [found.subject for found in IntakeFinding.objects.all()] == [other]


@pytest.mark.parametrize("notes", ["", "rubbish", "two"])
def test_a_checkpoint_that_is_none_is_a_finding_and_refuses_no_evidence(
    outpost: Outpost, notes: str
) -> None:
    """Who damages a log must not gain that the node's evidence is lost with it."""
    _tell(outpost, notes, minute=0)
    assert len(_found()) == 1
    assert EnvelopeReceipt.objects.count() == 1


def test_a_checkpoint_of_another_nodes_log_is_a_finding(outpost: Outpost) -> None:
    admit(Outpost(node="lab-10").request, "lab")
    for origin in (log_origin("lab-10", "clerk"), log_origin("lab-2", "clerk"), "else/where"):
        _tell(outpost, _note(outpost, 3, origin=origin), minute=0)
    assert not MemoryCheckpoint.objects.exists()
    assert IntakeFinding.objects.get().subject == "mythos/lab-1"


def test_a_checkpoint_signed_by_another_key_is_a_finding(outpost: Outpost) -> None:
    _tell(outpost, _note(Outpost(), 3), minute=0)
    assert "no known key signed this note" in _found()[0]


def test_a_resolved_finding_opens_again_for_another_root_only(outpost: Outpost) -> None:
    _tell(outpost, _note(outpost, 9), minute=0)
    _tell(outpost, _note(outpost, 4), minute=1)
    IntakeFinding.objects.update(resolved_at=AT)
    _tell(outpost, _note(outpost, 4), minute=2)
    assert IntakeFinding.objects.get().resolved_at == AT
    _tell(outpost, _note(outpost, 5), minute=3)
    assert IntakeFinding.objects.get().resolved_at is None
