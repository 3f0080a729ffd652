"""Reads of the bundle page: a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from django.db.models import OuterRef, QuerySet, Subquery
from pydantic import JsonValue, ValidationError

from mythos.engines.resilience.presence import Presence
from mythos.errors import NotFoundError
from mythos.server.catalog.models import Environment, Node
from mythos.server.deployment.models import MythOSDeploymentPacket, Rollout
from mythos.server.deployment.pages.facts import BundleFact, HostFact, TargetFact
from mythos.values.bundle import BundleConfig

MAX_BUNDLES = 50


def bundles() -> list[BundleFact]:
    """The newest bundles, without their contents."""
    rows = MythOSDeploymentPacket.objects.values_list(
        "deployment_name", "version", "digest", "size_bytes", "created_at"
    )
    return [BundleFact(*row) for row in rows[:MAX_BUNDLES]]


def bundle(digest: str) -> BundleFact:
    """One bundle, whole, by its digest or the start of it.

    Raises:
        NotFoundError: no bundle, or more than one, begins so.
    """
    start = digest if digest.startswith("sha256:") else f"sha256:{digest}"
    found = list(_whole().filter(digest__startswith=start)[:2])
    if len(found) != 1:
        raise NotFoundError(
            f"{'several bundles' if found else 'no bundle'} of digest {digest[:80]!r}",
            remedy="choose one of the list on /deploy/packet",
        )
    return _fact(found[0])


def version_before(bundle: BundleFact) -> BundleFact | None:
    """The newest older version of the same bundle; None for the first."""
    older = _whole().filter(deployment_name=bundle.name, version__lt=bundle.version)
    found = older.order_by("-version").first()
    return None if found is None else _fact(found)


def _whole() -> QuerySet[MythOSDeploymentPacket]:
    return MythOSDeploymentPacket.objects.prefetch_related(
        "bundled_codices", "included_assistants", "ritual_archive", "tool_catalogues"
    )


def _fact(packet: MythOSDeploymentPacket) -> BundleFact:
    layers = packet.manifest.get("layers", [])
    return BundleFact(
        name=packet.deployment_name,
        version=packet.version,
        digest=packet.digest,
        size_bytes=packet.size_bytes,
        created_at=packet.created_at,
        labels=packet.symbolic_deployment_tags,
        destinations=tuple(packet.deployment_vector.split()),
        config=_config(packet),
        n_blobs=len(layers) + 2,
        documents=_documents(packet),
    )


def _config(packet: MythOSDeploymentPacket) -> BundleConfig | None:
    try:
        return BundleConfig.model_validate(packet.config)
    except ValidationError:
        return None


def _documents(packet: MythOSDeploymentPacket) -> dict[str, JsonValue]:
    return {
        **{each.digest: each.document for each in packet.included_assistants.all()},
        **{each.digest: each.document for each in packet.bundled_codices.all()},
        **{each.digest: each.encoded_steps for each in packet.ritual_archive.all()},
        **{each.digest: each.document for each in packet.tool_catalogues.all()},
    }


def targets() -> Mapping[str, TargetFact]:
    """Every environment with its hosts and its newest rollout, by name."""
    hosts = defaultdict(list)
    for node in Node.objects.filter(retired_at=None):
        hosts[node.environment_id].append(node)
    newest = (
        Rollout.objects.filter(environment=OuterRef("environment"))
        .order_by("-sequence")
        .values("pk")
    )
    found = Rollout.objects.filter(pk=Subquery(newest[:1])).select_related("packet")
    rollouts = {each.environment_id: each for each in found}
    return {
        each.name: _target(each, hosts[each.pk], rollouts.get(each.pk))
        for each in Environment.objects.all()
    }


def _target(environment: Environment, nodes: list[Node], rollout: Rollout | None) -> TargetFact:
    hosts = tuple(_host(node, environment) for node in nodes)
    if rollout is None:
        return TargetFact(environment.name, environment.labels, environment.air_gapped, hosts)
    return TargetFact(
        name=environment.name,
        labels=environment.labels,
        air_gapped=environment.air_gapped,
        hosts=hosts,
        desired=rollout.packet.digest,
        desired_name=str(rollout.packet),
        sequence=rollout.sequence,
        halted=rollout.state == Rollout.State.HALTED,
        decided_by=rollout.decided_by,
        decision=rollout.decision,
        decided_at=rollout.created_at,
    )


def _host(node: Node, environment: Environment) -> HostFact:
    presence = Presence(
        kind="telemetry" if node.presence == Node.Presence.TELEMETRY else "heartbeat",
        heartbeat_s=node.heartbeat_s,
        report_every_s=environment.report_every_s if environment.air_gapped else None,
        newest_beat=node.last_beat_at,
        enrolled_at=node.enrolled_at,
    )
    return HostFact(node.node_id, node.in_force.get("bundle", ""), presence)
