"""A node at home, without a control plane: a site to pull from, an enrolled folder, a judge."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from mythos.adapters.key_file import SigningKey, create_key
from mythos.adapters.oci_layout import OciLayout
from mythos.engines.bundle.plan import BuiltBundle
from mythos.engines.evidence.row import EvidenceRow, from_wire, merge
from mythos.engines.telemetry.json_writer import encode_json
from mythos.node.duty import Duty, duty_of
from mythos.node.home import NodeHome
from mythos.node.judge import JSON, Judge
from mythos.node.launcher import LaunchedBundle, place_tree, put_in_force
from mythos.node.puller import Puller
from mythos.node.receiver import Receiver, Route
from mythos.node.store import NodeStore
from mythos.values.enrolment import Acceptance
from mythos.values.event import Span
from mythos.values.evidence import Row
from tests.adapters.fleet_site import LAB, NOW, Site, new_site
from tests.engines.judge.desk import built

NODE = "lab-1"


@dataclass(frozen=True)
class House:
    """One node that pulls from a folder."""

    folder: Path
    cell_s: int = 60
    heartbeat_s: int = 60
    close_grace_s: int = 1
    run_timeout_s: int = 60
    server: str = ""

    @cached_property
    def site(self) -> Site:
        return new_site(self.folder / "site")

    @cached_property
    def key(self) -> SigningKey:
        return create_key(self.home.key)

    @property
    def home(self) -> NodeHome:
        return NodeHome(self.folder / "node")

    @cached_property
    def acceptance(self) -> Acceptance:
        return Acceptance(
            node=NODE,
            environment=LAB,
            key_id=self.key.key_id,
            air_gapped=not self.server,
            server=self.server,
            packets_root=self.site.packets.root().decode(),
            deployments_root=self.site.deployments.root().decode(),
            cell_s=self.cell_s,
            heartbeat_s=self.heartbeat_s,
            close_grace_s=self.close_grace_s,
            run_timeout_s=self.run_timeout_s,
        )

    def move_in(self) -> House:
        """Enrol the folder, and let its depot be the site."""
        self.home.accept(self.acceptance)
        if not self.home.depot.exists():
            self.home.depot.symlink_to(self.site.folder, target_is_directory=True)
        return self

    def release(self, bundle: BuiltBundle, *, sequence: int = 1, at: datetime = NOW) -> None:
        self.site.release(bundle, sequence=sequence, at=at)

    def puller(self) -> Puller:
        return Puller(self.home, self.acceptance, check=duty_of)

    def store(self) -> NodeStore:
        return NodeStore(self.home.database)

    def launch(self, bundle: BuiltBundle) -> LaunchedBundle:
        """Put a bundle in force without asking any repository."""
        layout = OciLayout(self.folder / f"layout-{bundle.version}")
        layout.replace(bundle)
        placed = place_tree(self.home, bundle.manifest, layout)
        put_in_force(self.home, placed)
        return placed

    def example_duty(self) -> Duty:
        return duty_of(self.launch(built()))

    def judge(self, store: NodeStore, duty: Duty) -> Judge:
        return Judge(store, self.acceptance, duty)


def rows_in(store: NodeStore) -> list[EvidenceRow]:
    """Evidence that no envelope carries yet, merged."""
    return merge(from_wire(Row.model_validate_json(row)) for _, row in store.pending())


def send(judge: Judge, spans: list[Span]) -> None:
    judge.receive(encode_json(spans), JSON)


@contextmanager
def listening(routes: Mapping[tuple[str, str], Route]) -> Iterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver("127.0.0.1", 0, routes)
    threading.Thread(target=receiver.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()


def now() -> datetime:
    return datetime.now(UTC)
