"""Reads of the machine API about bundles and environments: bounded pages, few queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from django.db.models import Count as Number
from django.db.models import OuterRef, Q, Subquery

from mythos.errors import NotFoundError
from mythos.server.catalog.models import Environment
from mythos.server.deployment.models import MythOSDeploymentPacket, Rollout
from mythos.values.base import Count, Digest, Name, Value, Version
from mythos.values.bundle import BundleConfig
from mythos.values.environment import Labels
from mythos.values.evidence import EnvironmentName


class BundleSummary(Value):
    """A genuine bundle: what it is called, how large it is, since when it is known."""

    digest: Digest
    name: Name
    version: Version
    size_bytes: Count
    labels: Labels
    destinations: tuple[str, ...]
    created_at: datetime


class BundlePage(Value):
    """Some bundles, newest first; `next` is the `before` of the page behind, null on the last."""

    items: tuple[BundleSummary, ...]
    next: int | None


class BundleDocument(BundleSummary):
    """A bundle with its index: the config whose digest the manifest signs."""

    config: BundleConfig


class AssignedBundle(Value):
    """The newest decision about an environment."""

    digest: Digest
    name: Name
    version: Version
    state: Literal["run", "halted"]
    sequence: Count
    decided_by: str
    decision: str
    decided_at: datetime


class EnvironmentSummary(Value):
    """A named group of nodes and what it was told to run; `assigned` null before the first."""

    name: EnvironmentName
    labels: Labels
    air_gapped: bool
    dev: bool
    no_explore: bool
    report_every_s: Count
    nodes: Count
    assigned: AssignedBundle | None


class EnvironmentPage(Value):
    """Some environments; `next` is the `after` of the page behind, null on the last."""

    items: tuple[EnvironmentSummary, ...]
    next: int | None


def bundles(*, before: int, limit: int) -> BundlePage:
    """Genuine bundles, newest first; `before` 0 starts with the newest."""
    packets = MythOSDeploymentPacket.objects.order_by("-pk")
    found = list((packets.filter(pk__lt=before) if before else packets)[: limit + 1])
    page = found[:limit]
    return BundlePage(
        items=tuple(BundleSummary.model_validate(_summary(packet)) for packet in page),
        next=page[-1].pk if len(found) > limit else None,
    )


def bundle(digest: str) -> BundleDocument:
    """One bundle, whole.

    Raises:
        NotFoundError: none has that digest.
    """
    packet = MythOSDeploymentPacket.objects.filter(digest=digest).first()
    if packet is None:
        raise NotFoundError(
            f"there is no bundle {digest}", remedy="ask /api/v1/bundles for those there are"
        )
    return BundleDocument.model_validate(_summary(packet) | {"config": packet.config})


def environments(*, after: int, limit: int) -> EnvironmentPage:
    """Environments in the order they were made, each with its newest assignment."""
    counted = Environment.objects.annotate(
        n_nodes=Number("nodes", filter=Q(nodes__retired_at=None))
    )
    found = list(counted.filter(pk__gt=after).order_by("pk")[: limit + 1])
    page = found[:limit]
    newest = _newest_rollouts(page)
    return EnvironmentPage(
        items=tuple(_environment(one, newest.get(one.pk)) for one in page),
        next=page[-1].pk if len(found) > limit else None,
    )


def _summary(packet: MythOSDeploymentPacket) -> dict[str, object]:
    return {
        "digest": packet.digest,
        "name": packet.deployment_name,
        "version": packet.version,
        "size_bytes": packet.size_bytes,
        "labels": packet.symbolic_deployment_tags,
        "destinations": tuple(packet.deployment_vector.splitlines()),
        "created_at": packet.created_at,
    }


def _newest_rollouts(environments: Sequence[Environment]) -> dict[int, Rollout]:
    newest = Rollout.objects.filter(environment=OuterRef("environment")).order_by("-sequence")
    found = Rollout.objects.filter(
        environment__in=environments, pk=Subquery(newest.values("pk")[:1])
    )
    return {rollout.environment_id: rollout for rollout in found.select_related("packet")}


def _environment(environment: Environment, rollout: Rollout | None) -> EnvironmentSummary:
    return EnvironmentSummary(
        name=environment.name,
        labels=environment.labels,
        air_gapped=environment.air_gapped,
        dev=environment.dev,
        no_explore=environment.no_explore,
        report_every_s=environment.report_every_s,
        nodes=vars(environment)["n_nodes"],  # annotated
        assigned=_assigned(rollout) if rollout else None,
    )


def _assigned(rollout: Rollout) -> AssignedBundle:
    return AssignedBundle(
        digest=rollout.packet.digest,
        name=rollout.packet.deployment_name,
        version=rollout.packet.version,
        state="halted" if rollout.state == Rollout.State.HALTED else "run",
        sequence=rollout.sequence,
        decided_by=rollout.decided_by,
        decision=rollout.decision,
        decided_at=rollout.created_at,
    )
