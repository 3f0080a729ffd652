"""`mythos node` where its state folder is not as it was left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mythos.node.home import NodeHome
from mythos.values.enrolment import Acceptance
from tests.cli.control_plane import mythos


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An enrolled node that has not run."""
    accepted = Acceptance(
        node="lab-1", environment="lab", key_id="k", packets_root="{}", deployments_root="{}"
    )
    folder = tmp_path / "node"
    folder.mkdir()
    NodeHome(folder).accept(accepted)
    return folder


def test_before_its_first_run_a_node_has_no_status(home: Path) -> None:
    ran = mythos("node", "status", "--home", home, "--json")

    assert ran.code == 1
    assert ran.json["error"]["remedy"] == f"start it: mythos node run --home {home}"


def test_a_damaged_status_is_told_and_not_a_stack_trace(home: Path) -> None:
    (home / "status.json").write_text("{")

    ran = mythos("node", "status", "--home", home)

    assert ran.code == 1
    assert "status.json is damaged" in ran.err
    assert "mythos node run" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--new-code", "--node", "a"], "--new-code also needs --environment"),
        (["--request", "r"], "--request also needs --node"),
        (["--server", "http://h"], "--server also needs --node, --code"),
        (["--node", "a"], "these options enrol nobody"),
    ],
)
def test_an_enrolment_begun_says_what_it_still_needs(words: list[str], said: str) -> None:
    ran = mythos("node", "enroll", *words)

    assert ran.code == 2
    assert said in ran.err


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"{",
        b"\0" * 2000,
        b'{"payload":"eyJvcm',
        b'{"payload":"e30=","payloadType":"text/plain"}',
    ],
)
def test_a_damaged_file_is_called_so_on_host_and_control_plane(
    home: Path, tmp_path: Path, damaged: bytes
) -> None:
    (tmp_path / "carried").write_bytes(damaged)
    for where in (home, tmp_path / "nowhere"):
        ran = mythos("node", "import", tmp_path / "carried", "--home", where, "--json")
        assert ran.code == 1
        assert "carried is damaged, or is no file to be carried" in ran.json["error"]["message"]
        assert "copy it again from where" in ran.json["error"]["remedy"]


def test_status_says_yes_no_and_none_like_people(home: Path) -> None:
    (home / "status.json").write_text(
        '{"at": "2026-01-01T00:00:00+00:00", "air_gapped": false, "running": null, "problem": "", '
        '"agents": [{"name": "desk", "pid": null}], "backlog": {"spans": 3, "rows": 0}}'
    )

    lines = mythos("node", "status", "--home", home).out.splitlines()

    assert re.fullmatch(r"at               2026-01-01 00:00:00Z, \d+ s ago", lines[0])
    assert lines[1:] == [
        "air_gapped       no",
        "running          none",
        "problem          none",
        "agents           name desk, pid none",
        "backlog          spans 3, rows 0",
    ]
