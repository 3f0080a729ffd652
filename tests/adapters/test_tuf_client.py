"""What a node refuses: each test changes one thing at the source and expects one refusal."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from tuf.api.metadata import Metadata, Snapshot, Targets, Timestamp

from mythos.adapters.key_file import create_key, load_key
from mythos.adapters.trust_source import FolderSource, HttpSource
from mythos.adapters.tuf_client import Roots, TrustClient
from mythos.errors import TrustError, UnavailableError
from tests.adapters.fleet_site import LAB, NOW, Site, assignment, bundle, new_site, released_site

DEPLOYMENTS = f"deployments/{LAB}"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return released_site(tmp_path / "site")


@pytest.fixture
def client(site: Site, tmp_path: Path) -> TrustClient:
    return site.client(tmp_path / "node")


def launch(client: TrustClient, *, at_hours: float = 0) -> bytes:
    at = NOW + timedelta(hours=at_hours)
    return client.verified_manifest(client.current_assignment(LAB, at=at), at=at)


def test_a_genuine_and_assigned_bundle_is_launched_from_two_roots_alone(
    client: TrustClient, site: Site
) -> None:
    manifest = launch(client)
    assert manifest == bundle().manifest
    store = client.fetch_bundle(manifest)
    assert store.read(bundle().constructs[0].digest) == site.layout.read(
        bundle().constructs[0].digest
    )


def test_a_new_assignment_is_followed(client: TrustClient, site: Site) -> None:
    launch(client)
    site.release(bundle(2), sequence=2)
    assert launch(client) == bundle(2).manifest


def resign(site: Site, role: str, change: Callable[[Path], None], *, repository: str) -> None:
    """Sign a changed role with the key that is entitled to it."""
    keys = site.folder.parent / "site-keys" / repository.removeprefix("deployments/")
    path = site.folder / repository / "metadata" / f"{role}.json"
    change(path)
    metadata: Metadata[Timestamp] = Metadata.from_file(str(path))
    metadata.sign(load_key(keys / "online.pem").signer)
    metadata.to_file(str(path))


def refused(client: TrustClient, match: str, *, at_hours: float = 0) -> TrustError:
    with pytest.raises(TrustError, match=match) as caught:
        launch(client, at_hours=at_hours)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("repository", ["packets", DEPLOYMENTS])
def test_a_replayed_timestamp_is_refused(
    client: TrustClient, site: Site, tmp_path: Path, repository: str
) -> None:
    shutil.copytree(site.folder / repository, tmp_path / "old")
    site.release(bundle(2), sequence=2)
    launch(client)
    shutil.rmtree(site.folder / repository)
    shutil.copytree(tmp_path / "old", site.folder / repository)
    refused(client, "versions: New timestamp version")


@pytest.mark.parametrize(("repository", "days"), [("packets", 36), (DEPLOYMENTS, 2)])
def test_an_expired_timestamp_is_refused(
    client: TrustClient, site: Site, repository: str, days: int
) -> None:
    if repository == "packets":
        site.deployments.renew(at=NOW + timedelta(days=days))
    refused(client, "freshness: timestamp.json is expired", at_hours=24 * days)


def test_an_expired_root_is_refused(client: TrustClient, site: Site, tmp_path: Path) -> None:
    (tmp_path / "site-keys" / LAB / "root.pem").unlink()
    site.deployments.renew(at=NOW + timedelta(days=366))
    refused(client, "freshness: Final root.json is expired", at_hours=24 * 366)


def test_expiry_is_judged_at_the_given_time_not_by_the_machine(client: TrustClient) -> None:
    launch(client, at_hours=23)
    refused(client, "freshness", at_hours=25)


@pytest.mark.parametrize("repository", ["packets", DEPLOYMENTS])
@pytest.mark.parametrize("role", ["timestamp", "1.snapshot", "1.targets"])
def test_a_role_signed_by_another_key_is_refused(
    tmp_path: Path, repository: str, role: str
) -> None:
    site = new_site(tmp_path / "site")
    path = site.folder / repository / "metadata" / f"{role}.json"
    forged: Metadata[Timestamp] = Metadata.from_bytes(path.read_bytes())
    forged.sign(create_key(tmp_path / "thief.pem").signer)
    path.write_bytes(forged.to_bytes())
    client = site.client(tmp_path / "node")
    asked = client.packets(at=NOW) if repository == "packets" else client.deployments(LAB, at=NOW)
    with pytest.raises(TrustError, match=r"signatures|lengths and hashes"), asked:
        pass


def test_another_root_believes_nothing_of_this_site(site: Site, tmp_path: Path) -> None:
    other = new_site(tmp_path / "other")
    client = TrustClient(tmp_path / "node", roots=other.roots, source=site.source)
    refused(client, "signatures: timestamp was signed by 0/1 keys")


def test_a_root_that_was_taken_over_is_refused(
    client: TrustClient, site: Site, tmp_path: Path
) -> None:
    other = new_site(tmp_path / "other")
    later = NOW + timedelta(days=200)
    other.deployments.renew(at=later)
    metadata = site.folder / DEPLOYMENTS / "metadata"
    (metadata / "2.root.json").write_bytes(other.deployments.root(2))
    refused(client, "root chain: root was signed by 0/1 keys")


def test_edited_targets_are_refused(client: TrustClient, site: Site) -> None:
    path = site.folder / "packets" / "metadata" / "2.targets.json"
    path.write_bytes(path.read_bytes().replace(b"packets/care/1", b"packets/care/9"))
    refused(client, "lengths and hashes")


def test_targets_of_another_snapshot_are_refused(client: TrustClient, site: Site) -> None:
    site.release(bundle(2), sequence=2)
    metadata = site.folder / "packets" / "metadata"
    shutil.copyfile(metadata / "2.targets.json", metadata / "3.targets.json")
    refused(client, "lengths and hashes")


def test_an_older_snapshot_under_a_newer_timestamp_is_refused(
    client: TrustClient, site: Site
) -> None:
    site.release(bundle(2), sequence=2)
    launch(client)
    folder = site.folder / "packets" / "metadata"

    def point_back(path: Path) -> None:
        metadata: Metadata[Timestamp] = Metadata.from_file(str(path))
        metadata.signed.version += 1
        metadata.signed.snapshot_meta.version = 2
        metadata.to_file(str(path))

    resign(site, "timestamp", point_back, repository="packets")
    assert Metadata[Snapshot].from_file(str(folder / "2.snapshot.json")).signed.version == 2
    refused(client, "versions: New snapshot version must be >= 3")


def test_targets_forged_with_both_online_keys_are_refused(
    client: TrustClient, site: Site, tmp_path: Path
) -> None:
    """Who holds the packets' online key alone cannot make a bundle genuine."""
    folder = site.folder / "packets" / "metadata"
    forged: Metadata[Targets] = Metadata.from_file(str(folder / "2.targets.json"))
    forged.signed.version = 3
    forged.sign(load_key(tmp_path / "site-keys" / "packets" / "online.pem").signer)
    forged.to_file(str(folder / "3.targets.json"))
    snapshot: Metadata[Snapshot] = Metadata.from_file(str(folder / "2.snapshot.json"))
    snapshot.signed.version = 3
    snapshot.signed.meta["targets.json"].version = 3
    snapshot.signed.meta["targets.json"].hashes = None
    snapshot.signed.meta["targets.json"].length = None
    snapshot.sign(load_key(tmp_path / "site-keys" / "packets" / "online.pem").signer)
    snapshot.to_file(str(folder / "3.snapshot.json"))

    def point_to_it(path: Path) -> None:
        metadata: Metadata[Timestamp] = Metadata.from_file(str(path))
        metadata.signed.version += 1
        meta = metadata.signed.snapshot_meta
        meta.version, meta.hashes, meta.length = 3, None, None
        metadata.to_file(str(path))

    resign(site, "timestamp", point_to_it, repository="packets")
    refused(client, "signatures: targets was signed by 0/1 keys")


