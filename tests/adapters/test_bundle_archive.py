from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mythos.adapters.bundle_archive import import_archive, verify_archive
from mythos.adapters.bundle_export import export_archive
from mythos.adapters.oci_layout import OciLayout
from mythos.adapters.trust_repositories import AIR_GAPPED_TERMS
from mythos.adapters.trust_source import FolderSource
from mythos.adapters.tuf_client import Roots, TrustClient
from mythos.adapters.verification import verify_layout
from mythos.engines.bundle.report import Report
from mythos.engines.bundle.ustar import END, Member, header, padding
from mythos.errors import NotFoundError, TrustError
from tests.adapters.fleet_site import LAB, NOW, Site, assignment, bundle, new_site

TRUSTED = ("root chain", "signatures", "versions", "lengths and hashes", "freshness")
INTACT = (
    "manifest", "config", "index", "media types", "layers", "canonical form", "memory logs",
)  # fmt: skip


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = new_site(tmp_path / "site", terms=AIR_GAPPED_TERMS)
    site.release(bundle())
    return site


@pytest.fixture
def archive(site: Site, tmp_path: Path) -> Path:
    return export(site, tmp_path / "care.tar")


def export(site: Site, path: Path, *, version: int = 1) -> Path:
    export_archive(
        path,
        layout=site.layout,
        manifest=bundle(version).manifest,
        source=site.source,
        environment=LAB,
    )
    return path


