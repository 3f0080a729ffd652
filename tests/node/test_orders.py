"""An operator's order, from a signed view to an entry of the log and an answer in an envelope."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_log import open_log
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import from_wire
from mythos.engines.memory.cosignature import CosignatureVerifier
from mythos.node.receiver import Answer
from mythos.values.accept_order import AcceptOrder, OrderAnswer
from mythos.values.digest import canonical_bytes
from mythos.values.evidence import Envelope
from mythos.values.memory import MemoryEntry
from mythos.values.witness import VIEW_TYPE, WitnessView
from tests.adapters.fleet_site import LAB, NOW
from tests.node.household import NODE
from tests.node.test_reporter import Plane, facing
from tests.node.test_witnessed import MINUTE, ORIGIN, Rememberer

VKEY = CosignatureVerifier("mythos/witness", Ed25519PrivateKey.generate().public_key()).vkey


class Desk(Rememberer):
    """The refunds desk of a node, and the operator who looks at what its evidence says."""

    minute = 0

    def tell(self, *, at_minute: int | None = None) -> Envelope:
        """The next beat."""
        self.minute += 1
        self.beat(NOW + (self.minute if at_minute is None else at_minute) * MINUTE)
        return self.told()[-1]

    @property
    def memory(self) -> Path:
        return self.house.home.memory("refunds")

    def seen(self, envelope: Envelope) -> MemoryBody:
        bodies = {row.subject: from_wire(row).body for row in envelope.rows}
        body = bodies[ORIGIN]
        assert isinstance(body, MemoryBody)
        return body

    def ordered(self, key: str, *, number: int = 1, **changes: object) -> AcceptOrder:
        """Order to accept what the newest envelope says of a key."""
        (said,) = (one for one in self.seen(self.told()[-1]).offenders if one.key == key)
        made = AcceptOrder(
            id=f"{number:032x}", origin=ORIGIN, key=key, kind=said.kind, seq=said.seq,
            found=said.found, by="ada", why="edited by hand, ticket 12",
            ts=int(NOW.timestamp() * 1000),
        )  # fmt: skip
        return made.model_copy(update=changes)

    def told_by(self, *orders: AcceptOrder, node: str = NODE) -> bytes:
        view = WitnessView(node=node, environment=LAB, vkey=VKEY, orders=orders)
        payload = canonical_bytes(view.model_dump(mode="json", by_alias=True))
        return self.house.site.deployments.signed(payload, VIEW_TYPE)

    def answered(self, view: bytes) -> None:
        """Deliver what is unsent; the control plane answers with a view."""
        with facing(Plane(Answer(json.dumps({"view": view.decode()}).encode()))) as client:
            assert self.reporter.deliver(client)

    def entries(self) -> list[MemoryEntry]:
        with open_log(self.log) as log:
            return list(log.entries())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def _alter(desk: Desk) -> str:
    (desk.memory / "a.md").write_bytes(b"edited")
    return "a.md"


def _remove(desk: Desk) -> str:
    (desk.memory / "a.md").unlink()
    return "a.md"


def _plant(desk: Desk) -> str:
    (desk.memory / "new.md").write_bytes(b"pasted")
    return "new.md"


@pytest.mark.parametrize("change", [_alter, _remove, _plant])
def test_an_order_becomes_an_entry_and_its_answer_travels_in_the_next_envelope(
    desk: Desk, change: object
) -> None:
    assert callable(change)
    key = change(desk)
    assert desk.seen(desk.tell()).keys.keys() == {key}
    order = desk.ordered(key)
    desk.answered(desk.told_by(order))
    envelope = desk.tell()
    assert envelope.answers == (OrderAnswer(id=order.id, outcome="accepted", seq=1),)
    body = desk.seen(envelope)
    assert (body.keys, body.size) == ({}, 2), "the audit of the same beat sees it"
    entry = desk.entries()[1]
    assert (entry.op, entry.source, entry.seq) == ("accept", "operator", 1)
    assert entry.policy_ref == f"ada: edited by hand, ticket 12 (order {order.id})"
    assert desk.tell().answers == (), "told once"
