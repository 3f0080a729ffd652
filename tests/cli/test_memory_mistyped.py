"""`mythos memory` with a key, a file or a store that is not the one that was meant."""

from __future__ import annotations

import json
import time
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.test_memory import Site, files, memory, site, told

__all__ = ["site"]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A store of one memory with its log."""
    uri = files(tmp_path)
    (tmp_path / "mem/tea").write_text("likes tea")
    told("baseline", uri)
    return uri


@pytest.mark.parametrize(
    "command",
    [
        ("record", "--delete"),
        ("record", "--expire"),
        ("record", "--erase"),
        ("accept", "--by", "ada", "--why", "x"),
    ],
)
def test_a_key_that_neither_store_nor_log_knows_is_refused(
    uri: str, command: tuple[str, ...]
) -> None:
    refused = told(command[0], uri, "tae", *command[1:], code=1)["error"]
    assert refused["message"] == "neither the store nor its log knows 'tae'"
    assert told("audit", uri)["checkpoint"]["size"] == 1


def test_a_key_that_only_the_log_or_only_the_store_knows_is_none_of_these(
    uri: str, tmp_path: Path
) -> None:
    (tmp_path / "mem/planted").write_text("x")
    told("record", uri, "planted", "--delete")
    (tmp_path / "mem/tea").unlink()
    told("accept", uri, "tea", "--by", "ada", "--why", "gone for good")
    told("record", uri, "tea", "--erase")
    assert told("audit", uri)["checkpoint"]["size"] == 4


def test_a_write_that_was_announced_before_is_told_as_that(uri: str, tmp_path: Path) -> None:
    (tmp_path / "mem/tea").write_text("likes green tea")
    announced = ("record", uri, "tea", "--sha256", sha256(b"likes green tea").hexdigest())
    assert memory(*announced).out == "entry 1: put tea\n"
    time.sleep(0.002)
    assert memory(*announced).out == "entry 1: put tea (logged before)\n"


def test_a_file_that_is_no_checkpoint_is_named(uri: str, tmp_path: Path) -> None:
    note = tmp_path / "mem/tea"
    for asked in (("audit", uri, "--witnessed"), ("rollback", uri, "--to-checkpoint")):
        said = memory(*asked, note)
        assert (said.code, f"error: {note}: signed note: no blank line" in said.err) == (1, True)
        assert "name a checkpoint as `mythos memory checkpoint --out` writes it" in said.err


def test_a_backup_that_is_not_there_is_refused(uri: str, tmp_path: Path) -> None:
    refused = told("rollback", uri, "--to", "1", "--backup", f"dir:{tmp_path / 'no'}", code=1)
    assert refused["error"]["message"].startswith("there is no folder")


def test_a_proved_record_may_be_spelt_otherwise(site: Site, tmp_path: Path) -> None:
    vkey = told("checkpoint", site.uri, "--key", tmp_path / "k.pem", "--new-key")["vkey"]
    told("prove", site.uri, "tea", "--disclose", "--out", tmp_path / "p")
    told("prove", site.uri, "tea", "--out", tmp_path / "bare")
    held = tmp_path / "held"
    held.write_bytes(site.content("tea", "likes tea"))
    check = ("verify", tmp_path / "p", "--vkey", vkey, "--content", held)
    assert told(*check)["content"] == "same"
    record = json.dumps({"text": "likes tea", "id": "tea"}, indent=1)
    held.write_text(record)
    told(*check, code=1 if site.uri.startswith("dir:") else 0)
    held.write_text(record.replace("likes", "hates"))
    assert told(*check, code=1)["why"] == "the content is not what was logged"
    held.write_text("no JSON")
    assert told(*check, code=1)["why"] == "the content is not what was logged"
    bare = told("verify", tmp_path / "bare", "--vkey", vkey, "--content", held, code=1)
    assert "discloses no salt" in bare["error"]["message"]
