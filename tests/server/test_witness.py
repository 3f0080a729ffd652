"""A memory log that was rewritten on its host is found by who remembers what it was."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from mythos.adapters.dsse import open_envelope
from mythos.adapters.key_file import SigningKey
from mythos.adapters.root_keys import keys_of
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.checkpoint import checkpoint_text, log_origin, parse_checkpoint
from mythos.engines.memory.cosignature import verify_cosignature
from mythos.engines.memory.note import NoteSigner, NoteVerifier, sign_note, verify_note
from mythos.engines.memory.tree import MerkleLog
from mythos.engines.memory.witness import growth_proof
from mythos.server.catalog.commands import admit
from mythos.server.catalog.models import Environment
from mythos.server.deployment import trust
from mythos.server.resilience.commands import accept_envelope
from mythos.server.resilience.log_models import MemoryCheckpoint, UnprovedCheckpoint
from mythos.server.resilience.models import EnvelopeReceipt, IntakeFinding
from mythos.server.resilience.readings import refresh
from mythos.server.resilience.witness import MAX_UNPROVED
from mythos.server.resilience.witness_findings import MAX_SHOWN
from mythos.server.resilience.witness_key import witness_verifier
from mythos.values.memory import GrowthProof
from mythos.values.witness import VIEW_TYPE, WitnessView
from tests.server.outpost import AT, Outpost, minutes

pytestmark = pytest.mark.django_db
ORIGIN = log_origin("lab-1", "clerk")
OTHER = log_origin("lab-1", "other")


class Log:
    """A memory log of the node, of which every past can be signed and proved."""

    def __init__(self, *, history: str = "true", shared: int = 0, origin: str = ORIGIN) -> None:
        """`shared` entries are those of the true history; what follows is of `history`."""
        self.origin = origin
        self._tree = MerkleLog()
        self._tree.extend(
            f"{'true' if number < shared else history} {number}".encode() for number in range(600)
        )

    def note(self, key: SigningKey, size: int) -> str:
        text = checkpoint_text(self.origin, size, self._tree.root(size))
        return sign_note(text, NoteSigner(self.origin, key.raw))

    def grown(self, old: int, new: int) -> GrowthProof:
        return growth_proof(self.origin, old, new, self._tree.consistency_proof(old, new))


TRUE = Log()


def _tell(
    outpost: Outpost,
    *notes: str,
    nth: int,
    growth: Sequence[GrowthProof] = (),
    epoch: str = "0123456789abcdef",
    minute: int | None = None,
) -> tuple[str, ...]:
    """Send the node's envelope number `nth`, of that minute unless told otherwise."""
    at = AT + minutes(nth if minute is None else minute)
    envelope = outpost.sealed(
        sent_at=int(at.timestamp()), counter=nth, epoch=epoch, checkpoints=notes,
        growth=tuple(growth),
    )  # fmt: skip
    accepted = accept_envelope(envelope, at=at)
    assert accepted.counted
    return accepted.witnessed


def _says(outpost: Outpost, size: int, *bases: int, nth: int, log: Log = TRUE) -> tuple[str, ...]:
    """Tell that the log has `size` entries, with proofs from `bases`."""
    growth = [log.grown(base, size) for base in bases]
    return _tell(outpost, log.note(outpost.key, size), nth=nth, growth=growth)


def _found() -> list[str]:
    return [found.detail for found in IntakeFinding.objects.filter(code="MEMORY_LOG_FORK")]


def _remembered(origin: str = ORIGIN) -> int:
    return MemoryCheckpoint.objects.get(origin=origin).size


def _waiting() -> list[int]:
    return list(UnprovedCheckpoint.objects.order_by("size").values_list("size", flat=True))


def test_a_log_that_proves_its_growth_is_remembered_and_cosigned(outpost: Outpost) -> None:
    _says(outpost, 1, nth=0)
    _says(outpost, 1, nth=1)
    _says(outpost, 4, 1, nth=2)
    (cosigned,) = _says(outpost, 9, 4, nth=3)
    kept = MemoryCheckpoint.objects.get()
    assert (kept.origin, kept.size, kept.node_id) == (ORIGIN, 9, "lab-1")
    assert cosigned == kept.cosigned
    assert verify_cosignature(cosigned, witness_verifier()) == AT + minutes(3)
    own = NoteVerifier.of_bytes(ORIGIN, outpost.key.public.raw.public_bytes_raw())
    assert parse_checkpoint(verify_note(cosigned, own).text).size == 9
    assert (_found(), _waiting()) == ([], [])


