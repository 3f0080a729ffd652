from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.adapters.fleet_site import write_tree
from tests.cli.control_plane import FLEET, mythos

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _control_plane(settings: Settings, tmp_path: Path) -> None:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"home": tmp_path / "home"})
    (tmp_path / "fleet.yaml").write_text(FLEET)
    mythos("trust", "init", "--fleet", tmp_path / "fleet.yaml")


@pytest.fixture
def digest(tmp_path: Path) -> str:
    """A genuine bundle that asks for the label `tier`."""
    write_tree(tmp_path / "tree")
    mythos("bundle", "build", tmp_path / "tree", "--out", tmp_path / "layout")
    signed: str = mythos("trust", "sign", tmp_path / "layout", "--json").json["digest"]
    return signed


def test_environments_are_ranked_with_verdict_and_reasons(digest: str) -> None:
    answer = mythos("strategy", "recommend", "--json").json

    assert answer["bundle"] == digest
    verdicts = {one["target_environment"]: one["verdict"] for one in answer["environments"]}
    assert verdicts["cloud"] == "forbidden"
    assert all(one["reasons"] for one in answer["environments"])


def test_people_read_each_sentence_once(digest: str) -> None:
    ran = mythos("strategy", "recommend", "--bundle", digest)

    assert ran.out.startswith("care v1: ")
    assert ". lab: " in ran.out
    [missing] = [cell for cell in ran.out.splitlines() if "triage" in cell and "forbidden" in cell]
    reason = missing.split("forbidden", 1)[1].strip()
    assert ran.out.count(reason) == 1


def test_without_a_bundle_the_next_step_is_told() -> None:
    ran = mythos("strategy", "recommend")

    assert ran.code == 1
    assert "→ take one in with `mythos trust sign LAYOUT`" in ran.err
