from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, Root, Targets, Timestamp

from mythos.adapters.trust_repositories import AIR_GAPPED_TERMS
from mythos.errors import BundleError, ConflictError, NotFoundError
from tests.adapters.fleet_site import LAB, NOW, Site, assignment, bundle, new_site, released_site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return released_site(tmp_path / "site")


def test_a_name_and_version_is_released_once(site: Site) -> None:
    timestamp = site.folder / "packets" / "metadata" / "timestamp.json"
    before = timestamp.read_bytes()
    site.packets.publish_packet("care", 1, bundle().manifest, at=NOW)
    assert timestamp.read_bytes() == before
    with pytest.raises(ConflictError, match="packets/care/1 is sha256:") as caught:
        site.packets.publish_packet("care", 1, bundle(notes=b"other").manifest, at=NOW)
    assert "raise `version`" in caught.value.remedy


def test_notes_of_a_release_are_signed_with_it(site: Site) -> None:
    site.packets.publish_packet("care", 2, bundle(2).manifest, at=NOW, custom={"sequence": 7})
    data = (site.folder / "packets" / "metadata" / "3.targets.json").read_bytes()
    assert Metadata[Targets].from_bytes(data).signed.targets["packets/care/2"].custom == {
        "sequence": 7
    }


def test_a_name_that_could_leave_the_folder_is_refused(site: Site) -> None:
    with pytest.raises(BundleError, match="no target path"):
        site.packets.publish_packet("a/../../b", 1, b"{}", at=NOW)


def test_an_older_assignment_never_replaces_a_newer_one(site: Site) -> None:
    assert site.deployments.current() == assignment(bundle())
    with pytest.raises(ConflictError, match="sequence 1 is not higher than 1"):
        site.deployments.assign(assignment(bundle(2)), at=NOW)


def test_an_assignment_for_another_environment_is_refused(site: Site) -> None:
    other = assignment(bundle(), 2).model_copy(update={"environment": "prod"})
    with pytest.raises(ConflictError, match="for prod, this is lab"):
        site.deployments.assign(other, at=NOW)


def test_the_timestamp_is_published_last(site: Site) -> None:
    folder = site.folder / "packets" / "metadata"
    old = (folder / "timestamp.json").read_bytes()
    site.packets.publish_packet("care", 2, bundle(2).manifest, at=NOW)
    # As if the machine had died before the last step:
    (folder / "timestamp.json").write_bytes(old)
    site.packets.publish_packet("care", 2, bundle(2, notes=b"x").manifest, at=NOW)
    manifest = bundle(2, notes=b"x")
    site.layout.add(manifest)
    site.deployments.assign(assignment(manifest, 2), at=NOW)
    client = site.client(folder.parent.parent / "node")
    assert client.verified_manifest(assignment(manifest, 2), at=NOW) == manifest.manifest


def test_a_renewal_signs_only_what_has_used_half_of_its_period(site: Site) -> None:
    assert site.packets.renew(at=NOW + timedelta(days=17)).renewed == ()
    assert site.packets.renew(at=NOW + timedelta(days=18)).renewed == ("snapshot", "timestamp")
    assert site.packets.renew(at=NOW + timedelta(days=18)).renewed == ()
    assert site.deployments.renew(at=NOW + timedelta(hours=13)).renewed == ("timestamp",)


def test_a_renewal_names_what_waits_for_a_key(site: Site, tmp_path: Path) -> None:
    (tmp_path / "site-keys" / "packets" / "root.pem").unlink()
    (tmp_path / "site-keys" / "packets" / "targets.pem").unlink()
    renewal = site.packets.renew(at=NOW + timedelta(days=200))
    assert (renewal.renewed, renewal.waiting) == (("snapshot", "timestamp"), ("root", "targets"))


def test_a_renewed_root_is_followed_from_the_pinned_one(site: Site, tmp_path: Path) -> None:
    later = NOW + timedelta(days=200)
    assert "root" in site.packets.renew(at=later).renewed
    assert "root" in site.deployments.renew(at=later).renewed
    client = site.client(tmp_path / "node")
    assert client.current_assignment(LAB, at=later + timedelta(hours=1)) == assignment(bundle())
    client.verified_manifest(assignment(bundle()), at=later + timedelta(days=30))


def test_a_release_needs_its_key(site: Site, tmp_path: Path) -> None:
    (tmp_path / "site-keys" / "packets" / "targets.pem").unlink()
    with pytest.raises(NotFoundError, match=r"no key at .*targets\.pem"):
        site.packets.publish_packet("care", 2, bundle(2).manifest, at=NOW)
    site.client(tmp_path / "node").verified_manifest(assignment(bundle()), at=NOW)


def test_the_root_key_is_apart_from_the_daily_ones(site: Site) -> None:
    root = Metadata[Root].from_bytes(site.packets.root()).signed
    keys = {role: set(root.roles[role].keyids) for role in root.roles}
    assert keys["root"].isdisjoint(keys["targets"] | keys["snapshot"] | keys["timestamp"])
    assert keys["targets"].isdisjoint(keys["timestamp"])


def test_terms_of_an_air_gapped_environment_last_a_month(tmp_path: Path) -> None:
    site = new_site(tmp_path / "site", terms=AIR_GAPPED_TERMS)
    data = (site.folder / "deployments" / LAB / "metadata" / "timestamp.json").read_bytes()
    assert Metadata[Timestamp].from_bytes(data).signed.expires == NOW + timedelta(days=30)


def test_a_repository_is_initialised_once(site: Site) -> None:
    with pytest.raises(ConflictError, match="there is a trust repository"):
        site.packets.initialise(at=NOW)