def test_a_log_rewritten_and_grown_cannot_prove_it(outpost: Outpost) -> None:
    """The attack that sizes and roots alone do not show: store and log changed, then written to."""
    _says(outpost, 9, nth=0)
    forged = Log(history="forged", shared=5)
    _says(outpost, 12, nth=1, log=forged)
    assert (_found(), _remembered(), _waiting()) == ([], 9, [12])
    _says(outpost, 12, 9, nth=2, log=forged)
    assert len(_found()) == 1
    assert "consistency with old size 9" in _found()[0]
    assert _remembered() == 9


def test_both_checkpoints_of_a_fork_are_kept_as_they_were_signed(outpost: Outpost) -> None:
    _says(outpost, 9, nth=0)
    forged = Log(history="forged", shared=5)
    _says(outpost, 12, 9, nth=1, log=forged)
    (shown,) = IntakeFinding.objects.get().evidence
    assert shown["remembered"] == TRUE.note(outpost.key, 9)
    assert shown["claimed"] == forged.note(outpost.key, 12)
    assert [GrowthProof(**proof) for proof in shown["growth"]] == [forged.grown(9, 12)]


def test_the_first_contradiction_is_never_pushed_out_by_newer_ones(outpost: Outpost) -> None:
    _says(outpost, 20, nth=0)
    for nth in range(1, MAX_SHOWN + 5):
        _says(outpost, nth, nth=nth)
    evidence = IntakeFinding.objects.get().evidence
    assert len(evidence) == MAX_SHOWN
    assert evidence[0]["claimed"] == TRUE.note(outpost.key, 1)
    assert evidence[-1]["claimed"] == TRUE.note(outpost.key, MAX_SHOWN + 4)


def test_a_proof_of_another_log_proves_nothing(outpost: Outpost) -> None:
    other = Log(origin=OTHER)
    _says(outpost, 4, nth=0)
    _tell(outpost, TRUE.note(outpost.key, 9), nth=1, growth=[other.grown(4, 9)])
    assert (_remembered(), _waiting(), _found()) == (4, [9], [])


def test_growth_without_a_proof_is_no_fork_and_not_believed(outpost: Outpost) -> None:
    """So does a node of an older version, which sends none."""
    _says(outpost, 4, nth=0)
    _says(outpost, 9, nth=1)
    _says(outpost, 11, nth=2)
    assert (_remembered(), _waiting(), _found()) == (4, [9, 11], [])
    _says(outpost, 12, 4, nth=3)
    assert (_remembered(), _waiting()) == (12, [])


def test_an_unproved_log_is_a_warning_and_no_health(outpost: Outpost) -> None:
    body = MemoryBody(size=9, audited_at=int(AT.timestamp()), ok=9)
    rows = [outpost.row("memory", body, subject=ORIGIN), outpost.covered()]
    _says(outpost, 4, nth=0)
    envelope = outpost.sealed(rows, counter=1, checkpoints=(TRUE.note(outpost.key, 9),))
    accept_envelope(envelope, at=AT)
    reading = refresh("lab-1", at=AT)
    assert reading is not None
    (flag,) = [f for f in reading.symbolic_warning_flags if f["code"] == "MEMORY_LOG_UNPROVED"]
    assert (flag["severity"], flag["value"], flag["threshold"]) == ("warning", 9, 4)
    assert [ref["ref"] for ref in flag["evidence"]] == [f"{ORIGIN}@4", f"{ORIGIN}@9"]
    (part,) = [p for p in reading.reading["components"] if p["name"] == "memory_integrity_score"]
    assert (part["low"], part["mid"], part["high"]) == (0.0, 1.0, 1.0)
    _says(outpost, 9, 4, nth=2)
    proved = refresh("lab-1", at=AT + minutes(2))
    assert proved is not None
    (part,) = [p for p in proved.reading["components"] if p["name"] == "memory_integrity_score"]
    assert part["low"] == 1.0


def test_a_log_that_was_empty_needs_no_proof(outpost: Outpost) -> None:
    _says(outpost, 0, nth=0)
    _says(outpost, 7, nth=1)
    assert (_remembered(), _waiting()) == (7, [])


def test_a_chain_of_proofs_joins_whatever_the_order(outpost: Outpost) -> None:
    """Each envelope proves from the one before it; a report file may be shuffled."""
    _says(outpost, 2, nth=0)
    _says(outpost, 12, 9, nth=3)
    _says(outpost, 9, 5, nth=2)
    assert (_remembered(), _waiting()) == (2, [9, 12])
    _says(outpost, 5, 2, nth=1)
    assert (_remembered(), _waiting(), _found()) == (12, [], [])


def test_two_envelopes_in_reverse_order_are_no_fork(outpost: Outpost) -> None:
    _says(outpost, 9, 4, nth=1)
    _says(outpost, 4, nth=0)
    assert (_remembered(), _found()) == (9, [])


