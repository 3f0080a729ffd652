"""Reads of the memory-log pages, each a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TypeVar

from django.db.models import (
    Count,
    F,
    IntegerField,
    Max,
    Min,
    Model,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.resilience.components import newest_audit
from mythos.errors import NotFoundError
from mythos.server.catalog.models import Node
from mythos.server.memories.pages.facts import (
    AuditsFact,
    ForkFact,
    HostFact,
    LogFact,
    WaitingFact,
    WitnessedFact,
)
from mythos.server.resilience.log_restarts import restarts_of
from mythos.server.resilience.models import (
    EvidenceRow,
    IntakeFinding,
    MemoryCheckpoint,
    UnprovedCheckpoint,
)
from mythos.server.resilience.readings import presence_of
from mythos.server.resilience.witness import CODE

LATELY_S = 600
Row = TypeVar("Row", bound=Model)
Key = tuple[str, str]
"""A host and one of its logs."""


def logs() -> list[LogFact]:
    """Every log of every host that is not retired, with the audit in the host's newest report."""
    newest = EvidenceRow.objects.filter(
        kind="memory", node_id=OuterRef("node_id"), environment=OuterRef("environment__name")
    ).order_by("-cell")
    nodes = list(_nodes().annotate(newest_audit=Subquery(newest.values("cell")[:1])))
    cells = {each.node_id: each.newest_audit for each in nodes if each.newest_audit is not None}
    hosts = {each.node_id: _host(each) for each in nodes}
    return _logs(hosts, _newest_audits(hosts, cells), restarts_of())


def log(node_id: str, origin: str) -> LogFact:
    """One log with its newest audit, however old.

    Raises:
        NotFoundError: no such host, or it has no such log.
    """
    node = _nodes().filter(node_id=node_id).first()
    host = {} if node is None else {node_id: _host(node)}
    restarts = restarts_of(host)
    bodies = [
        MemoryBody.from_json(body)
        for each in host.values()
        for body in _standing(each, origin, restarts).values_list("body", flat=True)[:1]
    ]
    audits = {(node_id, origin): bodies} if bodies else {}
    found = [each for each in _logs(host, audits, restarts) if each.origin == origin]
    if not found:
        raise NotFoundError(
            f"no memory log {origin[:150]!r} of a host {node_id[:150]!r} is known",
            remedy="choose one of the list on /memories; retired hosts leave it",
        )
    return found[0]


def history(log: LogFact, *, at: datetime, span_s: int, width_s: int) -> list[AuditsFact]:
    """Audits of a log over a span, in stretches of `width_s` that hold any, oldest first."""
    classes = {
        name: Cast(KT(f"body__{name}"), IntegerField())
        for name in ("size", "ok", "altered", "missing", "unlogged")
    }
    found = (
        _audits(log.host, log.origin)
        .filter(cell__gt=at.timestamp() - span_s, cell__lte=at.timestamp())
        .order_by()
        .annotate(begins=F("cell") - F("cell") % width_s)
        .values("begins")
        .annotate(
            audits=Count("pk"),
            failed=Count("pk", filter=Q(body__proof_failed=True)),
            least_size=Min(classes["size"]),
            least_ok=Min(classes["ok"]),
            most_altered=Max(classes["altered"]),
            most_missing=Max(classes["missing"]),
            most_unlogged=Max(classes["unlogged"]),
        )
        .order_by("begins")
    )
    return [
        AuditsFact(
            begins=row["begins"],
            audits=row["audits"],
            size=row["least_size"],
            ok=row["least_ok"],
            altered=row["most_altered"],
            missing=row["most_missing"],
            unlogged=row["most_unlogged"],
            failed=row["failed"],
        )
        for row in found
    ]


def first_audit(log: LogFact) -> int | None:
    """The Unix second of the cell of a log's first audit that is stored."""
    found = _audits(log.host, log.origin).order_by("cell").values_list("cell", flat=True)
    return found.first()


def _nodes() -> QuerySet[Node]:
    return Node.objects.filter(retired_at=None).select_related("environment")


def _host(node: Node) -> HostFact:
    return HostFact(node.node_id, node.environment.name, presence_of(node), node.public_key)


