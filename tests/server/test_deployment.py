"""Bundles and rollouts: published once, frozen for ever, assigned in sequence, pulled by nodes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from mythos.adapters.bundle_source import read_source
from mythos.adapters.oci_layout import OciLayout
from mythos.engines.bundle.plan import BuiltBundle, ParsedSource, assemble
from mythos.errors import BundleError, ConflictError, UsageError
from mythos.server.catalog.commands import admit
from mythos.server.catalog.models import (
    Assistant,
    EncodedRitualBlueprint,
    Environment,
    Node,
    SwarmCodex,
    ToolCatalogueDocument,
)
from mythos.server.deployment import trust
from mythos.server.deployment.commands import assign, publish
from mythos.server.deployment.models import MythOSDeploymentPacket, Rollout
from mythos.values.bundle import deployment_target
from tests.adapters.fleet_site import write_tree
from tests.engines.judge.desk import EXAMPLE, built
from tests.server.outpost import AT, Outpost

pytestmark = pytest.mark.django_db
DOCUMENTS = (Assistant, SwarmCodex, EncodedRitualBlueprint, ToolCatalogueDocument)


@pytest.fixture(autouse=True)
def _home(settings: Settings, tmp_path: Path) -> None:
    settings.MYTHOS = settings.MYTHOS.model_copy(update={"home": tmp_path / "control"})


@pytest.fixture
def lab() -> Environment:
    return Environment.objects.create(name="lab", labels={"tier": "customer-care"})


def _layout(folder: Path, bundle: BuiltBundle) -> OciLayout:
    layout = OciLayout(folder / bundle.digest[7:19])
    layout.replace(bundle)
    return layout


def _published(folder: Path, bundle: BuiltBundle | None = None) -> MythOSDeploymentPacket:
    return publish(_layout(folder, bundle or built()), at=AT)


def _version(number: int, **changes: object) -> BuiltBundle:
    source = read_source(EXAMPLE)
    head = source.head.model_copy(update={"version": number, **changes})
    return assemble(ParsedSource(head, source.parts, source.files))


def test_a_bundle_is_filed_with_every_document(tmp_path: Path) -> None:
    packet = _published(tmp_path)
    assert (packet.deployment_name, packet.version) == ("retail-care", 1)
    assert packet.digest == built().digest
    assert packet.symbolic_deployment_tags["tier"] == "customer-care"
    assert packet.deployment_vector.splitlines()[0] == "env:cloud-eu"
    assert {one.name for one in packet.included_assistants.all()} == {"orders", "refunds", "triage"}
    assert packet.bundled_codices.count() == 2
    assert packet.ritual_archive.count() == 2
    assert packet.tool_catalogues.count() == 1


def test_every_filed_document_is_the_blob_its_digest_names(tmp_path: Path) -> None:
    packet = _published(tmp_path)
    blobs = built().blobs
    for one in packet.included_assistants.all():
        assert one.document == json.loads(blobs[one.digest])
    for two in packet.ritual_archive.all():
        assert two.encoded_steps == json.loads(blobs[two.digest])


def test_publishing_the_same_bundle_twice_changes_nothing(tmp_path: Path) -> None:
    first = _published(tmp_path)
    root = trust.packets(at=AT).standing(at=AT)
    second = _published(tmp_path)
    assert (first.pk, first.digest) == (second.pk, second.digest)
    assert trust.packets(at=AT).standing(at=AT) == root
    assert [model.objects.count() for model in DOCUMENTS] == [3, 2, 2, 1]


def test_a_publication_that_died_half_way_is_completed_by_the_next(tmp_path: Path) -> None:
    trust.packets(at=AT).publish_packet("retail-care", 1, built().manifest, at=AT)
    assert _published(tmp_path).digest == built().digest


def test_the_same_name_and_version_is_one_bundle_for_ever(tmp_path: Path) -> None:
    _published(tmp_path)
    with pytest.raises(ConflictError, match="packets/retail-care/1 is"):
        _published(tmp_path, _version(1, labels={"tier": "other"}))
    assert MythOSDeploymentPacket.objects.count() == 1


def test_a_bundle_with_a_changed_blob_is_refused(tmp_path: Path) -> None:
    layout = _layout(tmp_path, built())
    construct = built().constructs[0]
    layout.blob(construct.digest).write_bytes(b"{}")
    with pytest.raises(BundleError) as caught:
        publish(layout, at=AT)
    assert caught.value.remedy
    assert not MythOSDeploymentPacket.objects.exists()


def test_versions_share_the_documents_that_did_not_change(tmp_path: Path) -> None:
    _published(tmp_path)
    _published(tmp_path, _version(2))
    assert [model.objects.count() for model in DOCUMENTS] == [3, 2, 2, 1]
    assert MythOSDeploymentPacket.objects.count() == 2


@pytest.mark.parametrize("model", DOCUMENTS)
def test_a_document_in_a_bundle_can_neither_change_nor_go(
    tmp_path: Path,
    model: type[Assistant | SwarmCodex | EncodedRitualBlueprint | ToolCatalogueDocument],
) -> None:
    packet = _published(tmp_path)
    document = model.objects.all()[0]
    with pytest.raises(ConflictError, match="is part of a bundle and cannot change"):
        document.save()
    with pytest.raises(ConflictError), transaction.atomic():
        document.delete()
    with pytest.raises(ConflictError) as caught, transaction.atomic():
        model.objects.all().delete()
    assert "new version" in caught.value.remedy
    assert packet.included_assistants.count() == 3


def test_a_document_outside_every_bundle_may_change_and_go() -> None:
    draft = Assistant.objects.create(name="draft", specialty="-", document={}, digest="sha256:0")
    draft.specialty = "something"
    draft.save()
    draft.delete()
    assert not Assistant.objects.exists()


def test_rollouts_count_up_and_the_newest_is_signed(tmp_path: Path, lab: Environment) -> None:
    first, second = _published(tmp_path), _published(tmp_path, _version(2))
    for number, packet in enumerate((first, second, first), start=1):
        rollout = assign(packet, lab, decided_by="ops", decision="because", at=AT)
        assert rollout.sequence == number
    current = trust.deployments(lab, at=AT).current()
    assert current is not None
    assert (current.sequence, current.digest, current.environment) == (3, first.digest, "lab")
    assert lab.rollouts.count() == 3


def test_sequences_belong_to_an_environment(tmp_path: Path, lab: Environment) -> None:
    other = Environment.objects.create(name="cloud", labels={"tier": "customer-care"})
    packet = _published(tmp_path)
    for environment in (lab, other, lab):
        assign(packet, environment, decided_by="ops", decision="-", at=AT)
    assert [one.sequence for one in lab.rollouts.order_by("id")] == [1, 2]
    assert [one.sequence for one in other.rollouts.all()] == [1]


@pytest.mark.parametrize("labels", [{}, {"tier": "other"}])
def test_an_environment_without_the_labels_is_refused(
    tmp_path: Path, labels: dict[str, str]
) -> None:
    environment = Environment.objects.create(name="bare", labels=labels)
    with pytest.raises(ConflictError, match="does not carry the bundle's labels: tier"):
        assign(_published(tmp_path), environment, decided_by="ops", decision="-", at=AT)
    assert not Rollout.objects.exists()


def test_a_decision_that_cannot_be_kept_signs_nothing(tmp_path: Path, lab: Environment) -> None:
    with pytest.raises(UsageError):
        assign(_published(tmp_path), lab, decided_by="ops", decision="x" * 301, at=AT)
    assert not Rollout.objects.exists()
    assert trust.deployments(lab, at=AT).current() is None


@pytest.fixture
def token(lab: Environment) -> str:
    return admit(Outpost().request, "lab").pull_token


def _get(client: Client, path: str, token: str) -> tuple[int, bytes]:
    answer = client.get(f"/api/v1/site/{path}", headers={"Authorization": f"Bearer {token}"})
    body = answer.getvalue()
    return answer.status_code, body


def test_a_node_pulls_metadata_targets_and_blobs(
    client: Client, tmp_path: Path, lab: Environment, token: str
) -> None:
    packet = _published(tmp_path)
    assign(packet, lab, decided_by="ops", decision="-", at=AT)
    for path in (
        "packets/metadata/1.root.json",
        "packets/metadata/timestamp.json",
        "deployments/lab/metadata/timestamp.json",
        f"blobs/sha256/{packet.digest.removeprefix('sha256:')}",
    ):
        status, body = _get(client, path, token)
        assert (status, body) == (200, (trust.site() / path).read_bytes())


def test_every_file_that_a_client_may_need_can_be_pulled(
    client: Client, tmp_path: Path, lab: Environment, token: str
) -> None:
    """Whatever letters a bundle's name has."""
    bundle = _version(1, name="Retail care/eu v1.2", labels={})
    packet = _published(tmp_path, bundle)
    assign(packet, lab, decided_by="ops", decision="-", at=AT)
    files = [
        path.relative_to(trust.site()).as_posix()
        for folder in ("packets", "deployments", "blobs")
        for path in (trust.site() / folder).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    ]
    assert any(" " in path for path in files)
    assert any(deployment_target("lab").split("/")[0] in path for path in files)
    for path in files:
        assert _get(client, path, token)[0] == 200, path


