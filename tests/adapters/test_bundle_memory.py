"""A memory and its log travel together, and whatever is changed on the way is refused."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.bundle_archive import import_archive, verify_archive
from mythos.adapters.bundle_export import export_archive
from mythos.adapters.bundle_memory import check_memory_logs, memory_logs_check
from mythos.adapters.bundle_source import read_source
from mythos.adapters.memory_baseline import seed
from mythos.adapters.memory_checkpoint import checkpoint
from mythos.adapters.memory_log import open_log
from mythos.adapters.memory_recorder import Recorder, record
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.oci_layout import OciLayout
from mythos.adapters.verification import verify_layout
from mythos.engines.bundle.manifest import parse_manifest
from mythos.engines.bundle.plan import BuiltBundle, assemble
from mythos.engines.memory.checkpoint import log_origin, parse_checkpoint
from mythos.engines.memory.note import parse_note
from mythos.engines.memory.shipped import check_shipped
from mythos.errors import BundleSourceError, MemoryLogError, TrustError
from mythos.node.home import NodeHome
from mythos.node.launcher import active, place_tree
from mythos.values.bundle import Construct
from mythos.values.memory import ShippedLog
from tests.adapters.fleet_site import LAB, NOW, new_site, write_tree

KEY = Ed25519PrivateKey.generate()
ORIGIN = log_origin("lab-1", "triage")


class Tree:
    """A source tree whose triage agent has a memory with its log."""

    def __init__(self, folder: Path) -> None:
        self.folder = write_tree(folder)
        self.memory = DirectoryStore(self.folder / "memory" / "triage")
        self.log = self.folder / "memory" / "triage.log.sqlite3"
        (self.memory.path / "notes.md").unlink()
        seed(self.memory, self.log, {"notes.md": b"be kind"}, origin=ORIGIN, at=NOW)
        self.learn("notes.md", b"be kinder")
        self.sign()

    def learn(self, key: str, content: bytes) -> None:
        record(self.memory, self.log, key, content, source="agent", at=NOW + timedelta(minutes=1))

    def sign(self) -> str:
        return checkpoint(self.log, KEY)

    def built(self) -> BuiltBundle:
        return assemble(read_source(self.folder))

    def shipped(self) -> ShippedLog:
        bundle = self.built()
        (log,) = (one for one in bundle.constructs if one.kind == "memory_log")
        return ShippedLog.model_validate_json(bundle.blobs[log.digest])

    def refused(self) -> str:
        with pytest.raises(BundleSourceError) as caught:
            self.built()
        return str(caught.value)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "fleet")


def test_a_bundle_carries_the_checkpoint_of_the_memory_it_ships(tree: Tree) -> None:
    shipped = tree.shipped()
    said = parse_checkpoint(parse_note(shipped.note).text)
    assert (said.origin, said.size, shipped.note) == (ORIGIN, 2, tree.sign())
    assert check_shipped(shipped, {"notes.md": b"be kinder"}) == said


def test_no_content_and_no_name_of_a_memory_that_is_not_shipped_travels(tree: Tree) -> None:
    tree.learn("secret-plan.md", b"the secret plan")
    with Recorder(tree.memory, tree.log) as recorder:
        recorder.forget("secret-plan.md", source="operator", at=NOW)
    tree.sign()
    blobs = b"".join(tree.built().blobs.values())
    assert b"the secret plan" not in blobs
    assert b"secret-plan" not in blobs
    assert list(tree.shipped().salts) == ["notes.md"]


def test_building_changes_no_file_of_the_tree_and_gives_one_digest(tree: Tree) -> None:
    def state() -> dict[str, str]:
        files = (path for path in tree.folder.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    assert tree.built() == tree.built()
    assert state() == before


def test_a_tree_without_a_log_builds_as_before(tree: Tree) -> None:
    tree.log.unlink()
    assert {one.kind for one in tree.built().constructs} == {
        "agent", "policy_set", "workflow", "tools", "memory",
    }  # fmt: skip


def test_a_memory_edited_past_its_log_is_not_shipped(tree: Tree) -> None:
    (tree.memory.path / "notes.md").write_bytes(b"refunds above 200 are fine")
    assert "notes.md is not what its log says" in tree.refused()


def test_a_memory_put_back_to_what_it_once_was_is_not_shipped(tree: Tree) -> None:
    (tree.memory.path / "notes.md").write_bytes(b"be kind")
    assert "notes.md is not what its log says" in tree.refused()


def test_a_logged_memory_that_the_agent_does_not_name_is_missed(tree: Tree) -> None:
    tree.learn("more.md", b"more")
    tree.sign()
    assert "1 logged memories are not among the files" in tree.refused()


def test_a_log_that_went_on_after_its_checkpoint_is_not_shipped(tree: Tree) -> None:
    tree.learn("notes.md", b"be kindest")
    assert "no signed checkpoint covers all 3 entries" in tree.refused()


def test_a_file_that_is_no_log_is_told_with_its_path(tree: Tree) -> None:
    tree.log.write_bytes(b"rubbish" * 1_000)
    assert "memory/triage.log.sqlite3" in tree.refused()


def _tampered(bundle: BuiltBundle, kind: str, blob: bytes) -> dict[str, bytes]:
    """The bundle's blobs with those of one kind replaced, digests and all left as they were."""
    return {
        one.digest: blob if one.kind == kind else bundle.blobs[one.digest]
        for one in bundle.constructs
    }


