"""Patches that are offered are taken by `patch` and `git apply`, whatever the files are called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mythos.cli.patch import Edit, Patch, patch_of
from tests.cli.policy_command import CARE, REFUNDS, TOOLS, policy, written

TOOLS_THAT_PATCH = [
    pytest.param(tool, marks=pytest.mark.skipif(not shutil.which(tool), reason=f"no {tool}"))
    for tool in ("patch", "git")
]
BEFORE = "one\ntwo \u2028\x0b\x85 two\nthree\rthree\n\nfour"
AFTER = "one\n2 \u2028 2\nthree\rthree\n\nfour\n"


def apply(patch: Patch, tool: str, folder: Path) -> None:
    """Run the tool on a patch as the reference says, in a folder."""
    command = patch.apply.split()
    if tool == "git":
        command = ["git", "apply", "-p0", *(["--unsafe-paths"] if "-d" in command else [])]
    done = subprocess.run(
        command, input=patch.text.encode(), cwd=folder, capture_output=True, check=False
    )
    assert done.returncode == 0, (command, patch.text, done.stdout, done.stderr)


def edited(folder: Path, *names: str, tool: str) -> None:
    """Edit files, named as someone who works in the folder names them, by a patch."""
    files = [folder / name for name in names]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(BEFORE.encode())
    apply(patch_of([Edit(Path(name), BEFORE, AFTER) for name in names]), tool, folder)
    assert [file.read_bytes() for file in files] == [AFTER.encode()] * len(files)


NAMES = [
    "care.yaml",
    "our rules/care  rules.yaml",
    " leading",
    "trailing ",
    'quo"ted',
    '"quoted"',
    "back\\slash",
    "tab\tand\nline",
    "-p1",
    "Regeln für Käse.yaml",
    "no-text-\udcff.yaml",
    "./care.yaml",
    "../care rules.yaml",
    "sub/../care.yaml",
]


@pytest.mark.parametrize("tool", TOOLS_THAT_PATCH)
@pytest.mark.parametrize("name", NAMES)
def test_a_patch_applies_in_the_working_directory_by_any_name(
    name: str, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work here"
    (work / "sub").mkdir(parents=True)
    monkeypatch.chdir(work)
    edited(work, name, tool=tool)
    edited(work, str(work / "absolute.yaml"), name, tool=tool)


@pytest.mark.parametrize("tool", TOOLS_THAT_PATCH)
@settings(max_examples=30)
@given(name=st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12))
def test_a_patch_applies_by_names_that_nobody_thought_of(name: str, tool: str) -> None:
    if name in {".", ".."} or len(os.fsencode(name.encode("utf-8", "replace").decode())) > 200:
        return
    name = name.encode("utf-8", "replace").decode()
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as at:
        at.chdir(folder)
        edited(Path(folder), name, tool=tool)


@pytest.mark.parametrize("tool", TOOLS_THAT_PATCH)
def test_a_link_is_patched_where_it_leads(
    tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "care.yaml").symlink_to(tmp_path / "elsewhere.yaml")
    monkeypatch.chdir(work)
    edited(work, "care.yaml", tool=tool)


def test_no_edit_is_no_patch() -> None:
    assert patch_of([]) == Patch()
    assert patch_of([Edit(Path("a"), "x\n", "x\n")]) == Patch()


@pytest.mark.parametrize("tool", TOOLS_THAT_PATCH)
@pytest.mark.parametrize("far", [False, True])
def test_a_suggested_change_applies_as_it_is_shown(
    far: bool, tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rules = written(Path("../far" if far else "near") / "refund rules.yaml", REFUNDS.read_text())
    found = policy("coherence", CARE, rules, "--tools", TOOLS, "--json", "--no-cache").json
    (change,) = (one for one in found["suggested_changes"] if "refund-positive" in one["sentence"])
    assert change["apply"] == ("patch -d / -p0" if far else "patch -p0")
    apply(Patch((change["patch"],), change["apply"]), tool, work)
    assert "refund-positive" not in rules.read_text()
