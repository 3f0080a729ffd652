"""A node whose refunds desk remembers, and an operator who orders what its evidence calls for."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_recorder import record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.evidence.row import from_wire
from mythos.engines.memory.checkpoint import log_origin
from mythos.engines.memory.cosignature import CosignatureVerifier
from mythos.node.orders import Orders
from mythos.node.reporter import Reporter
from mythos.values.accept_order import AcceptOrder
from mythos.values.digest import canonical_bytes
from mythos.values.evidence import Envelope
from mythos.values.memory import MemoryEntry
from mythos.values.witness import VIEW_TYPE, WitnessView
from tests.adapters.fleet_site import LAB, NOW, Site
from tests.node.household import NODE
from tests.node.test_witnessed import MINUTE, Rememberer

VKEY = CosignatureVerifier("mythos/witness", Ed25519PrivateKey.generate().public_key()).vkey
ORIGIN = log_origin(NODE, "refunds")


class Desk(Rememberer):
    """One node's desk at times the test chooses."""

    minute = 0

    def tell(self, *, at_minute: int | None = None) -> Envelope:
        """The next beat, a minute after the one before."""
        self.minute = self.minute + 1 if at_minute is None else at_minute
        self.beat(NOW + self.minute * MINUTE)
        return self.told()[-1]

    @property
    def memory(self) -> Path:
        return self.house.home.memory("refunds")

    def forbid(self) -> None:
        """As its owner does with `--no-accept-orders`."""
        orders = Orders(self.house.home, self.store, allowed=False)
        house = self.house
        self.reporter = Reporter(house.home, self.store, house.acceptance, house.key, orders=orders)

    def lose_state(self) -> None:
        """All that the node remembers is gone; memories, logs and keys are there."""
        self.store.close()
        for left in self.house.home.root.glob("node.sqlite3*"):
            left.unlink()
        self.restart()

    def seen(self, envelope: Envelope) -> MemoryBody:
        """What an envelope says of the desk's memory."""
        (body,) = (from_wire(row).body for row in envelope.rows if row.subject == ORIGIN)
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

    def told_by(self, *orders: AcceptOrder, node: str = NODE, site: Site | None = None) -> str:
        """A view with orders, signed by the key of this node's environment or of another site."""
        payload = payload_of(*orders, node=node)
        return (site or self.house.site).deployments.signed(payload, VIEW_TYPE).decode()

    def write(self, key: str, content: bytes) -> None:
        """The desk remembers something else, as it should."""
        record(DirectoryStore(self.memory), self.log, key, content, source="agent", at=NOW)

    def entries(self) -> list[MemoryEntry]:
        with open_log(self.log) as log:
            return list(log.entries())


def payload_of(*orders: AcceptOrder, node: str = NODE) -> bytes:
    """What is signed of a view."""
    view = WitnessView(node=node, environment=LAB, vkey=VKEY, orders=orders)
    return canonical_bytes(view.model_dump(mode="json", by_alias=True))
