"""Launching: only what both repositories name, all of it or nothing, and never a changed tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mythos.adapters.oci_layout import OciLayout
from mythos.engines.bundle.layout import blob_path
from mythos.engines.bundle.plan import BuiltBundle, ParsedSource, Part, assemble
from mythos.errors import AgentError, BundleError, TrustError
from mythos.node.duty import duty_of
from mythos.node.launcher import active, place_tree, put_in_force
from mythos.node.puller import restart
from mythos.values.bundle import BundleSource
from mythos.values.digest import JsonValue
from tests.adapters.fleet_site import NOW, assignment, bundle
from tests.engines.judge.desk import built
from tests.node.household import House

HOUR = timedelta(hours=1)


def _next(version: int = 2, *parts: Part) -> BuiltBundle:
    """Another version of the example with other parts beside its own."""
    first = built()
    kept = [
        Part(one.kind, one.name, first.blobs[one.digest], one.version) for one in first.constructs
    ]
    head = BundleSource(name=first.name, version=version)
    return assemble(ParsedSource(head, (*kept, *parts), {}))


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path).move_in()
    made.release(built())
    return made


def test_a_poll_launches_what_was_released_and_assigned(house: House) -> None:
    pulled = house.puller().poll(None, at=NOW)
    assert (pulled.changed, pulled.problem) == (True, "")
    assert pulled.bundle is not None
    assert pulled.bundle.digest == built().digest
    found = active(house.home)
    assert found is not None
    assert found.constructs == built().constructs
    assert all(found.read(one) == built().blobs[one.digest] for one in found.constructs)


def test_a_second_poll_changes_nothing(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    again = house.puller().poll(running, at=NOW)
    assert (again.changed, again.bundle, again.problem) == (False, running, "")


def test_a_newer_assignment_is_launched_and_the_old_tree_stays(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    house.release(_next(), sequence=2)
    pulled = house.puller().poll(running, at=NOW)
    assert pulled.changed
    found = active(house.home)
    assert found is not None
    assert found.config.version == 2
    assert len(list(house.home.launched.iterdir())) == 2


def test_a_bundle_that_is_assigned_but_not_released_is_refused(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    house.site.layout.add(_next())
    house.site.deployments.assign(assignment(_next(), 2), at=NOW)
    pulled = house.puller().poll(running, at=NOW)
    assert "not among the genuine bundles" in pulled.problem
    assert (pulled.bundle, pulled.changed) == (running, False)


@pytest.mark.parametrize("kind", ["agent", "policy_set", "workflow", "tools", "memory"])
def test_any_changed_byte_of_the_launched_tree_is_refused_at_a_restart(
    house: House, kind: str
) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    assert running is not None
    construct = next(one for one in running.constructs if one.kind == kind)
    (path,) = [
        path
        for path in running.folder.rglob("*")
        if path.is_file() and path.read_bytes() == built().blobs[construct.digest]
    ]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(TrustError, match="in the launched tree was changed") as caught:
        restart(house.home)
    assert "remove the folder" in caught.value.remedy


@pytest.mark.parametrize("name", ["manifest.json", "config.json"])
def test_a_changed_manifest_or_config_is_refused(house: House, name: str) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    assert running is not None
    (running.folder / name).write_bytes((running.folder / name).read_bytes() + b" ")
    with pytest.raises(TrustError, match="is not the bundle"):
        restart(house.home)


def test_a_missing_file_is_refused(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    assert running is not None
    (running.folder / "agents" / "refunds.json").unlink()
    with pytest.raises(TrustError, match="refunds in the launched tree"):
        restart(house.home)


@pytest.mark.parametrize("name", ["agents/evil.json", "runtime.py", "memory/triage/.hidden"])
def test_an_added_file_is_refused(house: House, name: str) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    assert running is not None
    (running.folder / name).write_text("{}")
    with pytest.raises(TrustError, match=f"{name} was added"):
        restart(house.home)


def test_an_added_link_is_refused(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    assert running is not None
    (running.folder / "agents" / "more").symlink_to("/tmp", target_is_directory=True)  # noqa: S108
    with pytest.raises(TrustError, match="agents/more was added"):
        restart(house.home)


def test_a_link_to_a_tree_of_another_name_is_refused(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    assert running is not None
    other = house.home.launched / ("0" * 64)
    running.folder.rename(other)
    house.home.current.unlink()
    house.home.current.symlink_to(other)
    with pytest.raises(TrustError, match="is not the bundle sha256:0000"):
        restart(house.home)


def test_before_the_first_launch_a_restart_brings_nothing(house: House) -> None:
    assert restart(house.home) is None


def test_a_changed_blob_at_the_source_is_refused_and_the_node_runs_what_it_ran(
    house: House,
) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    newer = _next(2, Part("memory", "refunds/new.md", b"something new\n"))
    house.release(newer, sequence=2)
    fresh = next(one for one in newer.constructs if one.name == "refunds/new.md")
    blob = house.site.folder / blob_path(fresh.digest)
    blob.write_bytes(b"something evil\n"[: fresh.size])
    pulled = house.puller().poll(running, at=NOW)
    assert pulled.problem.startswith(f"blob {fresh.digest}")
    assert (pulled.changed, pulled.bundle) == (False, running)
    found = active(house.home)
    assert found is not None
    assert found.config.version == 1


def test_a_bundle_the_node_cannot_work_by_never_takes_the_place_of_one_that_it_can(
    house: House,
) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    stranger = Part("agent", "stranger", {**_agent(), "name": "stranger", "policies": ["gone"]})
    house.release(_next(2, stranger), sequence=2)
    pulled = house.puller().poll(running, at=NOW)
    assert "names the policy set 'gone'" in pulled.problem
    assert (pulled.changed, pulled.bundle) == (False, running)
    back = restart(house.home)
    assert back is not None
    assert back.config.version == 1


def _agent() -> dict[str, JsonValue]:
    return {
        "name": "refunds",
        "role": "-",
        "model": {"provider": "p", "name": "n"},
        "instructions": "-",
    }


def test_documents_that_are_none_of_their_kind_are_a_clear_error(tmp_path: Path) -> None:
    house = House(tmp_path)
    with pytest.raises(BundleError, match="agent triage of the bundle is wrong at role"):
        duty_of(house.launch(bundle()))


def test_an_agent_that_names_nothing_the_bundle_holds_is_a_clear_error(tmp_path: Path) -> None:
    part = Part("agent", "x", {**_agent(), "name": "x", "workflows": ["gone"]})
    with pytest.raises(AgentError, match="names the workflow 'gone'"):
        duty_of(House(tmp_path).launch(_next(3, part)))


def test_expired_metadata_blocks_new_launches_and_never_a_restart(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    house.release(_next(), sequence=2)
    late = NOW + timedelta(days=3)
    pulled = house.puller().poll(running, at=late)
    assert "freshness" in pulled.problem
    assert (pulled.changed, pulled.bundle) == (False, running)
    assert restart(house.home) == running


def test_metadata_that_is_expired_for_packets_only_blocks_the_launch_too(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    late = NOW + timedelta(days=36)
    house.site.layout.add(_next())
    house.site.packets.publish_packet("retail-care", 2, _next().manifest, at=NOW)
    house.site.deployments.assign(assignment(_next(), 2), at=late)
    pulled = house.puller().poll(running, at=late)
    assert pulled.problem.startswith("packets: freshness")
    assert pulled.bundle == running


def _halt(house: House, sequence: int) -> None:
    halted = assignment(built(), sequence).model_copy(update={"state": "halted"})
    house.site.deployments.assign(halted, at=NOW)


def test_a_halt_stops_what_runs_and_no_restart_brings_it_back(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    _halt(house, 2)
    pulled = house.puller().poll(running, at=NOW)
    assert (pulled.changed, pulled.bundle, pulled.problem) == (True, None, "halted")
    assert restart(house.home) is None
    again = house.puller().poll(None, at=NOW)
    assert (again.changed, again.bundle) == (False, None)


def test_a_halt_is_lifted_by_a_new_assignment(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    _halt(house, 2)
    house.puller().poll(running, at=NOW)
    house.site.deployments.assign(assignment(built(), 3), at=NOW)
    pulled = house.puller().poll(None, at=NOW)
    assert pulled.bundle is not None
    assert restart(house.home) == pulled.bundle


def test_a_source_that_went_back_is_refused(house: House, tmp_path: Path) -> None:
    """Rollback: an older copy of the site names an older bundle, genuinely signed."""
    old = tmp_path / "old-site"
    shutil.copytree(house.site.folder, old)
    house.release(_next(), sequence=2)
    running = house.puller().poll(None, at=NOW).bundle
    assert running is not None
    shutil.rmtree(house.site.folder)
    shutil.copytree(old, house.site.folder)
    pulled = house.puller().poll(running, at=NOW)
    assert "versions" in pulled.problem
    assert pulled.bundle == running


def test_an_environment_without_an_assignment_is_told_so(tmp_path: Path) -> None:
    pulled = House(tmp_path).move_in().puller().poll(None, at=NOW)
    assert "nothing is assigned to lab" in pulled.problem


def test_a_source_that_is_gone_is_told_and_what_ran_runs(house: House) -> None:
    running = house.puller().poll(None, at=NOW).bundle
    house.home.depot.unlink()
    pulled = house.puller().poll(running, at=NOW + HOUR)
    assert pulled.problem
    assert (pulled.changed, pulled.bundle) == (False, running)


LAUNCHER = """
import shutil, sys
from pathlib import Path
from mythos.adapters.oci_layout import OciLayout
from mythos.node.home import NodeHome
from mythos.node.launcher import place_tree, put_in_force

