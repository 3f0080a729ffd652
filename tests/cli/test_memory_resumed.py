"""`mythos memory audit --resume`: what was not read again is said."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mythos.adapters.memory_audit_resume import LeftOff
from tests.cli.test_memory import files, memory, told


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A store of three memories, and an audit that was cut off at the second (`left.json`)."""
    uri = files(tmp_path)
    for key in ("a", "b", "c"):
        (tmp_path / "mem" / key).write_text(key)
    told("baseline", uri)
    log = told("audit", uri)["checkpoint"]
    left = LeftOff(
        store="directory",
        origin=log["origin"],
        begun_at=datetime(2026, 1, 2, tzinfo=UTC),
        size=log["size"],
        root=log["root"],
        share=0,
        shares=1,
        after="b",
    )
    (tmp_path / "left.json").write_text(left.model_dump_json())
    return uri


def test_what_was_not_read_again_is_counted(uri: str, tmp_path: Path) -> None:
    found = told("audit", uri, "--resume", tmp_path / "left.json")
    assert found["resumed"] == {"compared": 2, "size": 3, "begun_at": "2026-01-02T00:00:00+00:00"}
    assert found["ok"] == 3
    assert told("audit", uri, "--resume", tmp_path / "left.json")["resumed"] is None


def test_what_was_not_read_again_is_told(uri: str, tmp_path: Path) -> None:
    shown = memory("audit", uri, "--resume", tmp_path / "left.json").out
    assert shown.endswith(
        "  not read    2 contents: the audit that began 2026-01-02T00:00:00+00:00 had compared"
        " them, at 3 entries\n"
    )
    assert "not read" not in memory("audit", uri, "--resume", tmp_path / "left.json").out


def test_an_audit_that_cannot_go_on_where_it_was_begins_anew_and_says_so(
    uri: str, tmp_path: Path
) -> None:
    (tmp_path / "mem/b").unlink()
    shown = memory("audit", uri, "--resume", tmp_path / "left.json")
    assert "NOT ok: 2 as logged, 1 not" in shown.out
    assert shown.out.endswith(
        "  began anew  where the audit had left off is not to be found any more\n"
    )


def test_a_sample_is_not_resumed(uri: str, tmp_path: Path) -> None:
    said = memory("audit", uri, "--sample", "2", "--resume", tmp_path / "left.json")
    assert (said.code, "give --sample or --resume" in said.err) == (2, True)
    assert (tmp_path / "left.json").exists()
