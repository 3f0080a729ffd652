"""What every command does alike: help, refusals, and what it prints where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click
import pytest

from mythos.cli.root import root, told
from tests.cli.control_plane import EXAMPLE, mythos

CARE = Path(EXAMPLE) / "policies/care-rules.yaml"


def started(*words: str, stdout: int | IO[str]) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "mythos", *words]
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    "words", [["audit"], ["bundle", "build"], ["bundle", "show", "/nowhere"], ["node", "nope"]]
)
def test_bad_usage_with_json_prints_json_on_standard_output_only(words: list[str]) -> None:
    ran = mythos(*words, "--json")

    assert (ran.code, ran.err) == (2, "")
    assert ran.json["error"]["type"] == "UsageError"
    assert "--help`" in ran.json["error"]["remedy"]


def test_bad_usage_for_people_is_a_line_and_its_remedy() -> None:
    ran = mythos("bundle", "build")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "error: Missing argument 'DIR'.\n  → see `mythos bundle build --help`\n"


def test_a_noun_alone_shows_its_commands() -> None:
    assert "Check a source tree" in mythos("bundle").err


def test_the_forms_of_enrolment_stand_on_lines_of_their_own() -> None:
    lines = mythos("node", "enroll", "--help").out.splitlines()

    assert "            host      mythos node enroll --server URL --node N --code CODE" in lines


def test_no_short_help_is_cut_off() -> None:
    context = click.Context(root)
    groups = [root.get_command(context, name) for name in root.list_commands(context)]
    commands = [
        each
        for group in groups
        if isinstance(group, click.Group)
        for each in group.commands.values()
    ]
    assert [each.name for each in commands if each.get_short_help_str(58).endswith("...")] == []


def test_what_the_disk_refuses_is_told_with_its_place_and_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    ran = mythos("bundle", "build", EXAMPLE, "--out", tmp_path / "file" / "layout", "--json")

    assert ran.code == 1
    assert ran.json["error"]["type"] == "UnavailableError"
    assert str(tmp_path / "file") in ran.json["error"]["message"]
    assert ran.json["error"]["remedy"]


def test_a_full_disk_is_told_as_such() -> None:
    error = told(OSError(28, "No space left on device", "/spool/x"))

    assert str(error) == "/spool/x: No space left on device"
    assert "free some disk space" in error.remedy


def test_a_file_name_that_is_no_text_is_told_as_json_all_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/odd-\xff.yaml")
    Path(name).write_bytes(CARE.read_bytes())
    ran = mythos("policy", "check", name, "--json")
    assert ran.code == 0
    assert ran.json["files"][0]["file"] == name


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_result_that_cannot_be_printed_is_one_error_on_standard_error(more: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = started("policy", "check", str(CARE), *more, stdout=full)
        _, err = ran.communicate(timeout=60)

    assert ran.returncode == 1
    assert err == (
        "error: standard output: No space left on device\n"
        "  → free some disk space, then repeat the command\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_refusal_that_cannot_be_printed_as_json_is_printed_as_a_line() -> None:
    with Path("/dev/full").open("w") as full:
        ran = started("policy", "check", "/nowhere", "--json", stdout=full)
        _, err = ran.communicate(timeout=60)

    assert ran.returncode == 2
    assert err.startswith("error: Invalid value for 'FILE...'")
    assert len(err.splitlines()) == 2


@pytest.mark.parametrize("words", [["--help"], ["policy", "check", "/nowhere", "--json"]])
def test_nothing_is_said_where_nobody_reads_on(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ran = started(*words, stdout=writing)
    os.close(writing)
    _, err = ran.communicate(timeout=60)

    assert (ran.returncode != 0, err) == (True, "")


@pytest.mark.parametrize("words", [["--help"], ["policy", "check", str(CARE)]])
def test_a_command_started_without_standard_output_does_its_work(words: list[str]) -> None:
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "mythos", *words]
    ran = subprocess.run(closed, stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C reaches what a test starts, though a shell's `make test &` would ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


INTERRUPTED_AT = """
import os, signal, sys
from mythos.cli import main

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupts())
sys.argv = ["mythos", "policy", "check", {file!r}]
main()
"""


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("module", ["mythos.cli.root", "click", "mythos.cli.policy", "orjson"])
def test_interrupted_while_it_loads_a_command_ends_quietly(module: str) -> None:
    code = INTERRUPTED_AT.format(module=module, file=str(CARE))
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stdout, ran.stderr.strip()) == (130, "", "interrupted")


@pytest.mark.parametrize("killed_by", [signal.SIGTERM, signal.SIGKILL])
def test_killed_an_audit_leaves_nothing(tmp_path: Path, killed_by: signal.Signals) -> None:
    pipe = tmp_path / "spans.jsonl"
    os.mkfifo(pipe)
    audit = subprocess.Popen(
        [sys.executable, "-m", "mythos", "audit", "--traces", str(pipe)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with pipe.open("w"):  # opens when the audit reads
        audit.send_signal(killed_by)
        assert audit.wait(20) == -killed_by
    assert [path.name for path in tmp_path.iterdir()] == ["spans.jsonl"]


@pytest.mark.usefixtures("heard")
def test_interrupted_a_command_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    pipe = tmp_path / "spans.jsonl"
    os.mkfifo(pipe)  # a source that never ends
    audit = subprocess.Popen(
        [sys.executable, "-m", "mythos", "audit", "--traces", str(pipe), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with pipe.open("w") as source:  # opens when the audit does
        source.write(json.dumps({"resourceSpans": []}) + "\n")
        source.flush()
        time.sleep(0.2)
        audit.send_signal(signal.SIGINT)
        out, err = audit.communicate(timeout=20)

    assert (audit.returncode, out, err.strip()) == (130, "", "interrupted")
    assert [path.name for path in tmp_path.iterdir()] == ["spans.jsonl"]