def test_a_lost_envelope_is_bridged_from_what_the_witness_remembers(outpost: Outpost) -> None:
    (view,) = _says(outpost, 4, nth=0)
    _says(outpost, 12, 9, nth=2)  # number 1, from 4 to 9, was lost
    assert _waiting() == [12]
    base = parse_checkpoint(view.partition("\n\n")[0] + "\n").size
    _says(outpost, 15, 12, base, nth=3)
    assert (_remembered(), _waiting(), _found()) == (15, [], [])


def test_the_witness_answers_a_repeated_envelope_too(outpost: Outpost) -> None:
    """The first answer may have been lost."""
    envelope = outpost.sealed(checkpoints=(TRUE.note(outpost.key, 3),))
    first = accept_envelope(envelope, at=AT)
    again = accept_envelope(envelope, at=AT)
    assert not again.counted
    assert again.witnessed == first.witnessed != ()


def test_a_log_that_shrank_is_a_critical_finding_and_no_integrity(outpost: Outpost) -> None:
    _says(outpost, 9, nth=0)
    _says(outpost, 4, nth=1)
    assert _found() == ["4 entries after there had been 9"]
    assert _remembered() == 9
    reading = refresh("lab-1", at=AT + minutes(1))
    assert reading is not None
    assert reading.state == "CRITICAL"
    (flag,) = [f for f in reading.symbolic_warning_flags if f["code"] == "MEMORY_LOG_FORK"]
    assert (flag["severity"], flag["state"]) == ("critical", "firing")
    assert ORIGIN in flag["subject"]
    assert [ref["ref"] for ref in flag["evidence"]] == [f"{ORIGIN}@9", f"{ORIGIN}@4"]
    assert reading.memory_integrity_score == 0.0


def test_an_old_snapshot_restored_is_a_finding_even_if_it_then_grows(outpost: Outpost) -> None:
    _says(outpost, 4, nth=0)
    _says(outpost, 9, 4, nth=1)
    restored = Log(history="after the restore", shared=4)
    _says(outpost, 6, 4, nth=2, log=restored)
    assert _found() == ["6 entries after there had been 9"]
    _says(outpost, 30, 6, nth=3, log=restored)
    assert (_remembered(), _waiting()) == (9, [30])


def test_another_root_at_the_same_size_is_a_finding(outpost: Outpost) -> None:
    _says(outpost, 5, nth=0)
    _says(outpost, 5, nth=1, log=Log(history="forged"))
    assert _found() == ["another root at size 5"]


def test_a_fork_of_what_is_still_unproved_is_a_finding(outpost: Outpost) -> None:
    _says(outpost, 2, nth=0)
    _says(outpost, 9, nth=1)
    _says(outpost, 9, nth=2, log=Log(history="forged"))
    assert _found() == ["another root at size 9"]


def test_an_old_checkpoint_replayed_in_a_new_envelope_is_a_finding(outpost: Outpost) -> None:
    _says(outpost, 4, nth=0)
    _says(outpost, 9, 4, nth=1)
    _tell(outpost, TRUE.note(outpost.key, 4), nth=2)
    assert _found() == ["4 entries after there had been 9"]


def test_envelopes_may_come_in_any_order(outpost: Outpost) -> None:
    """A report carried late holds older checkpoints than those that are known."""
    for nth, size in ((5, 9), (1, 2), (3, 4), (0, 2), (6, 9)):
        _says(outpost, size, nth=nth)
    assert _found() == []
    assert _remembered() == 9


def test_a_late_envelope_may_show_that_a_log_was_cut(outpost: Outpost) -> None:
    _says(outpost, 4, nth=5)
    _says(outpost, 9, 4, nth=1)
    assert _found() == ["4 entries after there had been 9"]


def test_a_clock_that_goes_back_contradicts_nothing(outpost: Outpost) -> None:
    """Within an epoch the counter says what came first."""
    _tell(outpost, TRUE.note(outpost.key, 4), nth=1, minute=9)
    _tell(outpost, TRUE.note(outpost.key, 9), nth=2, minute=3, growth=[TRUE.grown(4, 9)])
    assert (_remembered(), _found()) == (9, [])


def test_a_new_epoch_goes_on_from_what_is_remembered(outpost: Outpost) -> None:
    _says(outpost, 4, nth=7)
    growth = [TRUE.grown(4, 9)]
    note = TRUE.note(outpost.key, 9)
    _tell(outpost, note, nth=1, epoch="f" * 16, minute=8, growth=growth)
    assert (_remembered(), _found()) == (9, [])


