"""Accepting a wrong key over real sockets: operators, the control plane, and a node with memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_recorder import record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.node.report_file import export_report
from mythos.server.memories.listing import MemoryLogDocument, WrongKey
from mythos.server.memories.order_listing import OrderDocument, OrderPage
from mythos.values.memory import MemoryEntry
from tests.e2e.plane import Plane
from tests.server.learning_agent import Agent, agents_of

NODES = ("near", "busy", "far")
LONG = "ada-" + "x" * 146
WHY = "pasted during the outage, ticket 12 " + "y" * 71
PASSWORD = "open-sesame-42"


class Operator:
    """Somebody who signed in by password, and reads and orders by the API."""

    def __init__(self, plane: Plane, name: str, *, role: str = "operator") -> None:
        _run(plane, "user", "add", name, "--role", role)
        self.http = httpx.Client(base_url=plane.url, trust_env=False, timeout=60)
        self.http.get("/login")
        form = {"username": name, "password": PASSWORD, "csrfmiddlewaretoken": self._token}
        assert self.http.post("/login", data=form).status_code == 302

    @property
    def _token(self) -> str:
        return self.http.cookies["csrftoken"]

    def log(self, agent: Agent) -> MemoryLogDocument:
        where = f"/api/v1/memories/{agent.node}/log"
        return MemoryLogDocument.model_validate_json(
            self.http.get(where, params={"log": agent.origin}).content
        )

    def accept(self, agent: Agent, key: WrongKey) -> httpx.Response:
        assert key.accepting is not None
        asked = {
            "log": agent.origin, "key": key.name, "seq": key.accepting.seq,
            "found": key.accepting.found, "why": WHY,
        }  # fmt: skip
        where = f"/api/v1/memories/{agent.node}/orders"
        return self.http.post(where, json=asked, headers={"X-CSRFToken": self._token})

    def orders(self, agent: Agent) -> tuple[OrderDocument, ...]:
        answer = self.http.get(f"/api/v1/memories/{agent.node}/orders")
        return OrderPage.model_validate_json(answer.content).items

    def page(self, agent: Agent) -> str:
        return self.http.get(f"/memories/{agent.node}/log/{agent.origin}").text


def _run(plane: Plane, *words: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "mythos", *words, "--json"],
        env={**plane.environment, "MYTHOS_USER_PASSWORD": PASSWORD}, capture_output=True,
        text=True, check=True, timeout=60,
    )  # fmt: skip
    told: dict[str, object] = json.loads(done.stdout)
    return told


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("plane"))
    yield made
    made.kill()


@pytest.fixture(scope="module")
def agents(plane: Plane) -> Iterator[dict[str, Agent]]:
    with agents_of(plane, NODES) as made:
        yield made


@pytest.fixture(scope="module")
def ada(plane: Plane, agents: dict[str, Agent]) -> Iterator[Operator]:
    made = Operator(plane, LONG)
    yield made
    made.http.close()


@pytest.fixture
def bob(plane: Plane, agents: dict[str, Agent]) -> Iterator[Operator]:
    made = Operator(plane, "bob")
    yield made
    made.http.close()


def _report(agent: Agent, minute: int) -> None:
    agent.beat(minute=minute)
    agent.deliver()


def _wrong(ada: Operator, agent: Agent) -> dict[str, WrongKey]:
    return {key.name: key for key in ada.log(agent).keys}


def _entry(agent: Agent, seq: int) -> MemoryEntry:
    with open_log(agent.log) as log:
        return log.entry(seq)


def test_what_an_operator_accepts_is_logged_by_the_host_and_counts_as_ok(
    agents: dict[str, Agent], ada: Operator
) -> None:
    agent = agents["near"]
    at = datetime.now(UTC)
    store = DirectoryStore(agent.store)
    record(store, agent.log, "gone.md", b"as it should be", source="user", at=at)
    (agent.store / "a.md").write_bytes(b"edited")
    (agent.store / "gone.md").unlink()
    (agent.store / "planted.md").write_bytes(b"pasted")
    _report(agent, 0)
    found = _wrong(ada, agent)
    assert {name: key.kind for name, key in found.items()} == {
        "a.md": "altered", "gone.md": "missing", "planted.md": "unlogged",
    }  # fmt: skip
    for key in found.values():
        assert ada.accept(agent, key).status_code == 201
    assert {order.state for order in ada.orders(agent)} == {"waiting"}
    assert "Waits for the host" in ada.page(agent)
    _report(agent, 1)
    _report(agent, 2)
    orders = ada.orders(agent)
    assert [(order.state, order.entry) for order in orders] == [
        ("accepted", 4), ("accepted", 3), ("accepted", 2),
    ]  # fmt: skip
    for order in orders:
        assert order.entry is not None
        entry = _entry(agent, order.entry)
        assert (entry.op, entry.source, order.id in entry.policy_ref) == (
            "accept",
            "operator",
            True,
        )
        assert entry.policy_ref.startswith(LONG[:50])
    log = ada.log(agent)
    assert (log.standing.mid, log.standing.name, log.keys) == (1.0, "as_logged", ())
    page = ada.page(agent)
    assert "Earlier orders" in page
    assert "Accepted" in page


def test_what_changed_after_it_was_shown_is_refused_by_the_host_and_the_page_says_why(
    agents: dict[str, Agent], ada: Operator
) -> None:
    agent = agents["near"]
    (agent.store / "note.md").write_bytes(b"seen")
    _report(agent, 3)
    shown = _wrong(ada, agent)["note.md"]
    assert ada.accept(agent, shown).status_code == 201
    (agent.store / "note.md").write_bytes(b"another by now")
    _report(agent, 4)
    assert ada.accept(agent, shown).status_code == 409
    _report(agent, 5)
    newest, *_ = ada.orders(agent)
    assert (newest.state, "content is another" in newest.answer) == ("refused", True)
    assert "content is another" in ada.page(agent)
    assert ada.accept(agent, _wrong(ada, agent)["note.md"]).status_code == 201
    for minute in (6, 7):
        _report(agent, minute)
    assert (ada.orders(agent)[0].state, ada.log(agent).standing.mid) == ("accepted", 1.0)


def test_of_two_operators_at_once_one_gives_the_order(
    plane: Plane, agents: dict[str, Agent], ada: Operator, bob: Operator
) -> None:
    agent = agents["busy"]
    names = [f"{number}.md" for number in range(6)]
    for name in names:
        (agent.store / name).write_bytes(name.encode())
    _report(agent, 0)
    found = _wrong(ada, agent)
    with ThreadPoolExecutor(4) as pool:
        asked = [(who, found[name]) for name in names for who in (ada, bob)]
        answers = list(pool.map(lambda pair: pair[0].accept(agent, pair[1]).status_code, asked))
    assert sorted(answers) == [201] * 6 + [409] * 6
    orders = ada.orders(agent)
    assert sorted(order.key for order in orders) == names
    assert _run(plane, "actions", "verify")["ok"] is True
    for minute in (1, 2):
        _report(agent, minute)
    assert {order.state for order in ada.orders(agent)} == {"accepted"}
    assert ada.log(agent).standing.mid == 1.0


def test_an_order_crosses_a_gap_by_file_and_its_answer_comes_back_by_file(
    plane: Plane, agents: dict[str, Agent], ada: Operator, tmp_path: Path
) -> None:
    agent = agents["far"]

    def carry_report(minute: int) -> None:
        agent.beat(minute=minute)
        export_report(agent.speaker.store, tmp_path / "report")
        _run(plane, "node", "import", str(tmp_path / "report"))

    (agent.store / "planted.md").write_bytes(b"pasted")
    carry_report(0)
    assert ada.accept(agent, _wrong(ada, agent)["planted.md"]).status_code == 201
    (listed,) = [each for each in _listed(plane) if each["origin"] == agent.origin]
    assert listed["orders"] == 1
    view = tmp_path / "view"
    for _ in range(2):
        told = _run(plane, "witness", "export", "--node", agent.node, "--out", str(view))
        assert told["orders"] == 1
        home = str(agent.speaker.home.root)
        _run(plane, "node", "import", str(view), "--home", home)
    carry_report(1)
    (order,) = ada.orders(agent)
    assert (order.state, order.entry) == ("accepted", 1)
    assert _run(plane, "witness", "export", "--node", agent.node, "--out", str(view))["orders"] == 0
    assert ada.log(agent).standing.mid == 1.0


def _listed(plane: Plane) -> list[dict[str, object]]:
    logs = _run(plane, "witness", "list")["logs"]
    assert isinstance(logs, list)
    return logs