@pytest.mark.parametrize("token", ["", "wrong", "Bearer", "é"])
def test_a_site_shows_nothing_without_a_nodes_token(
    client: Client, lab: Environment, token: str
) -> None:
    trust.packets(at=AT)
    answer = client.get(
        "/api/v1/site/packets/metadata/1.root.json", headers={"Authorization": f"Bearer {token}"}
    )
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "IdentityError")
    assert client.get("/api/v1/site/packets/metadata/1.root.json").status_code == 403


def test_a_retired_node_pulls_nothing(client: Client, token: str) -> None:
    trust.packets(at=AT)
    assert _get(client, "packets/metadata/1.root.json", token)[0] == 200
    Node.objects.update(retired_at=AT)
    assert _get(client, "packets/metadata/1.root.json", token)[0] == 403


@pytest.mark.parametrize(
    "path",
    [
        "../keys/packets/root.pem",
        "packets/../../keys/packets/root.pem",
        "packets/%2e%2e/%2e%2e/keys/packets/root.pem",
        "packets/..%2f..%2fkeys/packets/root.pem",
        "keys/packets/root.pem",
        "/etc/passwd",
        "packets//etc/passwd",
        "packets/metadata/./1.root.json",
        "packets\\..\\..\\keys",
        "packets/metadata",
        "packets",
        "",
        "index.json",
        "packets/metadata/1.root.json%00",
        "packets/metadata/.hidden",
        "blobs/" + "a" * 5_000,
    ],
)
def test_only_files_of_the_site_can_be_named(client: Client, token: str, path: str) -> None:
    trust.packets(at=AT)
    (trust.site() / "packets" / "metadata" / ".hidden").write_text("x")
    status, body = _get(client, path, token)
    assert status == 404
    assert b"PRIVATE" not in body


def test_a_bundle_whose_name_steps_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    source = read_source(write_tree(tmp_path / "tree"))
    head = source.head.model_copy(update={"name": "a/../../../x"})
    with pytest.raises((BundleError, ConflictError)):
        _published(tmp_path, assemble(ParsedSource(head, source.parts, source.files)))
    assert not (tmp_path / "control" / "x").exists()
    assert not MythOSDeploymentPacket.objects.exists()


def test_a_built_bundle_names_its_own_digest(tmp_path: Path) -> None:
    assert replace(built()).digest == _published(tmp_path).digest
