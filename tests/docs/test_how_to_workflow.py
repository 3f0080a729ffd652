"""The page on workflows says what happens: its files are written, its commands run as printed."""

from __future__ import annotations

import re
import shutil
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from mythos.cli.root import root
from mythos.values.event import Span
from tests.cli.retail_traces import run, write

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/how-to/workflow.md").read_text("utf-8")
_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)


def _blocks() -> list[str]:
    return [textwrap.dedent(each).strip("\n") for each in _INDENTED.findall(_YAML.sub("", PAGE))]


def _shown(command: str) -> str:
    """What the page prints below a command."""
    [block] = [each for each in _blocks() if each.startswith(f"$ {command}\n")]
    return block.partition("\n")[2]


def _run(command: str) -> str:
    return CliRunner().invoke(root, command.split()[1:]).stdout.strip("\n")


def _recorded() -> list[list[Span]]:
    """Nine proper runs, two in which nobody was asked, and one that read the order twice."""
    twice = run(11)
    again = replace(
        twice[3],
        span_id=f"{20:016x}",
        start_ns=twice[3].start_ns + 5 * 10**8,
        end_ns=twice[3].end_ns + 5 * 10**8,
    )
    return [
        *(run(i) for i in range(9)),
        *(run(i, asks=False) for i in (9, 10)),
        [*twice, again],
    ]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page."""
    (workflow,) = _YAML.findall(PAGE)
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "examples/retail-care/tools/retail-care.json", tmp_path / "tools")
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows/cancel.yaml").write_text(workflow, "utf-8")
    [tried] = [block for block in _blocks() if block.startswith('{"variants"')]
    (tmp_path / "tried.json").write_text(tried, "utf-8")
    write(tmp_path / "traces.jsonl", _recorded())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_shows_what_its_commands_print(fleet: Path) -> None:
    check = "mythos workflow check workflows/cancel.yaml"
    assert _run(check) == _shown(check)
    file = fleet / "workflows/cancel.yaml"
    file.write_text(file.read_text("utf-8").replace("custommer", "customer"), "utf-8")
    assert _run(check).endswith("ok: 1 workflows, 4 steps")
    for given in ("--variants tried.json", "--traces traces.jsonl"):
        align = f"mythos workflow align workflows/cancel.yaml {given}"
        assert _run(align) == _shown(align)
    align = "workflow align workflows/cancel.yaml --traces traces.jsonl --fail-under"
    for bound, code in (("0.9", 0), ("0.95", 1)):
        assert CliRunner().invoke(root, [*align.split(), bound]).exit_code == code
