from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.adapters.fleet_site import LAB, Site, new_site, write_tree
from tests.cli.control_plane import EXAMPLE, mythos


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site that releases and assigns the lab's bundle, valid now."""
    from datetime import UTC, datetime

    from tests.adapters.fleet_site import bundle

    site = new_site(tmp_path / "site", at=datetime.now(UTC))
    site.release(bundle(), at=datetime.now(UTC))
    return site


def roots(site: Site, folder: Path) -> tuple[Path, Path]:
    packets, deployments = folder / "packets-root.json", folder / "deployments-root.json"
    packets.write_bytes(site.roots.packets)
    deployments.write_bytes(site.roots.deployments)
    return packets, deployments


def test_a_build_prints_the_digest_first(tree: Path, tmp_path: Path) -> None:
    ran = mythos("bundle", "build", tree, "--out", tmp_path / "layout")

    assert ran.code == 0
    assert ran.out.splitlines()[0].split()[0] == "digest"
    assert ran.out.splitlines()[0].split()[1].startswith("sha256:")


def test_two_builds_of_one_tree_have_one_digest_wherever_it_lies(tmp_path: Path) -> None:
    copied = shutil.copytree(EXAMPLE, tmp_path / "moved")
    (copied / "agents" / "orders.yaml").rename(copied / "agents" / "another-file-name.yaml")

    one = mythos("bundle", "build", EXAMPLE, "--out", tmp_path / "one", "--json").json
    other = mythos("bundle", "build", copied, "--out", tmp_path / "two", "--json").json

    assert one["digest"] == other["digest"]
    assert one["agents"] == ["orders", "refunds", "triage"]
    assert one["workflows"] == ["cancel-order", "return-order"]
    assert set(one) == {
        "digest", "name", "version", "agents", "policy_sets", "workflows", "tools", "memories",
        "memory_logs", "size_bytes", "layout",
    }  # fmt: skip


def test_what_was_built_is_what_is_shown(tmp_path: Path) -> None:
    built = mythos("bundle", "build", EXAMPLE, "--out", tmp_path / "layout", "--json").json
    shown = mythos("bundle", "show", tmp_path / "layout", "--json").json

    assert shown["digest"] == built["digest"]
    assert shown["size_bytes"] == built["size_bytes"]
    assert [c["name"] for c in shown["constructs"] if c["kind"] == "agent"] == built["agents"]
    assert shown["destinations"] == ["env:cloud-eu", "env:cloud-us", "env:lab-enclave"]


def test_a_rule_about_an_unknown_tool_stops_the_build_and_names_its_line(
    tree: Path, tmp_path: Path
) -> None:
    policy = tree / "policies" / "care.yaml"
    policy.write_text(policy.read_text().replace('Action::"cancel_order"', 'Action::"cancel"'))

    ran = mythos("bundle", "build", tree, "--out", tmp_path / "layout")

    assert ran.code == 1
    assert "policies/care.yaml:8:" in ran.err
    assert "cancel" in ran.err
    assert "→ correct the tool's name, or declare the tool" in ran.err
    assert not (tmp_path / "layout").exists()


