"""An order from the control plane's database to a host's log and back: by network, and by file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mythos.adapters.key_file import load_key
from mythos.adapters.memory_log import open_log
from mythos.node.orders import Orders
from mythos.node.report_file import export_report
from mythos.node.reporter import Reporter
from tests.e2e.plane import Plane, Speaker
from tests.server.test_witness_served import Agent

NODES = ("near", "far", "closed")
ORDER = """
import sys
from mythos.cli.serve import prepare
prepare()
from django.utils import timezone
from mythos.engines.evidence.memory import MemoryBody
from mythos.server.resilience.memory_orders import Seen, order
from mythos.server.resilience.models import NewestAudit
node, origin = sys.argv[1:]
body = MemoryBody.from_json(NewestAudit.objects.get(node_id=node, subject=origin).body)
for one in body.offenders:
    seen = Seen(node, origin, one.key, one.seq, one.found)
    order(seen, why="edited by hand, ticket 12", by="ada", at=timezone.now())
"""
ORDERS = "SELECT node_id, key, outcome, entry, answer FROM resilience_memoryorder"


class Fleet:
    """Hosts, and a control plane on which somebody orders to accept all that is wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plane = Plane(folder / "plane")
        codes = self.plane.codes(NODES)
        self.plane.serve()
        self.agents = {
            node: Agent(
                Speaker.enrolled(folder, server=self.plane.url, node=node, code=codes[node]),
                folder / f"{node}-layout",
            )
            for node in NODES
        }

    def tampered(self, node: str) -> Agent:
        """A host on which one memory was altered, one removed and one planted, past the log."""
        agent = self.agents[node]
        for key in ("altered.md", "removed.md"):
            agent.write(key, b"as it should be")
        (agent.store / "altered.md").write_bytes(b"edited")
        (agent.store / "removed.md").unlink()
        (agent.store / "planted.md").write_bytes(b"pasted")
        agent.beat()
        return agent

    def order(self, agent: Agent) -> None:
        """Order to accept whatever the newest audit tells of."""
        subprocess.run(
            [sys.executable, "-c", ORDER, agent.node, agent.origin],
            env=self.plane.environment, check=True, timeout=60,
        )  # fmt: skip

    def answers(self, agent: Agent) -> dict[str, tuple[str, int | None, str]]:
        """What became of the orders for a host, by key."""
        rows = self.plane.table(ORDERS)
        return {key: tuple(rest) for node, key, *rest in rows if node == agent.node}

    def run(self, *words: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-m", "mythos", *words, "--json"],
            env=self.plane.environment, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        told: dict[str, object] = json.loads(done.stdout)
        return told


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("fleet"))
    yield made
    for agent in made.agents.values():
        agent.speaker.close()
    made.plane.kill()


ACCEPTED = {
    "altered.md": ("accepted", 3, ""),
    "removed.md": ("accepted", 4, ""),
    "planted.md": ("accepted", 5, ""),
}


def test_on_the_network_an_order_is_carried_out_between_two_beats(fleet: Fleet) -> None:
    agent = fleet.tampered("near")
    agent.deliver()
    fleet.order(agent)
    assert set(fleet.answers(agent).values()) == {("", None, "")}
    agent.beat()  # sealed before the host hears of the orders
    agent.deliver()
    agent.beat()
    agent.deliver()
    assert fleet.answers(agent) == ACCEPTED
    assert _accepts(agent) == [3, 4, 5]
    agent.beat()
    agent.deliver()
    assert not agent.speaker.store.waiting_orders()
    assert _bad(fleet, agent) == {}
    assert _accepts(agent) == [3, 4, 5]


def test_across_a_gap_an_order_goes_by_file_and_its_answer_comes_by_file(fleet: Fleet) -> None:
    agent = fleet.tampered("far")
    report, view = fleet.folder / "report.jsonl", fleet.folder / "far.witness"
    export_report(agent.speaker.store, report)
    fleet.run("node", "import", str(report))
    fleet.order(agent)
    fleet.run("witness", "export", "--node", "far", "--out", str(view))
    home = str(agent.speaker.home.root)
    assert fleet.run("node", "import", str(view), "--home", home)["orders"] == 3
    assert fleet.run("node", "import", str(view), "--home", home)["orders"] == 0
    agent.beat()
    export_report(agent.speaker.store, report)
    fleet.run("node", "import", str(report))
    assert fleet.answers(agent) == ACCEPTED
    assert _bad(fleet, agent) == {}


def test_a_host_that_takes_no_orders_says_so_on_the_control_plane(fleet: Fleet) -> None:
    agent = fleet.tampered("closed")
    agent.deliver()
    fleet.order(agent)
    agent.beat()
    agent.deliver()
    speaker = agent.speaker
    acceptance, key = speaker.home.acceptance(), load_key(speaker.home.key)
    orders = Orders(speaker.home, speaker.store, allowed=False)
    speaker.reporter = Reporter(speaker.home, speaker.store, acceptance, key, orders=orders)
    agent.beat()
    agent.deliver()
    for outcome, entry, why in fleet.answers(agent).values():
        assert (outcome, entry) == ("refused", None)
        assert why.startswith("this host takes no orders to accept; run on it: mythos memory acc")
    assert _bad(fleet, agent).keys() == ACCEPTED.keys()


def _accepts(agent: Agent) -> list[int]:
    with open_log(agent.log) as log:
        return [entry.seq for entry in log.entries() if entry.op == "accept"]


def _bad(fleet: Fleet, agent: Agent) -> dict[str, str]:
    question = "SELECT node_id, subject, body FROM resilience_newestaudit"
    (body,) = (
        json.loads(body)
        for node, subject, body in fleet.plane.table(question)
        if (node, subject) == (agent.node, agent.origin)
    )
    keys: dict[str, str] = body["keys"]
    return keys