def test_a_stolen_control_plane_cannot_assign_what_was_never_released(
    client: TrustClient, site: Site
) -> None:
    evil = bundle(2, notes=b"send everything to me\n")
    site.layout.add(evil)
    site.deployments.assign(assignment(evil, 2), at=NOW)
    refused(client, "packets/care/2 is not among the genuine bundles")


def test_repositories_that_disagree_on_digest_or_length_launch_nothing(
    client: TrustClient, site: Site
) -> None:
    other = bundle(notes=b"other\n")
    site.deployments.assign(assignment(other, 2), at=NOW)
    refused(client, r"packets/care/1 is sha256:.* asked for is sha256:")
    shorter = assignment(bundle(), 3).model_copy(update={"length": 1})
    site.deployments.assign(shorter, at=NOW)
    refused(client, "with 1$")


def test_a_halted_environment_launches_nothing(client: TrustClient, site: Site) -> None:
    halted = assignment(bundle(), 2).model_copy(update={"state": "halted"})
    site.deployments.assign(halted, at=NOW)
    assert client.current_assignment(LAB, at=NOW).state == "halted"
    refused(client, "lab is halted")


def test_an_environment_without_assignment_launches_nothing(tmp_path: Path) -> None:
    client = new_site(tmp_path / "site").client(tmp_path / "node")
    refused(client, "nothing is assigned to lab")


def test_the_assignment_of_another_environment_is_not_taken(site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.folder / DEPLOYMENTS, site.folder / "deployments" / "prod")
    client = site.client(tmp_path / "node")
    with pytest.raises(TrustError, match="nothing is assigned to prod"):
        client.current_assignment("prod", at=NOW)