def test_a_workflow_that_cannot_be_compiled_stops_the_build_and_names_its_line(
    tree: Path, tmp_path: Path
) -> None:
    (tree / "workflows" / "cancel.yaml").write_text(
        "schema: mythos.ritual/1\nname: cancel\nsteps:\n  seq:\n    - {act: get_order}\n"
        "    - graph: {nodes: {a: {act: cancel_order}, b: {tau: true}}, start: [a], ends: [b]}\n"
    )

    ran = mythos("bundle", "build", tree, "--out", tmp_path / "layout", "--json")

    assert ran.code == 1
    assert ran.json["error"]["where"].startswith("workflows/cancel.yaml:6:")
    assert ran.json["error"]["remedy"]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("workflows/cancel.yaml", "get_order", "get_ordr", "no tool or agent of this tree"),
        (
            "workflows/cancel.yaml",
            "steps:",
            "weights: {get_ordr: {skip: 5}}\nsteps:",
            "no step has",
        ),
    ],
)
def test_a_misspelt_name_stops_the_build_and_the_nearest_is_proposed(
    tree: Path, tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    written = (tree / file).read_text()
    assert old in written
    (tree / file).write_text(written.replace(old, new))

    ran = mythos("bundle", "build", tree, "--out", tmp_path / "layout")

    assert ran.code == 1
    assert ran.err.startswith(f"error: {file}:")
    assert said in ran.err
    assert "→ write 'get_order'" in ran.err


def with_command(tree: Path, word: str) -> Path:
    with (tree / "agents" / "triage.yaml").open("a") as agent:
        agent.write(f'runtime: {{command: ["{word}"]}}\n')
    return tree


def test_a_misspelt_placeholder_stops_the_build(tree: Path, tmp_path: Path) -> None:
    ran = mythos("bundle", "build", with_command(tree, "{pyton}"), "--out", tmp_path / "layout")

    assert ran.code == 1
    assert "{pyton} is nothing that a node fills in\n  → write {python}" in ran.err


def test_braces_of_other_languages_pass(tree: Path, tmp_path: Path) -> None:
    tree = with_command(tree, "awk '{print $1}' ${work} {python}")

    assert mythos("bundle", "build", tree, "--out", tmp_path / "layout").code == 0


def test_problems_of_several_files_are_told_together(tree: Path, tmp_path: Path) -> None:
    policy = tree / "policies" / "care.yaml"
    policy.write_text(policy.read_text().replace("tools: retail}", "tools: whales}"))
    (tree / "workflows" / "cancel.yaml").write_text(
        "schema: mythos.ritual/1\nname: cancel\n"
        "steps: {graph: {nodes: {a: {act: a}, b: {tau: true}}, start: [a], ends: [b]}}\n"
    )

    ran = mythos("bundle", "build", tree, "--out", tmp_path / "layout")

    assert "2 problems" in ran.err
    assert "policies/care.yaml:" in ran.err
    assert "workflows/cancel.yaml:3:" in ran.err


def test_policies_without_any_tools_are_refused(tree: Path, tmp_path: Path) -> None:
    shutil.rmtree(tree / "tools")
    agent = tree / "agents" / "triage.yaml"
    agent.write_text(agent.read_text().replace("tools: [retail]\n", ""))

    ran = mythos("bundle", "build", tree, "--out", tmp_path / "layout")

    assert ran.code == 1
    assert "no tools to govern" in ran.err


def test_a_build_does_not_wipe_a_store_of_several_bundles(tree: Path, tmp_path: Path) -> None:
    from mythos.adapters.oci_layout import OciLayout
    from tests.adapters.fleet_site import bundle

    store = OciLayout(tmp_path / "store")
    store.add(bundle(1))
    store.add(bundle(2))

    ran = mythos("bundle", "build", tree, "--out", store.folder)

    assert ran.code == 1
    assert "holds 2 bundles" in ran.err
    assert len(store.entries()) == 2


def test_a_build_does_not_write_among_files_of_others(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("mine")

    ran = mythos("bundle", "build", tree, "--out", tmp_path / "work")

    assert ran.code == 1
    assert "holds files that are no bundle's\n  → name a new or an empty folder" in ran.err
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["thesis.txt"]


def test_a_build_does_not_replace_an_image_of_another_tool(tree: Path, tmp_path: Path) -> None:
    layout = tmp_path / "image"
    mythos("bundle", "build", tree, "--out", layout)
    [manifest] = json.loads((layout / "index.json").read_text())["manifests"]
    blob = layout / "blobs" / manifest["digest"].replace(":", "/")
    blob.write_text(blob.read_text().replace("vnd.mythos.packet.v1", "vnd.other.v1"))

    assert mythos("bundle", "build", tree, "--out", layout).code == 1
    assert blob.is_file()


def test_a_build_replaces_the_bundle_of_an_earlier_one(tree: Path, tmp_path: Path) -> None:
    mythos("bundle", "build", tree, "--out", tmp_path / "layout")
    (tree / "bundle.yaml").write_text("name: another\n")

    assert mythos("bundle", "build", tree, "--out", tmp_path / "layout").code == 0
    assert mythos("bundle", "show", tmp_path / "layout", "--json").json["name"] == "another"


def test_a_changed_blob_is_not_shown(tree: Path, tmp_path: Path) -> None:
    mythos("bundle", "build", tree, "--out", tmp_path / "layout")
    largest = max((tmp_path / "layout/blobs/sha256").iterdir(), key=lambda p: p.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1] + b" ")

    ran = mythos("bundle", "show", tmp_path / "layout")

    assert ran.code == 1


def test_a_genuine_and_assigned_bundle_passes_every_check(site: Site, tmp_path: Path) -> None:
    packets, deployments = roots(site, tmp_path)

    ran = mythos(
        "bundle", "verify", site.folder, "--root", packets, "--deployments-root", deployments,
        "--environment", LAB, "--json",
    )  # fmt: skip

    assert ran.code == 0
    assert ran.json["passed"] is True
    assert {check["state"] for check in ran.json["checks"]} == {"pass"}


def test_another_root_fails_by_name_and_ends_with_1(site: Site, tmp_path: Path) -> None:
    strange = new_site(tmp_path / "other")
    packets, _ = roots(strange, tmp_path)

    ran = mythos("bundle", "verify", site.folder, "--root", packets, "--json")

    assert ran.code == 1
    failed = [check["name"] for check in ran.json["checks"] if check["state"] == "fail"]
    assert failed
    assert all(name.startswith("packets ") for name in failed)
    assert mythos("bundle", "verify", site.folder, "--root", packets).out.splitlines()[-1] == (
        "NOT verified: 1 failed"
    )


def test_a_changed_layer_fails_the_layers_check(site: Site, tmp_path: Path) -> None:
    packets, _ = roots(site, tmp_path)
    notes = next(
        p for p in (site.folder / "blobs/sha256").iterdir() if p.read_bytes() == b"be kind\n"
    )
    notes.write_bytes(b"be cruel")

    ran = mythos("bundle", "verify", site.folder, "--root", packets, "--json")

    assert ran.code == 1
    assert [c["name"] for c in ran.json["checks"] if c["state"] == "fail"] == ["layers"]


def test_an_environment_without_its_root_is_bad_usage(site: Site, tmp_path: Path) -> None:
    packets, _ = roots(site, tmp_path)

    ran = mythos("bundle", "verify", site.folder, "--root", packets, "--environment", LAB)

    assert ran.code == 2
    assert "→ give both" in ran.err
