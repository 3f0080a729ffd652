"""Reads that every list of documents makes, each a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import F, QuerySet

from mythos.errors import NotFoundError
from mythos.server.catalog.models import Node
from mythos.server.deployment.models import MythOSDeploymentPacket, Rollout
from mythos.server.documents.facts import DocumentKind, Holders, HostFact, RolloutFact
from mythos.server.resilience.models import EvidenceRow

MAX_ROLLOUTS = 500
KEPT_S = 30
_ALGORITHM = "sha256:"
_MIN_DIGITS = 6
Fact = TypeVar("Fact")


def only(kind: DocumentKind, digest: str, find: Callable[[str], list[Fact]]) -> Fact:
    """One document by its digest or the start of it; `find` reads those that begin so.

    Raises:
        NotFoundError: none, or more than one, begins so.
    """
    start = _ALGORITHM + digest.removeprefix(_ALGORITHM)
    found = find(start)
    if len(found) != 1 or len(start) < len(_ALGORITHM) + _MIN_DIGITS:
        several = f"several {kind.name}s" if found else f"no {kind.name}"
        raise NotFoundError(
            f"there is {several} of digest {digest[:80]!r}",
            remedy=f"choose one of the list on {kind.page}",
        )
    return found[0]


def holders(kind: DocumentKind, ids: Iterable[int]) -> dict[int, Holders]:
    """The bundles that hold documents, by the document's primary key."""
    rows = (
        MythOSDeploymentPacket.objects.filter(**{f"{kind.relation}__in": list(ids)})
        .order_by("pk")
        .values_list(kind.relation, "deployment_name", "version", "created_at")
    )
    held: dict[int, list[tuple[str, datetime]]] = defaultdict(list)
    for document, name, version, at in rows:
        held[document].append((f"{name} v{version}", at))
    return {
        document: Holders(tuple(name for name, _ in bundles), min(at for _, at in bundles))
        for document, bundles in held.items()
    }


def hosts(kind: DocumentKind) -> list[HostFact]:
    """Every host that is not retired, with the documents it says are in force there."""
    rows = Node.objects.filter(retired_at=None).values_list(
        "node_id", "environment__name", "in_force", "last_beat_at"
    )
    return [
        HostFact(
            node_id=node_id,
            environment=environment,
            enforced=frozenset(said.get(kind.enforced, ())),
            shadowed=frozenset(said.get(kind.shadowed, ())),
            last_beat_at=beat,
            agents=frozenset(said.get("agents", {}).values()),
        )
        for node_id, environment, said, beat in rows
    ]


def rollouts(kind: DocumentKind) -> list[RolloutFact]:
    """The newest 500 rollouts with the documents of their bundles, oldest first."""
    found = list(
        Rollout.objects.order_by("-pk").select_related("environment", "packet")[:MAX_ROLLOUTS]
    )
    held: dict[int, set[str]] = defaultdict(set)
    bundles = MythOSDeploymentPacket.objects.filter(pk__in={each.packet_id for each in found})
    for packet, digest in bundles.values_list("pk", f"{kind.relation}__digest"):
        held[packet].add(digest)
    return [
        RolloutFact(
            environment=each.environment.name,
            sequence=each.sequence,
            bundle=str(each.packet),
            bundle_digest=each.packet.digest,
            halted=each.state == Rollout.State.HALTED,
            at=each.created_at,
            documents=frozenset(held[each.packet_id]),
        )
        for each in reversed(found)
    ]


def window(kinds: Collection[str], *, at: datetime, span_s: int) -> QuerySet[EvidenceRow]:
    """Evidence of some kinds whose cells touch the `span_s` seconds before `at`."""
    start = (at - timedelta(seconds=span_s)).timestamp()
    return EvidenceRow.objects.filter(
        kind__in=kinds, cell__gt=start - F("width_s"), cell__lte=at.timestamp()
    ).order_by()
