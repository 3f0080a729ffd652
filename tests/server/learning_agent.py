"""Agents with memory, each on an enrolled node of a served control plane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_recorder import record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.oci_layout import OciLayout
from mythos.engines.memory.checkpoint import log_origin
from mythos.node.duty import Duty, duty_of
from mythos.node.launcher import place_tree
from mythos.values.evidence import InForce
from tests.e2e.plane import Plane, Speaker
from tests.engines.judge.desk import built


class Agent:
    """The refunds desk of one node: it learns, and its node beats."""

    def __init__(self, speaker: Speaker, folder: Path) -> None:
        self.speaker = speaker
        home = speaker.home
        self.node = home.acceptance().node
        self.origin = log_origin(self.node, "refunds")
        self.store, self.log = home.memory("refunds"), home.memory_log("refunds")
        layout = OciLayout(folder)
        layout.replace(built())
        duty = duty_of(place_tree(home, built().manifest, layout))
        self.duty = Duty(duty.bundle, duty.rulebook, {"refunds": duty.agents["refunds"]})
        self.begin(b"a")

    def begin(self, content: bytes) -> None:
        self.store.mkdir(parents=True, exist_ok=True)
        seed(
            DirectoryStore(self.store),
            self.log,
            {"a.md": content},
            origin=self.origin,
            at=datetime.now(UTC),
        )

    def learn(self, content: bytes = b"more") -> None:
        at = datetime.now(UTC)
        record(DirectoryStore(self.store), self.log, "a.md", content, source="agent", at=at)

    def beat(self, *, minute: int = 0) -> None:
        at = datetime.now(UTC) + timedelta(minutes=minute)
        self.speaker.reporter.beat(self.duty, InForce(), stale=False, at=at)

    def deliver(self) -> None:
        self.speaker.reporter.deliver(self.speaker.client)


@contextmanager
def agents_of(plane: Plane, nodes: Iterable[str]) -> Iterator[dict[str, Agent]]:
    """Serve the control plane, and enrol each node with its agent; closed at the end."""
    codes = plane.codes(tuple(nodes))
    plane.serve()
    made = {
        node: Agent(
            Speaker.enrolled(plane.folder, server=plane.url, node=node, code=code),
            plane.folder / f"{node}-layout",
        )
        for node, code in codes.items()
    }
    yield made
    for agent in made.values():
        agent.speaker.close()
