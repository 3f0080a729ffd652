"""A node with memory and its witness over a real socket: growth, forgery, and what was lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.key_file import load_key
from mythos.adapters.memory_recorder import record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.checkpoint import parse_checkpoint
from mythos.engines.memory.cosignature import CosignatureVerifier, cosign, verify_cosignature
from mythos.engines.memory.note import parse_note
from mythos.engines.memory.tail import require_tail
from mythos.node.control_plane import ControlPlane
from mythos.node.receiver import Answer
from mythos.node.witnessed import COSIGNED, heard_at
from mythos.values.memory import LogTail
from tests.e2e.plane import Plane
from tests.node.household import listening
from tests.server.learning_agent import Agent, agents_of

NODES = ("grower", "forger", "loser", "anew", "astray", "eraser")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("plane"))
    yield made
    made.kill()


@pytest.fixture(scope="module")
def agents(plane: Plane) -> Iterator[dict[str, Agent]]:
    with agents_of(plane, NODES) as made:
        yield made


def _witnessed(plane: Plane, agent: Agent) -> list[int]:
    question = "SELECT origin, size FROM resilience_memorycheckpoint"
    return [size for origin, size in plane.table(question) if origin == agent.origin]


def _kept(plane: Plane, agent: Agent) -> LogTail:
    """The newest entries of the agent's log as the control plane keeps them."""
    (tail,) = (
        tail
        for origin, tail in plane.table("SELECT origin, tail FROM resilience_memorytail")
        if origin == agent.origin
    )
    return LogTail.model_validate_json(tail)


def _forks(plane: Plane, agent: Agent) -> list[tuple[str, dict[str, object]]]:
    question = "SELECT code, subject, detail, evidence FROM resilience_intakefinding"
    return [
        (detail, json.loads(shown)[0])
        for code, subject, detail, shown in plane.table(question)
        if (code, subject) == ("MEMORY_LOG_FORK", agent.origin)
    ]


def test_growth_is_proved_envelope_by_envelope_and_cosigned_for_the_node(
    plane: Plane, agents: dict[str, Agent]
) -> None:
    agent = agents["grower"]
    for _ in range(3):
        agent.beat()
        agent.deliver()
        agent.learn()
        agent.learn()
    agent.beat()
    agent.deliver()
    assert _witnessed(plane, agent) == [7]
    cosigned = agent.speaker.store.recall(COSIGNED + agent.origin)
    assert cosigned is not None
    assert f"\n{7}\n" in cosigned
    key = (plane.folder / "control" / "keys" / "witness.pem").stat()
    assert key.st_mode & 0o777 == 0o600
    assert _forks(plane, agent) == []


def test_a_store_and_log_made_anew_and_grown_past_the_old_one_are_found(
    plane: Plane, agents: dict[str, Agent]
) -> None:
    """Root on the node begins a history of their own, signed with the node's real key."""
    agent = agents["forger"]
    agent.beat()
    agent.learn()
    agent.beat()
    agent.deliver()
    assert _witnessed(plane, agent) == [2]
    agent.log.unlink()
    (agent.store / "a.md").unlink()
    agent.begin(b"refunds above 200 are fine")
    with sqlite3.connect(agent.speaker.home.database) as db:
        db.execute("DELETE FROM meta WHERE name LIKE 'checkpoint cosigned %'")
    for _ in range(3):
        agent.learn(b"refunds above 200 are fine today")
    agent.beat()
    agent.deliver()
    ((why, shown),) = _forks(plane, agent)
    assert why.startswith("consistency with ")
    assert shown["remembered"] != shown["claimed"]
    assert _witnessed(plane, agent) == [2]


def test_an_envelope_that_is_lost_for_good_costs_one_beat(
    plane: Plane, agents: dict[str, Agent]
) -> None:
    agent = agents["loser"]
    agent.beat()
    agent.deliver()
    agent.learn()
    agent.beat()
    (lost,) = agent.speaker.store.unsent()
    agent.speaker.store.mark_refused(lost.counter, "lost on its way")
    with sqlite3.connect(agent.speaker.home.database) as db:
        db.execute("DELETE FROM meta WHERE name LIKE 'checkpoint cosigned %'")
    agent.learn()
    agent.beat()
    agent.deliver()
    assert _witnessed(plane, agent) == [1]
    agent.beat()
    agent.deliver()
    assert _witnessed(plane, agent) == [3]
    assert _forks(plane, agent) == []


def test_a_cosignature_is_checked_offline_with_the_published_key(
    plane: Plane, agents: dict[str, Agent]
) -> None:
    agent = agents["grower"]
    cosigned = agent.speaker.store.recall(COSIGNED + agent.origin)
    assert cosigned is not None
    public = load_key(plane.folder / "control" / "keys" / "witness.pem").public
    vkey = CosignatureVerifier("mythos/witness", public.raw).vkey
    at = verify_cosignature(cosigned, CosignatureVerifier.parse(vkey))
    assert abs((datetime.now(UTC) - at).total_seconds()) < 3_600


