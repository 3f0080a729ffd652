"""The witness across an air gap: reports one way, what it remembers the other, all by file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mythos.adapters.key_file import load_key
from mythos.engines.memory.cosignature import CosignatureVerifier
from mythos.node.report_file import export_report
from mythos.node.witnessed import COSIGNED
from tests.e2e.plane import Plane, Speaker
from tests.server.learning_agent import Agent

NODES = ("far", "other", "lost")


class Site:
    """Nodes that only files reach, and the control plane's commands."""

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
        self.plane.kill()

    def run(self, *words: str) -> tuple[int, dict[str, object]]:
        done = subprocess.run(
            [sys.executable, "-m", "mythos", *words, "--json"],
            env=self.plane.environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        told: dict[str, object] = json.loads(done.stdout)
        return done.returncode, told

    def report(self, agent: Agent, *, order: int = 1, skip: int = 0) -> tuple[int, object]:
        """Carry what the node has to say, its lines in the order given, without the first few."""
        file = self.folder / "report.jsonl"
        export_report(agent.speaker.store, file)
        lines = file.read_bytes().splitlines(keepends=True)[skip:]
        file.write_bytes(b"".join(lines[::order]))
        code, told = self.run("node", "import", str(file))
        return code, told["counted"]

    def remembered(self, agent: Agent) -> tuple[int, int, str]:
        """What is witnessed, what waits for a proof, and what contradicts it."""
        witnessed = dict(self.plane.table("SELECT origin, size FROM resilience_memorycheckpoint"))
        waiting = dict(
            self.plane.table("SELECT origin, size FROM resilience_unprovedcheckpoint ORDER BY size")
        )
        forks = dict(
            self.plane.table(
                "SELECT subject, detail FROM resilience_intakefinding WHERE resolved_at IS NULL"
            )
        )
        origin = agent.origin
        return witnessed.get(origin, 0), waiting.get(origin, 0), forks.get(origin, "")

    def vkey(self) -> str:
        public = load_key(self.plane.folder / "control" / "keys" / "witness.pem").public
        return CosignatureVerifier("mythos/witness", public.raw).vkey


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    for agent in made.agents.values():
        agent.speaker.close()


def _grow(agent: Agent, beats: int) -> None:
    for _ in range(beats):
        agent.beat()
        agent.learn()
    agent.beat()


def test_a_report_is_followed_and_a_lost_one_is_bridged_by_a_file(site: Site) -> None:
    agent, other = site.agents["far"], site.agents["other"]
    _grow(agent, 2)
    assert site.report(agent) == (0, 3)
    assert site.remembered(agent) == (3, 0, "")
    agent.learn()
    _grow(agent, 3)
    assert site.report(agent, order=-1) == (0, 4)  # the newest line first
    assert site.remembered(agent) == (7, 0, "")

    agent.learn()
    _grow(agent, 2)
    assert site.report(agent, skip=2) == (0, 1)  # two envelopes are lost for good
    assert site.remembered(agent) == (7, 10, "")
    code, told = site.run("witness", "list")
    logs = told["logs"]
    assert isinstance(logs, list)
    assert (code, told["vkey"], logs[0]["unproved_size"]) == (1, site.vkey(), 10)

    view = site.folder / "view"
    assert site.run("witness", "export", "--node", "far", "--out", str(view))[0] == 0
    home = str(agent.speaker.home.root)
    assert site.run("node", "import", str(view), "--home", home)[1]["logs"] == 1
    wrong, told = site.run("node", "import", str(view), "--home", str(other.speaker.home.root))
    assert (wrong, "for far" in str(told["error"])) == (1, True)
    agent.beat()
    assert site.report(agent) == (0, 1)
    assert site.remembered(agent) == (10, 0, "")

    note = site.folder / "cosigned.note"
    note.write_text(agent.speaker.store.recall(COSIGNED + agent.origin) or "", "utf-8")
    code, said = site.run("witness", "verify", str(note), "--vkey", site.vkey())
    assert (code, said["size"]) == (0, 7)
    note.write_text(note.read_text("utf-8").replace("\n7\n", "\n8\n"), "utf-8")
    assert site.run("witness", "verify", str(note), "--vkey", site.vkey())[0] == 1


def test_a_view_that_was_changed_on_its_way_is_refused(site: Site) -> None:
    agent = site.agents["other"]
    _grow(agent, 1)
    site.report(agent)
    view = site.folder / "view"
    site.run("witness", "export", "--node", "other", "--out", str(view))
    document = json.loads(view.read_bytes())
    payload = document["payload"]
    document["payload"] = payload[:40] + ("A" if payload[40] != "A" else "B") + payload[41:]
    view.write_text(json.dumps(document), "utf-8")
    home = str(agent.speaker.home.root)
    code, told = site.run("node", "import", str(view), "--home", home)
    assert code == 1
    assert "copy it again from whoever signed it" in str(told["error"])
    assert agent.speaker.store.recall(COSIGNED + agent.origin) is None


def test_a_log_that_was_lost_begins_anew_when_an_operator_says_so(site: Site) -> None:
    agent = site.agents["lost"]
    _grow(agent, 2)
    site.report(agent)
    agent.log.unlink()
    (agent.store / "a.md").unlink()
    agent.begin(b"from the backup")
    agent.beat()
    site.report(agent)
    assert site.remembered(agent) == (3, 0, "1 entries after there had been 3")

    reason = ("--by", "ada", "--why", "the disk was replaced")
    assert site.run("witness", "restart", agent.origin, *reason)[0] == 0
    agent.learn()
    agent.beat()
    site.report(agent)
    assert site.remembered(agent) == (2, 0, "")
    actions = site.run("actions", "list", "--limit", "1")[1]["actions"]
    assert isinstance(actions, list)
    assert (actions[0]["action"], actions[0]["by"]) == ("log.restart", "ada")
    assert "\n3\n" in actions[0]["details"]["remembered"]