def _audits(host: HostFact, origin: str) -> QuerySet[EvidenceRow]:
    return EvidenceRow.objects.filter(
        kind="memory", node_id=host.node_id, environment=host.environment, subject=origin
    )


def _newest_audits(
    hosts: dict[str, HostFact], cells: dict[str, int]
) -> dict[Key, list[MemoryBody]]:
    """The audits in the newest cell of each host that has any.

    Hosts that report now share a few cells, so their rows are found by cell; those that fell
    silent are named.
    """
    lately = max(cells.values(), default=0) - LATELY_S
    recent = {cell for cell in cells.values() if cell >= lately}
    quiet = {node_id: cell for node_id, cell in cells.items() if cell < lately}
    memory = EvidenceRow.objects.filter(kind="memory").order_by()
    environments = {host.environment for host in hosts.values()}
    found = memory.filter(environment__in=environments, cell__in=recent)
    old = memory.filter(
        environment__in=environments, node_id__in=list(quiet), cell__in=set(quiet.values())
    )
    audits: dict[Key, list[MemoryBody]] = defaultdict(list)
    for rows in (found, old):
        told = rows.values_list("node_id", "environment", "subject", "cell", "body")
        for node_id, environment, subject, cell, body in told:
            host = hosts.get(node_id)
            if host and host.environment == environment and cells.get(node_id) == cell:
                audits[node_id, subject].append(MemoryBody.from_json(body))
    return audits


def _standing(host: HostFact, origin: str, restarts: dict[Key, int]) -> QuerySet[EvidenceRow]:
    """Audits of a log since it last began anew, the newest first."""
    found = _audits(host, origin).order_by("-cell")
    begun = restarts.get((host.node_id, origin))
    return found if begun is None else found.filter(body__restarts=begun)


def _logs(
    hosts: dict[str, HostFact], told: dict[Key, list[MemoryBody]], restarts: dict[Key, int]
) -> list[LogFact]:
    one = list(hosts) if len(hosts) == 1 else None
    witnessed, waiting, forks = _witnessed(one), _waiting(one), _forks(one)
    caught = {key for key, fork in forks.items() if fork.open}
    audits = {
        key: bodies
        for key, bodies in told.items()
        if max(body.restarts for body in bodies) >= restarts.get(key, 0)
    }
    return [
        LogFact(
            origin=origin,
            host=hosts[node_id],
            audit=newest_audit(audits[node_id, origin]) if (node_id, origin) in audits else None,
            witnessed=witnessed.get((node_id, origin)),
            waiting=waiting.get((node_id, origin)),
            fork=forks.get((node_id, origin)),
        )
        for node_id, origin in sorted({*told, *witnessed, *caught, *restarts})
        if node_id in hosts
    ]


def _witnessed(nodes: Collection[str] | None) -> dict[Key, WitnessedFact]:
    return {
        (each.node_id, each.origin): WitnessedFact(
            each.size, f"sha256:{each.root}", each.note, each.cosigned, each.seen_at
        )
        for each in _of(MemoryCheckpoint.objects.all(), nodes)
    }


def _waiting(nodes: Collection[str] | None) -> dict[Key, WaitingFact]:
    """The largest that waits of each log, since the first that does."""
    found: dict[Key, WaitingFact] = {}
    for each in _of(UnprovedCheckpoint.objects.order_by("size"), nodes):
        key = each.node_id, each.origin
        since = min(each.received_at, found[key].since) if key in found else each.received_at
        found[key] = WaitingFact(each.size, f"sha256:{each.root}", since)
    return found


def _forks(nodes: Collection[str] | None) -> dict[Key, ForkFact]:
    return {
        (each.node_id, each.subject): ForkFact(
            each.detail, each.seen_at, each.resolved_at, tuple(each.evidence)
        )
        for each in _of(IntakeFinding.objects.filter(code=CODE), nodes)
    }


def _of(rows: QuerySet[Row], nodes: Collection[str] | None) -> Iterable[Row]:
    return rows if nodes is None else rows.filter(node_id__in=nodes)