def members(path: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(path) as tar:
        return [(m.name, tar.extractfile(m).read()) for m in tar.getmembers()]  # type: ignore[union-attr]


def written(entries: list[tuple[str, bytes]]) -> bytes:
    parts = (
        header(Member(name, len(data))) + data + bytes(padding(len(data))) for name, data in entries
    )
    return b"".join(parts) + END


def import_into(enclave: Path, archive: Path, site: Site) -> Report:
    return import_archive(archive, enclave, roots=site.roots, environment=LAB, at=NOW)


def test_an_archive_passes_every_check_from_the_roots_alone(site: Site, archive: Path) -> None:
    report = verify_archive(archive, roots=site.roots, environment=LAB, at=NOW)
    assert [check.name for check in report.checks] == [
        *(f"packets {name}" for name in TRUSTED),
        "genuine",
        *(f"deployments {name}" for name in TRUSTED),
        "assignment",
        "archive",
        *INTACT,
    ]
    assert {check.state for check in report.checks} == {"pass"}


def test_one_root_alone_says_genuine_and_what_it_cannot_say(site: Site, archive: Path) -> None:
    report = verify_archive(archive, roots=Roots(site.packets.root()), at=NOW)
    assert report.passed
    [skip] = [check for check in report.checks if check.state == "skip"]
    assert (skip.name, skip.why) == (
        "assignment",
        "no environment and root of its deployments were given",
    )


def test_the_same_bundle_and_metadata_give_the_same_bytes(
    site: Site, archive: Path, tmp_path: Path
) -> None:
    shutil.copytree(site.folder, tmp_path / "copy")
    copy = export(site.moved(tmp_path / "copy"), tmp_path / "copy.tar")
    assert copy.read_bytes() == archive.read_bytes()


def test_control_members_come_before_the_first_blob(archive: Path) -> None:
    names = [name for name, _ in members(archive)]
    assert names[:2] == ["oci-layout", "index.json"]
    trust = json.loads(members(archive)[2][1])
    assert names[3] == "blobs/" + trust["config"]["digest"].replace(":", "/")
    assert names[4] == "blobs/" + bundle().digest.replace(":", "/")
    payload = names[-(len(bundle().constructs) + 1) :]
    assert payload == sorted(payload)


def test_an_enclave_launches_what_was_imported(site: Site, archive: Path, tmp_path: Path) -> None:
    enclave = tmp_path / "enclave"
    assert import_into(enclave, archive, site).passed
    client = TrustClient(tmp_path / "node", roots=site.roots, source=FolderSource(enclave))
    manifest = client.verified_manifest(client.current_assignment(LAB, at=NOW), at=NOW)
    store = client.fetch_bundle(manifest)
    assert [store.read(c.digest) for c in bundle().constructs] == [
        bundle().blobs[c.digest] for c in bundle().constructs
    ]


def test_an_import_twice_changes_nothing_and_a_newer_one_follows(
    site: Site, archive: Path, tmp_path: Path
) -> None:
    enclave = tmp_path / "enclave"
    import_into(enclave, archive, site)
    import_into(enclave, archive, site)
    site.release(bundle(2), sequence=2)
    import_into(enclave, export(site, tmp_path / "two.tar", version=2), site)
    assert [entry.ref for entry in OciLayout(enclave).entries()] == ["care-1", "care-2"]
    client = TrustClient(tmp_path / "node", roots=site.roots, source=FolderSource(enclave))
    assert client.current_assignment(LAB, at=NOW).version == 2


def test_an_older_archive_is_refused_after_a_newer_one(
    site: Site, archive: Path, tmp_path: Path
) -> None:
    enclave = tmp_path / "enclave"
    site.release(bundle(2), sequence=2)
    import_into(enclave, export(site, tmp_path / "two.tar", version=2), site)
    with pytest.raises(TrustError, match="versions: New timestamp version 2 must be >= 3"):
        import_into(enclave, archive, site)


def test_an_imported_site_can_be_exported_again(site: Site, archive: Path, tmp_path: Path) -> None:
    enclave = tmp_path / "enclave"
    import_into(enclave, archive, site)
    again = export(site.moved(enclave), tmp_path / "again.tar")
    assert again.read_bytes() == archive.read_bytes()


def test_a_layout_is_verified_against_the_repositories_beside_it(site: Site) -> None:
    report = verify_layout(
        site.layout, source=site.source, roots=site.roots, environment=LAB, at=NOW
    )
    assert report.passed
    late = verify_layout(
        site.layout, source=site.source, roots=site.roots, at=NOW + timedelta(days=40)
    )
    assert [check.name for check in late.failures] == ["packets freshness"]


def test_a_bundle_that_was_never_released_cannot_be_exported(site: Site, tmp_path: Path) -> None:
    site.layout.add(bundle(2))
    with pytest.raises(NotFoundError, match="does not name packets/care/2"):
        export(site, tmp_path / "two.tar", version=2)
    assert not (tmp_path / "two.tar").exists()


def test_a_damaged_layout_is_not_exported(site: Site, tmp_path: Path) -> None:
    site.layout.blob(bundle().constructs[0].digest).write_bytes(b"damaged")
    with pytest.raises(TrustError, match="signed are"):
        export(site, tmp_path / "care.tar")


Spoil = Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]
HOSTILE: dict[str, Spoil] = {
    "a changed agent": lambda m: [*m[:-1], (m[-1][0], m[-1][1][:-1] + b"X")],
    "a longer agent": lambda m: [*m[:-1], (m[-1][0], m[-1][1] + b"X")],
    "a missing agent": lambda m: m[:-1],
    "an extra member": lambda m: [*m, ("notes.txt", b"hello")],
    "an extra blob": lambda m: [*m, ("blobs/sha256/" + "0" * 64, b"x")],
    "a parent path": lambda m: [*m[:5], ("../../etc/cron.d/x", b"* * * * * root x\n"), *m[5:]],
    "an absolute path": lambda m: [("/etc/passwd", b""), *m],
    "a second index": lambda m: [*m[:2], m[1], *m[2:]],
    "two members swapped": lambda m: [*m[:-2], m[-1], m[-2]],
    "no index": lambda m: [m[0], *m[2:]],
    "another layout version": lambda m: [(m[0][0], b'{"imageLayoutVersion":"2"}'), *m[1:]],
    "an index with one manifest": lambda m: [m[0], (m[1][0], _one_manifest(m[1][1])), *m[2:]],
    "a changed trust file": lambda m: [*m[:6], (m[6][0], m[6][1].replace(b"1", b"2")), *m[7:]],
}


def _one_manifest(index: bytes) -> bytes:
    document = json.loads(index)
    del document["manifests"][1]
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _assert_refused(data: bytes, site: Site, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.tar"
    hostile.write_bytes(data)
    assert not verify_archive(hostile, roots=site.roots, environment=LAB, at=NOW).passed
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(TrustError, match=r"archive|manifest|config"):
        import_into(tmp_path / "enclave", hostile, site)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_archive_is_refused_and_leaves_nothing_behind(
    site: Site, archive: Path, tmp_path: Path, spoil: Spoil
) -> None:
    _assert_refused(written(spoil(members(archive))), site, tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, b"x", b"L"])