def _mythos(plane: Plane, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "mythos", *words],
        env=plane.environment, capture_output=True, check=True, timeout=60,
    )  # fmt: skip


def _restart(plane: Plane, agent: Agent) -> None:
    _mythos(plane, "witness", "restart", agent.origin, "--by", "ada", "--why", "a new disk")


def _audit(plane: Plane, agent: Agent) -> tuple[bool, int, int]:
    """Whether the newest audit of a node's log failed, the restarts it knows of, and its size."""
    question = "SELECT subject, body FROM resilience_evidencerow WHERE kind = 'memory' ORDER BY id"
    *_, body = (
        json.loads(body) for origin, body in plane.table(question) if origin == agent.origin
    )
    return body["proof_failed"], body.get("restarts", 0), body["size"]


def test_a_node_takes_it_from_its_witness_that_a_log_began_anew(
    plane: Plane, agents: dict[str, Agent]
) -> None:
    """The node remembers that the log was larger, and would call the new one cut short for good."""
    agent = agents["anew"]
    for _ in range(3):
        agent.learn()
    agent.beat()
    agent.deliver()
    agent.log.unlink()
    (agent.store / "a.md").unlink()
    agent.begin(b"from the backup")
    agent.beat(minute=1)
    agent.deliver()
    assert _audit(plane, agent) == (True, 0, 0)
    assert len(_forks(plane, agent)) == 1
    _restart(plane, agent)
    for minute in (2, 3):
        agent.beat(minute=minute)
        agent.deliver()
    assert _audit(plane, agent) == (False, 1, 1)
    assert _witnessed(plane, agent) == [1]
    assert [entry.op for entry in _kept(plane, agent).entries] == ["baseline"]


class Meddler:
    """Somebody between a node and its control plane, who gives checkpoints times of their own."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.key = Ed25519PrivateKey.generate()
        self.views = 0

    def pass_on(self, body: bytes, content_type: str) -> Answer:
        with httpx.Client(base_url=self.server, trust_env=False, timeout=10) as client:
            told = client.post(
                "/api/v1/evidence", content=body, headers={"Content-Type": content_type}
            )
        answer = told.json()
        self.views += "view" in answer
        late = datetime(9000, 1, 1, tzinfo=UTC)
        answer["witnessed"] = [cosign(note, self.key, at=late) for note in answer["witnessed"]]
        return Answer(json.dumps(answer).encode(), status=told.status_code)


def test_times_invented_in_the_path_do_not_keep_a_restart_from_a_node(
    plane: Plane, agents: dict[str, Agent]
) -> None:
    agent = agents["astray"]
    meddler = Meddler(plane.url)
    with listening({("POST", "/api/v1/evidence"): meddler.pass_on}) as path:
        client = ControlPlane(f"http://127.0.0.1:{path.port}")
        with closing(client):
            for minute in range(2):
                agent.learn()
                agent.beat(minute=minute)
                agent.speaker.reporter.deliver(client)
            assert meddler.views == 1
            agent.log.unlink()
            (agent.store / "a.md").unlink()
            agent.begin(b"from the backup")
            _restart(plane, agent)
            for minute in (2, 3):
                agent.beat(minute=minute)
                agent.speaker.reporter.deliver(client)
    assert _audit(plane, agent) == (False, 1, 1)
    assert _witnessed(plane, agent) == [1]
    heard = heard_at(agent.speaker.store, agent.origin)
    assert abs(datetime.now(UTC).timestamp() - heard) < 3_600


def test_newest_entries_are_kept_and_an_erased_key_is_named_no_more(
    plane: Plane, agents: dict[str, Agent]
) -> None:
    agent, name = agents["eraser"], "ada@example.org.md"
    at = datetime.now(UTC)
    secret = record(DirectoryStore(agent.store), agent.log, name, b"tea", source="agent", at=at)
    agent.beat()
    agent.deliver()
    assert _kept(plane, agent).names[secret.key_hash] == name
    agent.learn()
    _mythos(plane, "memory", "record", f"dir:{agent.store}", name, "--erase", "--source", "user")
    agent.beat(minute=1)
    agent.deliver()
    kept = _kept(plane, agent)
    assert [entry.op for entry in kept.entries] == ["baseline", "put", "put", "delete"]
    assert kept.entries[1].key_hash == kept.entries[3].key_hash == secret.key_hash
    assert set(kept.names.values()) == {"a.md"}
    (note,) = (
        cosigned
        for origin, cosigned in plane.table("SELECT origin, note FROM resilience_memorycheckpoint")
        if origin == agent.origin
    )
    require_tail(kept, parse_checkpoint(parse_note(note).text))
    assert "ada@example.org" not in json.dumps(plane.table("SELECT * FROM resilience_memorytail"))
    assert _forks(plane, agent) == []
