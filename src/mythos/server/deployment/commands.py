"""Writes of deployment: publish a bundle, assign it to an environment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import orjson
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max

from mythos.adapters.bundle_memory import check_memory_logs
from mythos.adapters.oci_layout import OciLayout
from mythos.engines.bundle.inventory import inventory
from mythos.engines.bundle.manifest import parse_config, parse_manifest
from mythos.engines.bundle.plan import BuiltBundle
from mythos.engines.bundle.verify import check_bundle
from mythos.errors import BundleError, ConflictError, UsageError
from mythos.server.actions.ledger import SHELL, record
from mythos.server.catalog.models import (
    Assistant,
    EncodedRitualBlueprint,
    Environment,
    SwarmCodex,
    ToolCatalogueDocument,
)
from mythos.server.deployment import trust
from mythos.server.deployment.models import MythOSDeploymentPacket, Rollout
from mythos.values.bundle import Assignment, Construct, ConstructKind
from mythos.values.digest import digest_of
from mythos.values.environment import eligible


def publish(layout: OciLayout, *, at: datetime, by: str = SHELL) -> MythOSDeploymentPacket:
    """Check a built bundle, take its blobs, name it genuine and file its documents.

    The same bundle again changes nothing.

    Raises:
        BundleError: a blob is not what the manifest says.
        ConflictError: this name and version is another bundle already.
    """
    bundle = read_bundle(layout)
    trust.packets(at=at).publish_packet(bundle.name, bundle.version, bundle.manifest, at=at)
    trust.store().add(bundle)
    return _file(bundle, by=by, at=at)


def read_bundle(layout: OciLayout) -> BuiltBundle:
    """The only bundle of a layout, checked whole.

    Raises:
        BundleError: a blob is not what the manifest says.
        MemoryLogError: a memory is not what the log says that came with it.
    """
    manifest = layout.manifest()
    check_bundle(manifest, layout.read).require(
        error=BundleError, remedy="build the bundle again from its source"
    )
    parsed = parse_manifest(manifest)
    blobs = {one.digest: layout.read(one.digest) for one in (parsed.config, *parsed.layers)}
    config = parse_config(blobs[parsed.config.digest])
    check_memory_logs(config.constructs, lambda one: blobs[one.digest])
    return BuiltBundle(
        name=config.deployment_name,
        version=config.version,
        digest=digest_of(manifest),
        manifest=manifest,
        config=blobs[parsed.config.digest],
        constructs=inventory(manifest, blobs[parsed.config.digest]),
        blobs={**blobs, digest_of(manifest): manifest},
    )


@transaction.atomic
def _file(bundle: BuiltBundle, *, by: str, at: datetime) -> MythOSDeploymentPacket:
    known = MythOSDeploymentPacket.objects.filter(digest=bundle.digest).first()
    if known is not None:
        return known
    config = parse_config(bundle.config)
    packet = MythOSDeploymentPacket.objects.create(
        deployment_name=bundle.name,
        version=bundle.version,
        symbolic_deployment_tags=dict(config.tags),
        deployment_vector="\n".join(config.vector),
        digest=bundle.digest,
        size_bytes=sum(len(blob) for blob in bundle.blobs.values()),
        manifest=orjson.loads(bundle.manifest),
        config=orjson.loads(bundle.config),
    )
    for construct in bundle.constructs:
        _FILE[construct.kind](packet, construct, bundle.blobs[construct.digest])
    subject = f"{bundle.name}@{bundle.version}"
    record("bundle.sign", subject, by=by, at=at, details={"digest": bundle.digest})
    return packet


def _file_agent(packet: MythOSDeploymentPacket, construct: Construct, blob: bytes) -> None:
    document = orjson.loads(blob)
    defaults = {"name": construct.name, "specialty": document["role"], "document": document}
    agent, _ = Assistant.objects.get_or_create(digest=construct.digest, defaults=defaults)
    packet.included_assistants.add(agent)


def _file_policy_set(packet: MythOSDeploymentPacket, construct: Construct, blob: bytes) -> None:
    document = orjson.loads(blob)
    defaults = {
        "title": construct.name,
        "symbolic_domain": _domain(document),
        "version": construct.version,
        "document": document,
    }
    policy_set, _ = SwarmCodex.objects.get_or_create(digest=construct.digest, defaults=defaults)
    packet.bundled_codices.add(policy_set)


def _file_workflow(packet: MythOSDeploymentPacket, construct: Construct, blob: bytes) -> None:
    defaults = {
        "name": construct.name,
        "version": construct.version,
        "encoded_steps": orjson.loads(blob),
    }
    workflow, _ = EncodedRitualBlueprint.objects.get_or_create(
        digest=construct.digest, defaults=defaults
    )
    packet.ritual_archive.add(workflow)


def _file_tools(packet: MythOSDeploymentPacket, construct: Construct, blob: bytes) -> None:
    document = orjson.loads(blob)
    defaults = {"domain": document["domain"], "document": document}
    catalogue, _ = ToolCatalogueDocument.objects.get_or_create(
        digest=construct.digest, defaults=defaults
    )
    packet.tool_catalogues.add(catalogue)


def _file_nothing(packet: MythOSDeploymentPacket, construct: Construct, blob: bytes) -> None:
    """Memory stays in the store: it is content, not a document of the catalogue."""


_FILE: dict[ConstructKind, Callable[[MythOSDeploymentPacket, Construct, bytes], None]] = {
    "agent": _file_agent,
    "policy_set": _file_policy_set,
    "workflow": _file_workflow,
    "tools": _file_tools,
    "memory": _file_nothing,
    "memory_log": _file_nothing,
}


def _domain(document: dict[str, object]) -> str:
    covers = document.get("covers")
    tools = covers.get("tools", "*") if isinstance(covers, dict) else "*"
    return ", ".join(tools) if isinstance(tools, list) else str(tools)


def assign(
    packet: MythOSDeploymentPacket,
    environment: Environment,
    *,
    decided_by: str,
    decision: str,
    at: datetime,
) -> Rollout:
    """Decide that an environment runs a bundle from now on, and sign it.

    Raises:
        ConflictError: the environment lacks a label the bundle asks for.
        UsageError: no name of who decides, or too long a reason.
    """
    missing = eligible(environment.labels, packet.symbolic_deployment_tags)
    if missing:
        raise ConflictError(
            f"{environment.name} does not carry the bundle's labels: {', '.join(missing)}",
            remedy="choose an environment that does, or build the bundle with other labels",
        )
    repository = trust.deployments(environment, at=at)
    signed = repository.current()
    with transaction.atomic():  # no row without a signature; a lost row never blocks the next
        rollout = _record(
            packet,
            environment,
            decided_by=decided_by,
            decision=decision,
            after=signed.sequence if signed else 0,
        )
        record(
            "rollout.start",
            environment.name,
            by=decided_by,
            at=at,
            why=decision,
            details={
                "bundle": str(packet),
                "digest": packet.digest,
                "sequence": str(rollout.sequence),
            },
        )
        repository.assign(_assignment(rollout), at=at)
    return rollout


def _assignment(rollout: Rollout) -> Assignment:
    packet = rollout.packet
    return Assignment(
        environment=rollout.environment.name,
        bundle=packet.deployment_name,
        version=packet.version,
        digest=packet.digest,
        length=len(trust.store().read(packet.digest)),
        sequence=rollout.sequence,
        decision=rollout.decision,
    )


def _record(
    packet: MythOSDeploymentPacket,
    environment: Environment,
    *,
    decided_by: str,
    decision: str,
    after: int,
) -> Rollout:
    newest = environment.rollouts.aggregate(newest=Max("sequence"))["newest"] or 0
    rollout = Rollout(
        environment=environment,
        packet=packet,
        sequence=max(newest, after) + 1,
        decided_by=decided_by,
        decision=decision,
    )
    try:
        rollout.clean_fields()
    except ValidationError as error:
        raise UsageError(
            f"the decision cannot be kept: {'; '.join(error.messages)}",
            remedy="name who decides, and give a reason of at most 300 characters",
        ) from error
    rollout.save()
    return rollout
