from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from tests.adapters.fleet_site import write_tree
from tests.cli.control_plane import FLEET, mythos

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def home(settings: Settings, tmp_path: Path) -> Path:
    """A control plane of its own."""
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"home": tmp_path / "home"})
    return tmp_path / "home"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET)
    return file


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    write_tree(tmp_path / "tree")
    mythos("bundle", "build", tmp_path / "tree", "--out", tmp_path / "layout")
    return tmp_path / "layout"


def test_init_makes_packets_and_one_repository_an_environment(fleet: Path, home: Path) -> None:
    ran = mythos("trust", "init", "--fleet", fleet, "--json")

    assert ran.code == 0
    assert ran.json["environments"] == ["lab", "cloud"]
    assert set(ran.json["roots"]) == {"packets", "deployments/cloud", "deployments/lab"}
    assert all(Path(root).is_file() for root in ran.json["roots"].values())


def test_init_again_keeps_the_keys(fleet: Path, home: Path) -> None:
    mythos("trust", "init", "--fleet", fleet)
    before = {path: path.read_bytes() for path in home.rglob("*.pem")}

    assert mythos("trust", "init", "--fleet", fleet).code == 0
    assert {path: path.read_bytes() for path in home.rglob("*.pem")} == before


def test_a_wrong_fleet_file_is_refused_with_its_line(tmp_path: Path, home: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("environments:\n  - name: lab\n    air_gaped: true\n")

    ran = mythos("trust", "init", "--fleet", tmp_path / "fleet.yaml")

    assert ran.code == 1
    assert "fleet.yaml:3:5" in ran.err
    assert not (home / "site").exists()


def test_status_tells_versions_and_expiry_of_both_kinds(fleet: Path) -> None:
    mythos("trust", "init", "--fleet", fleet)

    roles = {
        (one["repository"], one["role"]): one for one in mythos("trust", "status", "--json").json
    }

    assert roles["packets", "timestamp"]["days_left"] == 35.0
    assert roles["deployments/cloud", "timestamp"]["days_left"] == 1.0
    assert roles["deployments/lab", "timestamp"]["days_left"] == 30.0
    assert {one["state"] for one in roles.values()} == {"fresh"}


def test_renew_signs_what_is_due_and_no_more(home: Path) -> None:
    from mythos.server.deployment import trust

    trust.packets(at=timezone.now() - timedelta(days=20))

    ran = mythos("trust", "renew", "--json")

    assert ran.json == [
        {"repository": "packets", "renewed": ["snapshot", "timestamp"], "waiting": []}
    ]
    assert mythos("trust", "renew", "--json").json[0]["renewed"] == []


def test_expired_signatures_are_a_finding(home: Path) -> None:
    from mythos.server.deployment import trust

    trust.packets(at=timezone.now() - timedelta(days=40))

    ran = mythos("trust", "status", "--json")

    assert ran.code == 1
    assert {one["role"]: one["state"] for one in ran.json}["timestamp"] == "expired"


def test_a_signed_bundle_is_genuine_and_signing_it_again_changes_nothing(
    layout: Path, home: Path, tmp_path: Path
) -> None:
    signed = mythos("trust", "sign", layout, "--json").json
    assert mythos("trust", "sign", layout, "--json").json == signed

    root = home / "site/packets/metadata/1.root.json"
    verified = mythos("bundle", "verify", layout, "--site", home / "site", "--root", root, "--json")
    assert verified.code == 0


def test_other_content_under_a_signed_name_and_version_is_refused(
    layout: Path, tmp_path: Path
) -> None:
    mythos("trust", "sign", layout)
    (tmp_path / "tree/memory/triage/notes.md").write_text("be quick\n")
    mythos("bundle", "build", tmp_path / "tree", "--out", layout)

    ran = mythos("trust", "sign", layout)

    assert ran.code == 1
    assert "→ raise `version` in bundle.yaml" in ran.err


def test_a_rollout_is_signed_and_can_be_carried_away(
    fleet: Path, layout: Path, home: Path, tmp_path: Path
) -> None:
    mythos("trust", "init", "--fleet", fleet)
    digest = mythos("trust", "sign", layout, "--json").json["digest"]

    started = mythos(
        "rollout", "start", "--environment", "lab", "--bundle", "care@1", "--by", "ops",
        "--why", "first", "--json",
    )  # fmt: skip
    assert started.json["sequence"] == 1
    assert mythos("bundle", "export", "--environment", "lab", "--out", tmp_path / "b.tar").code == 0

    shown = mythos("bundle", "show", tmp_path / "b.tar", "--json").json
    assert (shown["digest"], shown["environments"]) == (digest, ["lab"])
    verified = mythos(
        "bundle", "verify", tmp_path / "b.tar",
        "--root", home / "site/packets/metadata/1.root.json",
        "--deployments-root", home / "site/deployments/lab/metadata/1.root.json",
        "--environment", "lab", "--json",
    )  # fmt: skip
    assert {check["state"] for check in verified.json["checks"]} == {"pass"}


def test_an_environment_that_lacks_a_label_gets_no_rollout(fleet: Path, layout: Path) -> None:
    mythos("trust", "init", "--fleet", fleet)
    mythos("trust", "sign", layout)

    ran = mythos(
        "rollout", "start", "--environment", "cloud", "--bundle", "care@1", "--by", "ops",
        "--why", "try",
    )  # fmt: skip

    assert ran.code == 1
    assert "does not carry the bundle's labels: tier" in ran.err


def test_what_is_not_signed_cannot_be_rolled_out(fleet: Path) -> None:
    mythos("trust", "init", "--fleet", fleet)

    ran = mythos(
        "rollout", "start", "--environment", "lab", "--bundle", "care@1", "--by", "ops",
        "--why", "try", "--json",
    )  # fmt: skip

    assert ran.code == 1
    assert ran.json["error"]["type"] == "NotFoundError"


def test_an_environment_without_assignment_has_nothing_to_export(
    fleet: Path, tmp_path: Path
) -> None:
    mythos("trust", "init", "--fleet", fleet)

    ran = mythos("bundle", "export", "--environment", "lab", "--out", tmp_path / "b.tar")

    assert ran.code == 1
    assert "lab has no assignment" in ran.err
    assert not (tmp_path / "b.tar").exists()


def test_nobody_in_particular_decides_nothing(fleet: Path, layout: Path) -> None:
    mythos("trust", "init", "--fleet", fleet)
    mythos("trust", "sign", layout)

    ran = mythos(
        "rollout", "start", "--environment", "lab", "--bundle", "care@1", "--by", "",
        "--why", "try",
    )  # fmt: skip

    assert ran.code == 2
    assert "→ name who decides" in ran.err
