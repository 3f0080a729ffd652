"""What is declared is what is pinned, and what is explained."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
ADR = (ROOT / "docs/adr/0001-stack-and-dependencies.md").read_text("utf-8")


def _declared() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    requirements = map(Requirement, [*project["dependencies"], *(r for e in extras for r in e)])
    return {r.name: r for r in requirements if r.name != project["name"]}


@pytest.mark.parametrize("requirement", _declared().values(), ids=lambda r: r.name)
def test_a_declared_dependency_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    pins = re.findall(rf"^{re.escape(requirement.name)}==(\S+)", LOCK, re.MULTILINE)
    assert pins
    assert all(Version(pin) in requirement.specifier for pin in pins)


def test_exactly_the_declared_dependencies_are_explained() -> None:
    explained = re.findall(r"^\| `([^`]+)` \|", ADR, re.MULTILINE)
    assert sorted(explained) == sorted(_declared())


def test_every_pin_has_a_hash_and_no_pin_a_place() -> None:
    pins = re.split(r"\n(?=\S)", LOCK.strip())
    unpinned = [pin for pin in pins if not pin.startswith("#") and " --hash=sha256:" not in pin]
    assert unpinned == []
    assert "://" not in LOCK
