"""`mythos memory audit` of a log that does not hold: red in every form of the answer."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.test_memory import files, memory, told

FORGERIES = {
    "an entry": "UPDATE entries SET entry = CAST(replace(entry, 'baseline', 'put') AS BLOB)",
    "a leaf": "UPDATE entries SET leaf = zeroblob(32) WHERE seq = 1",
    "a node": "UPDATE nodes SET hash = zeroblob(32)",
    "no nodes": "DELETE FROM nodes",
    "an entry less": "DELETE FROM entries WHERE seq = 1",
    "no entries": "DELETE FROM entries",
    "another name": "UPDATE log SET origin = 'mythos/n1/other'",
    "no name": "DELETE FROM log",
    "a pending change": "INSERT INTO pending VALUES ('directory', 'zz', 9)",
    "no table": "DROP TABLE entries",
}


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A store of two memories, and a log that says so in a signed checkpoint (`kept`)."""
    uri = files(tmp_path)
    for key in ("a", "b"):
        (tmp_path / "mem" / key).write_text(key)
    told("baseline", uri)
    signing = ("--key", tmp_path / "k.pem", "--new-key", "--out", tmp_path / "kept")
    (tmp_path / "vkey").write_text(told("checkpoint", uri, *signing)["vkey"])
    return uri


@pytest.mark.parametrize("how", [(), ("--sample", "2"), ("--resume", "left"), ("--witnessed",)])
@pytest.mark.parametrize("statement", FORGERIES.values(), ids=FORGERIES)
def test_of_a_forged_log_nothing_is_called_ok(
    uri: str, tmp_path: Path, statement: str, how: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(tmp_path / "mem.log.sqlite3")) as log, log:
        log.execute("DROP TRIGGER entries_stay")
        log.execute("DROP TRIGGER entries_remain")
        log.execute(statement)
    asked = {
        "--witnessed": ("--witnessed", tmp_path / "kept", "--vkey", tmp_path / "vkey"),
        "--resume": ("--resume", tmp_path / "left"),
    }.get(how[0] if how else "", how)
    said = memory("audit", uri, *asked)
    assert said.code == 1
    assert said.out.startswith("MEMORY_LOG_FORK: the log does not hold: ")
    assert "NOT ok: nothing was compared, because the log does not hold; integrity 0\n" in said.out
    assert "  next        stop the agent" in said.out
    assert not re.search(r"(?m)^ok|[1-9]\d* as logged", said.out)
    found = told("audit", uri, *asked, code=1)
    assert (found["ok"], found["flags"]) == (0, ["MEMORY_LOG_FORK"])
    assert found["score"] == {"low": 0.0, "mid": 0.0, "high": 0.0}
    assert found["checkpoint"]["failed"]


def test_of_a_log_that_is_not_there_nothing_is_called_ok(uri: str, tmp_path: Path) -> None:
    (tmp_path / "mem.log.sqlite3").unlink()
    said = memory("audit", uri)
    assert (said.code, "NOT ok: no log, so no score" in said.out) == (1, True)
    assert re.search(r"(?m)^  log +\S+mem.log.sqlite3 \(not there\)$", said.out)
    remembered = memory("audit", uri, "--witnessed", tmp_path / "kept").out
    assert remembered.startswith("MEMORY_LOG_FORK")