@pytest.mark.parametrize("place", [0, 3, -1])
def test_links_devices_and_extensions_are_refused_wherever_they_stand(
    site: Site, archive: Path, tmp_path: Path, kind: bytes, place: int
) -> None:
    entries = members(archive)
    blocks = [written([entry])[: -len(END)] for entry in entries]
    info = tarfile.TarInfo(entries[place][0])
    info.type, info.linkname = kind, "/etc/passwd"
    blocks.insert(place % len(blocks), info.tobuf(tarfile.USTAR_FORMAT))
    _assert_refused(b"".join(blocks) + END, site, tmp_path)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_archive_is_refused(
    site: Site, archive: Path, tmp_path: Path, keep: float
) -> None:
    data = archive.read_bytes()
    _assert_refused(data[: int(len(data) * keep)], site, tmp_path)


def test_bytes_behind_the_end_are_refused(site: Site, archive: Path, tmp_path: Path) -> None:
    _assert_refused(archive.read_bytes() + bytes(512), site, tmp_path)


def test_bytes_between_members_are_refused(site: Site, archive: Path, tmp_path: Path) -> None:
    data = bytearray(archive.read_bytes())
    first = len(members(archive)[0][1])
    data[512 + first] = 1
    _assert_refused(bytes(data), site, tmp_path)


def test_every_flipped_byte_is_refused(site: Site, archive: Path, tmp_path: Path) -> None:
    """One byte in each 997, so that every member is hit in head, body and padding."""
    data = archive.read_bytes()
    hostile = tmp_path / "hostile.tar"
    for position in range(0, len(data), 997):
        changed = bytearray(data)
        changed[position] ^= 0x41
        hostile.write_bytes(bytes(changed))
        report = verify_archive(hostile, roots=site.roots, environment=LAB, at=NOW)
        assert not report.passed, f"byte {position}"


def test_another_fleets_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    other = new_site(tmp_path / "other")
    report = verify_archive(archive, roots=other.roots, environment=LAB, at=NOW)
    assert [check.name for check in report.failures] == [
        "packets signatures",
        "deployments signatures",
    ]
    assert report.checks[-1].why.endswith("the rest was not read")


def test_an_archive_for_another_environment_is_refused_and_says_whose_it_is(
    site: Site, archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrustError, match="carries the assignment of lab, not of cloud") as caught:
        import_archive(archive, tmp_path / "n", roots=site.roots, environment="cloud", at=NOW)

    assert "for this environment" in caught.value.remedy
    assert not (tmp_path / "n").exists()


def test_an_expired_archive_is_refused_on_import(site: Site, archive: Path, tmp_path: Path) -> None:
    late = NOW + timedelta(days=31)
    with pytest.raises(TrustError, match="deployments freshness"):
        import_archive(archive, tmp_path / "x", roots=site.roots, environment=LAB, at=late)
    assert not (tmp_path / "x").exists()


def test_an_archive_whose_environment_runs_something_else_is_refused(
    site: Site, tmp_path: Path
) -> None:
    site.layout.add(bundle(2))
    site.packets.publish_packet("care", 2, bundle(2).manifest, at=NOW)
    path = export(site, tmp_path / "two.tar", version=2)
    report = verify_archive(path, roots=site.roots, environment=LAB, at=NOW)
    assert [check.name for check in report.failures] == ["assignment"]
    site.deployments.assign(assignment(bundle(2), 2), at=NOW)
    path = export(site, tmp_path / "two.tar", version=2)
    assert verify_archive(path, roots=site.roots, environment=LAB, at=NOW).passed


def test_skopeo_reads_both_artifacts_of_the_archive(archive: Path, tmp_path: Path) -> None:
    skopeo = shutil.which("skopeo")
    if skopeo is None:
        pytest.skip("skopeo is not installed: run `make test-deps`")
    for ref in ("care-1", "care-1-trust"):
        copy = f"oci:{tmp_path / 'copy'}:{ref}"
        command = [skopeo, "copy", "--insecure-policy", f"oci-archive:{archive}:{ref}", copy]
        subprocess.run(command, check=True, capture_output=True)
    held = OciLayout(tmp_path / "copy")
    assert held.manifest() == bundle().manifest
    assert {entry.ref for entry in held.entries()} == {"care-1", "care-1-trust"}


def test_our_own_tar_is_one_that_others_read(archive: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive.read_bytes())) as tar:
        assert all(member.isreg() and member.mtime == 0 for member in tar.getmembers())