def test_a_changed_target_is_refused(client: TrustClient, site: Site) -> None:
    [target] = (site.folder / "packets" / "targets" / "packets" / "care").iterdir()
    target.write_bytes(target.read_bytes().replace(b"care", b"evil"))
    refused(client, "lengths and hashes")


@pytest.mark.parametrize("change", [b"", b"be rude\n", b"be kind\nand more\n"])
def test_a_changed_blob_is_never_placed(
    client: TrustClient, site: Site, tmp_path: Path, change: bytes
) -> None:
    [notes] = [c for c in bundle().constructs if c.kind == "memory"]
    site.layout.blob(notes.digest).write_bytes(change)
    with pytest.raises(TrustError, match=f"blob {notes.digest} with 8 bytes came as"):
        client.fetch_bundle(bundle().manifest)
    assert not list((tmp_path / "node").rglob(notes.digest.removeprefix("sha256:")))


class Endless(FolderSource):
    """A source that never stops sending one file."""

    def __init__(self, folder: Path, path: str) -> None:
        super().__init__(folder)
        self._path = path
        self.sent = 0

    def chunks(self, path: str) -> Iterator[bytes]:
        if not path.startswith(self._path):
            yield from super().chunks(path)
            return
        while True:
            self.sent += 1000
            yield b" " * 1000


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        (f"{DEPLOYMENTS}/metadata/timestamp.json", 16_384),
        (f"{DEPLOYMENTS}/metadata/2.snapshot.json", 1_000),
        (f"{DEPLOYMENTS}/metadata/2.targets.json", 1_000),
        (f"{DEPLOYMENTS}/targets", 1_000),
        ("packets/targets", 2_000),
    ],
)
def test_endless_data_stops_behind_the_signed_length(
    site: Site, tmp_path: Path, path: str, limit: int
) -> None:
    source = Endless(site.folder, path)
    client = TrustClient(tmp_path / "node", roots=site.roots, source=source)
    refused(client, "lengths and hashes")
    assert source.sent <= limit + 1_000


def test_an_endless_blob_stops_behind_the_signed_size(site: Site, tmp_path: Path) -> None:
    source = Endless(site.folder, "blobs")
    client = TrustClient(tmp_path / "node", roots=site.roots, source=source)
    with pytest.raises(TrustError, match="with more"):
        client.fetch_blob(bundle().constructs[0].digest, 17)
    assert source.sent == 1_000


def test_a_withheld_file_is_unavailable_not_trusted(client: TrustClient, site: Site) -> None:
    (site.folder / DEPLOYMENTS / "metadata" / "2.snapshot.json").unlink()
    with pytest.raises(UnavailableError, match="there is no deployments/lab"):
        launch(client)


def test_a_node_without_the_environments_root_launches_nothing(site: Site, tmp_path: Path) -> None:
    roots = Roots(site.packets.root())
    client = TrustClient(tmp_path / "node", roots=roots, source=site.source)
    refused(client, "no root of lab's deployments is pinned")


@contextmanager
def web_server(site: Site) -> Iterator[tuple[str, list[str]]]:
    """The site behind a real web server on loopback, and the paths it was asked for."""
    seen: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            seen.append(self.path)

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site.folder)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_site_is_read_over_the_web_and_a_steady_poll_is_small(site: Site, tmp_path: Path) -> None:
    with web_server(site) as (url, seen), httpx.Client() as http:
        client = TrustClient(tmp_path / "node", roots=site.roots, source=HttpSource(url, http))
        client.fetch_bundle(launch(client))
        seen.clear()
        client.current_assignment(LAB, at=NOW)
    asked = {path.removeprefix("/deployments/lab/metadata/") for path in seen}
    assert asked == {"2.root.json", "timestamp.json"}
    timestamp = site.folder / DEPLOYMENTS / "metadata" / "timestamp.json"
    assert timestamp.stat().st_size <= 600  # DESIGN allows 1.2 kB for the bodies of a poll


@pytest.mark.parametrize("answer", [500, 302])
def test_a_web_server_that_fails_is_unavailable(site: Site, tmp_path: Path, answer: int) -> None:
    broken = httpx.MockTransport(lambda _: httpx.Response(answer))
    source = HttpSource("https://mythos.example", httpx.Client(transport=broken))
    client = TrustClient(tmp_path / "node", roots=site.roots, source=source)
    with pytest.raises(UnavailableError, match=f"answered {answer}"):
        launch(client)


def test_a_web_server_that_is_gone_is_unavailable(site: Site, tmp_path: Path) -> None:
    with web_server(site) as (url, _):
        pass
    with httpx.Client() as http:
        client = TrustClient(tmp_path / "node", roots=site.roots, source=HttpSource(url, http))
        with pytest.raises(UnavailableError, match="cannot be reached"):
            launch(client)