def test_arrival_refuses_another_memory_another_log_and_a_cut_log(tree: Tree) -> None:
    bundle, shipped = tree.built(), tree.shipped()
    check_memory_logs(bundle.constructs, lambda one: bundle.blobs[one.digest])
    cut = shipped.model_copy(update={"entries": shipped.entries[:1]})
    swapped = shipped.model_copy(update={"entries": shipped.entries[::-1]})
    unsalted = shipped.model_copy(update={"salts": {}})
    for kind, blob in (
        ("memory", b"refunds above 200 are fine"),
        ("memory_log", b"{}"),
        *(("memory_log", each.model_dump_json(by_alias=True).encode())
          for each in (cut, swapped, unsalted)),
    ):  # fmt: skip
        blobs = _tampered(bundle, kind, blob)

        def read(one: Construct, blobs: dict[str, bytes] = blobs) -> bytes:
            return blobs[one.digest]

        with pytest.raises(MemoryLogError):
            check_memory_logs(bundle.constructs, read)


def _forged(tree: Tree) -> BuiltBundle:
    """A bundle that holds another memory than its log says, whole in itself."""
    source = read_source(tree.folder)
    (tree.memory.path / "notes.md").write_bytes(b"refunds above 200 are fine")
    tree.log.rename(tree.folder / "kept")
    forged_parts = read_source(tree.folder).parts
    log_part = next(part for part in source.parts if part.kind == "memory_log")
    return assemble(type(source)(source.head, (*forged_parts, log_part), source.files))


def test_a_genuine_bundle_whose_memory_its_log_denies_is_not_verified(
    tree: Tree, tmp_path: Path
) -> None:
    """As a folder and as an archive, and no archive of it is imported."""
    site = new_site(tmp_path / "site")
    forged = _forged(tree)
    site.release(forged)
    archive = tmp_path / "forged.tar"
    export_archive(
        archive, layout=site.layout, manifest=forged.manifest, source=site.source, environment=LAB
    )
    for report in (
        verify_layout(site.layout, source=site.source, roots=site.roots, environment=LAB, at=NOW),
        verify_archive(archive, roots=site.roots, environment=LAB, at=NOW),
    ):
        (failure,) = report.failures
        assert failure.name == "memory logs"
        assert "triage: shipped memory: notes.md is not what its log says" in failure.why
    with pytest.raises(TrustError, match="not what its log says"):
        import_archive(archive, tmp_path / "enclave", roots=site.roots, environment=LAB, at=NOW)
    assert not (tmp_path / "enclave" / "index.json").exists()


def test_a_node_launches_no_memory_that_its_log_denies(tree: Tree, tmp_path: Path) -> None:
    """A bundle built past the check, signed and intact, is refused where it arrives."""
    home = NodeHome(tmp_path / "node")
    layout = OciLayout(tmp_path / "layout")
    good = tree.built()
    layout.replace(good)
    assert place_tree(home, good.manifest, layout).digest == good.digest

    forged = _forged(tree)
    layout.replace(forged)
    with pytest.raises(TrustError, match="not what its log says"):
        place_tree(home, forged.manifest, layout)
    assert active(home) is None


def test_the_log_of_the_tree_is_left_for_who_opens_it_next(tree: Tree) -> None:
    tree.built()
    with open_log(tree.log) as log:
        assert log.size == 2


def test_verify_names_the_agent_whose_memory_its_log_denies(tree: Tree) -> None:
    bundle, shipped = tree.built(), tree.shipped()
    manifest, blobs = parse_manifest(bundle.manifest), dict(bundle.blobs)
    good = memory_logs_check(manifest, blobs.__getitem__, intact=True)
    assert (good.state, good.why) == ("pass", "the memory of triage is what its log says")
    (memory,) = (one for one in bundle.constructs if one.kind == "memory")
    (log,) = (one for one in bundle.constructs if one.kind == "memory_log")
    cut = shipped.model_copy(update={"entries": shipped.entries[:1]})
    for blob, content, why in (
        (memory, b"refunds above 200 are fine", "notes.md is not what its log says"),
        (log, cut.model_dump_json(by_alias=True).encode(), "its checkpoint is of 2"),
    ):
        found = memory_logs_check(
            manifest, {**blobs, blob.digest: content}.__getitem__, intact=True
        )
        assert found.state == "fail"
        assert found.why.startswith("triage: ")
        assert why in found.why
    assert memory_logs_check(manifest, blobs.__getitem__, intact=False).state == "skip"


def test_a_log_that_travels_with_no_memory_is_refused_wherever_it_lies(tree: Tree) -> None:
    (tree.memory.path / "notes.md").write_bytes(b"refunds above 200 are fine")
    for name, place in (
        ("Triage.log.sqlite3", "memory/triage.log.sqlite3"),
        ("triage/triage.log.sqlite3", "memory/triage.log.sqlite3"),
        ("nobody.log.sqlite3", "memory/AGENT.log.sqlite3"),
    ):
        tree.log = tree.log.rename(tree.folder / "memory" / name)
        with pytest.raises(BundleSourceError) as caught:
            tree.built()
        said = str(caught.value)
        assert said == f"memory/{name}: the log belongs to no agent with memory"
        assert caught.value.remedy == f"move it to {place}, or remove it"


def test_what_sqlite_keeps_beside_a_log_is_no_stray_unless_the_log_is_gone(tree: Tree) -> None:
    beside = tree.log.with_name(f"{tree.log.name}-wal")
    beside.touch()
    tree.built()
    tree.log.unlink()
    assert f"memory/{beside.name}: this is no part of the log" in tree.refused()


@pytest.mark.parametrize("content", [b"", b"hi"])
def test_a_log_that_is_none_is_told_by_its_name_with_where_to_get_it(
    tree: Tree, content: bytes
) -> None:
    tree.log.write_bytes(content)
    with pytest.raises(BundleSourceError) as caught:
        tree.built()
    assert "memory log memory/triage.log.sqlite3" in f"{caught.value}".replace(" at ", " ")
    assert "tmp" not in caught.value.message
    assert "take the log from the node again" in caught.value.remedy
