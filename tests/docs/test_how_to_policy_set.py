"""The page on policy sets says what happens: its files are written, its commands run as printed."""

from __future__ import annotations

import re
import shutil
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from mythos.cli.root import root

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/policy-set.md").read_text("utf-8")
_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)


def _blocks() -> list[str]:
    return [textwrap.dedent(block) for block in _INDENTED.findall(_YAML.sub("", PAGE))]


def _shown(command: str) -> str:
    """What the page prints below a command."""
    [block] = [each for each in _blocks() if each.startswith(f"$ {command}\n")]
    return block.partition("\n")[2]


def _run(command: str) -> str:
    return CliRunner().invoke(root, command.split()[1:]).stdout


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page, after its first two steps and with the events of the fourth."""
    rules, _ = _YAML.findall(PAGE)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "examples/retail-care/tools/retail-care.json", tmp_path / "tools")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/desk.yaml").write_text(rules, "utf-8")
    [talk] = [block for block in _blocks() if block.startswith('{"user"')]
    (tmp_path / "talk.jsonl").write_text(talk, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_shows_what_its_commands_print(fleet: Path) -> None:
    check = "mythos policy check policies/desk.yaml"
    assert _run(check) == _shown(check)
    desk = fleet / "policies/desk.yaml"
    desk.write_text(desk.read_text("utf-8").replace("confirmd", "confirmed"), "utf-8")
    assert _run(check).endswith("ok: 1 policy sets, 4 rules\n")
    decide = "mythos policy decide policies/desk.yaml --events talk.jsonl"
    assert _run(decide) == _shown(decide)


def test_the_promises_of_the_page_are_kept(fleet: Path) -> None:
    rules, expect = _YAML.findall(PAGE)
    desk = fleet / "policies/desk.yaml"
    desk.write_text(rules.replace("confirmd", "confirmed") + expect, "utf-8")
    told = _run("mythos policy test policies/desk.yaml")
    assert "✔ a refund after a yes" in told
    assert "✔ two refunds of one order stay under the cap" in told
    assert " 0 failed" in told