def test_a_log_begun_anew_in_a_new_epoch_is_a_finding(outpost: Outpost) -> None:
    _says(outpost, 4, nth=7)
    fresh = Log(history="anew")
    _tell(outpost, fresh.note(outpost.key, 1), nth=1, epoch="f" * 16, minute=8)
    assert _found() == ["1 entries after there had been 4"]


def test_logs_are_remembered_each_by_itself(outpost: Outpost) -> None:
    other = Log(origin=OTHER)
    _tell(outpost, TRUE.note(outpost.key, 9), other.note(outpost.key, 2), nth=0)
    _tell(outpost, TRUE.note(outpost.key, 9), other.note(outpost.key, 1), nth=1)
    assert [found.subject for found in IntakeFinding.objects.all()] == [OTHER]


@pytest.mark.parametrize("note", ["", "rubbish", "two"])
def test_a_checkpoint_that_is_none_is_a_finding_and_refuses_no_evidence(
    outpost: Outpost, note: str
) -> None:
    """Who damages a log must not gain that the node's evidence is lost with it."""
    _tell(outpost, note, nth=0)
    assert len(_found()) == 1
    assert EnvelopeReceipt.objects.count() == 1


def test_a_checkpoint_of_another_nodes_log_is_a_finding(outpost: Outpost) -> None:
    admit(Outpost(node="lab-10").request, "lab")
    origins = (log_origin("lab-10", "clerk"), log_origin("lab-2", "clerk"), "else/where")
    for nth, origin in enumerate(origins):
        _says(outpost, 3, nth=nth, log=Log(origin=origin))
    assert not MemoryCheckpoint.objects.exists()
    assert IntakeFinding.objects.get().subject == "mythos/lab-1"


def test_a_checkpoint_signed_by_another_key_is_a_finding(outpost: Outpost) -> None:
    _tell(outpost, TRUE.note(Outpost().key, 3), nth=0)
    assert "no known key signed this note" in _found()[0]


def test_a_resolved_finding_opens_again_for_another_root_only(outpost: Outpost) -> None:
    _says(outpost, 9, nth=0)
    _says(outpost, 4, nth=1)
    IntakeFinding.objects.update(resolved_at=AT)
    _says(outpost, 4, nth=2)
    assert IntakeFinding.objects.get().resolved_at == AT
    _says(outpost, 5, nth=3)
    assert IntakeFinding.objects.get().resolved_at is None


def test_what_waits_for_a_proof_is_bounded_and_keeps_the_smallest(outpost: Outpost) -> None:
    _says(outpost, 2, nth=0)
    for nth in range(1, MAX_UNPROVED + 4):
        _says(outpost, 100 + nth, nth=nth)
    assert _waiting() == list(range(101, 101 + MAX_UNPROVED))
    before = {"nth": 1, "epoch": "f" * 16, "minute": 0}
    _tell(outpost, TRUE.note(outpost.key, 50), **before)  # type: ignore[arg-type]
    assert _waiting()[0] == 50
    assert len(_waiting()) == MAX_UNPROVED


def _answered(client: Client, outpost: Outpost, body: MemoryBody) -> dict[str, Any]:
    """What the node is answered to a checkpoint and an audit of its log."""
    now = datetime.now(UTC)
    envelope = outpost.sealed(
        [outpost.row("memory", body, subject=ORIGIN, at=now)],
        sent_at=int(now.timestamp()),
        checkpoints=(TRUE.note(outpost.key, 3),),
    )
    answer = client.post("/api/v1/evidence", envelope, content_type="application/json")
    assert answer.status_code == 200
    told: dict[str, Any] = answer.json()
    assert len(told["witnessed"]) == 1
    return told


def test_a_node_that_has_heard_nothing_cosigned_is_told_by_a_signed_view(
    client: Client, outpost: Outpost
) -> None:
    told = _answered(client, outpost, MemoryBody(size=3, ok=3))
    root = trust.root_of("deployments/lab").read_bytes()
    online, *_ = keys_of(root, "targets")
    payload = open_envelope(told["view"].encode(), online, payload_type=VIEW_TYPE)
    view = WitnessView.model_validate_json(payload)
    assert (view.vkey, list(view.notes)) == (witness_verifier().vkey, told["witnessed"])
    heard = int(datetime.now(UTC).timestamp())
    assert "view" not in _answered(client, outpost, MemoryBody(size=3, ok=3, heard_at=heard))


def test_an_envelope_is_acknowledged_where_no_view_can_be_signed(
    client: Client, outpost: Outpost
) -> None:
    trust.deployments(Environment.objects.get(), at=AT)
    keys = Path(settings.MYTHOS.home) / "keys" / "deployments" / "lab"
    for key in keys.glob("*.pem"):
        key.unlink()
    assert "view" not in _answered(client, outpost, MemoryBody(size=3, ok=3))
