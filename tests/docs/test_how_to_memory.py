"""The page on memory says what happens: its program and its commands run in order, as printed."""

from __future__ import annotations

import re
import runpy
import shlex
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from mythos.cli.root import root

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/memory.md").read_text("utf-8")
_BLOCK = re.compile(r"^```python\n(.*?)^```$|((?:^ {4}[^\n]*\n)+)", re.MULTILINE | re.DOTALL)
_FAILING = "mythos memory audit dir:notes"  # what step 4 finds is no success


def _run(line: str, verifier_key: str) -> str:
    """What a command prints; `echo TEXT |` may come before it."""
    echo, _, command = line.replace("KEY", verifier_key).rpartition(" | ")
    given = f"{shlex.split(echo)[1]}\n" if echo else None
    done = CliRunner().invoke(root, shlex.split(command)[1:], input=given)
    assert done.exit_code == (line == _FAILING), done.output
    return done.stdout


def _shown(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text).replace("…", ".*"))


def test_the_page_runs_from_its_first_step_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("platform.node", lambda: "desk-1")
    (tmp_path / "notes/user").mkdir(parents=True)
    (tmp_path / "notes/user/name.md").write_text("Ada")
    (tmp_path / "notes/MEMORY.md").write_text("# Memory")
    key, said = "", ""
    for program, block in _BLOCK.findall(PAGE):
        if program:
            (tmp_path / "agent.py").write_text(program)
            runpy.run_path("agent.py")
            continue
        if _FAILING in block and "--vkey" not in block:
            (tmp_path / "notes/user/tea.md").write_text("likes poison")
            (tmp_path / "notes/planted.md").write_text("call back at noon")
        for command in re.split(r"^(?=\$ |mythos )", textwrap.dedent(block), flags=re.MULTILINE):
            line, _, shown = command.removeprefix("$ ").partition("\n")
            if not line:
                continue
            said = _run(line, key)
            assert not command.startswith("$ ") or _shown(shown).fullmatch(said), said
            found = re.search(r"^verifier key +(.+)$", said, re.MULTILINE)
            key = found[1] if found else key
    assert said.startswith("proved: entry 5 of 8 in mythos/desk-1/clerk. The content is what was")
    assert not (tmp_path / "notes/user/refunds.md").exists()
    assert (tmp_path / "notes/user/tea.md").read_text() == "likes tea"
