"""An audit behind an air gap: the witness's key and what it cosigned say what the log once was."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.cli.root import root
from mythos.engines.memory.cosignature import CosignatureVerifier, cosign

AT = datetime(2030, 1, 1, tzinfo=UTC)
WITNESS = Ed25519PrivateKey.generate()
VKEY = CosignatureVerifier("mythos/witness", WITNESS.public_key()).vkey


class Desk:
    """A store with its log, and the checkpoint that the witness cosigned of it, in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "memory"
        self.store.mkdir()
        self.begin("likes tea")
        self.learn("likes milk")
        signed = self.run("checkpoint", "--key", folder / "k.pem", "--new-key")
        told = json.loads(signed.stdout)
        self.note, self.vkey = told["note"], told["vkey"]
        self.cosigned = folder / "cosigned.note"
        self.cosigned.write_text(cosign(self.note, WITNESS, at=AT), "utf-8")

    def run(self, command: str, *words: object) -> Result:
        said = ["memory", command, f"dir:{self.store}", *map(str, words), "--json"]
        return CliRunner().invoke(root, said)

    def begin(self, text: str) -> None:
        (self.store / "tea").write_text(text, "utf-8")
        assert self.run("baseline", "--node", "n1", "--agent", "clerk").exit_code == 0

    def learn(self, text: str) -> None:
        content = self.folder / "content"
        content.write_text(text, "utf-8")
        assert self.run("record", "tea", "--content", content).exit_code == 0

    def audit(self, *keys: str) -> Result:
        vkeys = (word for key in keys for word in ("--vkey", key))
        return self.run("audit", *vkeys, "--witnessed", self.cosigned)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_log_that_only_grew_since_it_was_cosigned_is_audited(desk: Desk) -> None:
    desk.learn("likes lemon")
    found = desk.audit(VKEY, desk.vkey)
    assert (found.exit_code, json.loads(found.stdout)["flags"]) == (0, [])


@pytest.mark.parametrize("grown", [0, 1, 5])
def test_a_log_begun_anew_is_a_fork_however_much_it_grew(desk: Desk, grown: int) -> None:
    for left in desk.folder.glob("memory.log.sqlite3*"):
        left.unlink()
    desk.begin("wire the money")
    for n in range(grown):
        desk.learn(f"wire the money {n}")
    found = desk.audit(VKEY)
    told = json.loads(found.stdout)
    assert (found.exit_code, told["flags"], told["score"]["mid"]) == (1, ["MEMORY_LOG_FORK"], 0.0)
    assert "a checkpoint remembers" in told["checkpoint"]["failed"]


def test_a_checkpoint_that_the_witness_has_not_cosigned_is_refused(desk: Desk) -> None:
    stranger = CosignatureVerifier("mythos/witness", Ed25519PrivateKey.generate().public_key())
    assert "has not cosigned" in desk.audit(stranger.vkey).output
    desk.cosigned.write_text(desk.note, "utf-8")
    refused = desk.audit(VKEY)
    assert (refused.exit_code, "has not cosigned" in refused.output) == (1, True)
    forged = cosign(desk.note, WITNESS, at=AT).replace("\n2\n", "\n1\n")
    desk.cosigned.write_text(forged, "utf-8")
    assert "does not hold" in desk.audit(VKEY).output


def test_the_key_of_a_witness_alone_is_bad_usage(desk: Desk) -> None:
    refused = desk.run("audit", "--vkey", VKEY)
    assert refused.exit_code == 2
    assert "--witnessed" in refused.output