home = NodeHome(Path(sys.argv[1]))
while True:
    for layout in map(OciLayout, map(Path, sys.argv[2:])):
        put_in_force(home, place_tree(home, layout.manifest(), layout))
        print("launched", flush=True)
        for tree in home.launched.iterdir():
            if tree != home.current.resolve():
                shutil.rmtree(tree)
"""


def test_killed_anywhere_a_launch_leaves_the_old_bundle_or_the_new_one(tmp_path: Path) -> None:
    house = House(tmp_path)
    layouts = []
    for number, one in enumerate((built(), _next(2)), start=1):
        layout = OciLayout(tmp_path / f"layout{number}")
        layout.replace(one)
        layouts.append(str(layout.folder))
    for turn in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(house.home.root), *layouts],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert child.stdout is not None
        child.stdout.readline()
        timer = threading.Timer(0.02 + turn * 0.017, child.kill)
        timer.start()
        child.stdout.read()
        child.wait()
        child.stdout.close()
        found = restart(house.home)
        assert found is not None
        assert found.config.version in {1, 2}


def test_drafts_of_killed_launches_are_swept_away(tmp_path: Path) -> None:
    house = House(tmp_path)
    left = house.home.launched / ".new-killed"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    house.launch(built())
    assert not left.exists()


def test_placing_a_bundle_does_not_put_it_in_force(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.launch(built())
    layout = OciLayout(tmp_path / "second")
    layout.replace(_next(2))
    placed = place_tree(house.home, _next(2).manifest, layout)
    assert active(house.home) != placed
    put_in_force(house.home, placed)
    assert active(house.home) == replace(placed, folder=placed.folder.resolve())


def test_names_with_slashes_have_folders_of_their_own(tmp_path: Path) -> None:
    home = House(tmp_path).home
    assert home.memory("team/a").parent == home.memory("team").parent
    assert home.memory("team/a") != home.memory("team") / "a"
