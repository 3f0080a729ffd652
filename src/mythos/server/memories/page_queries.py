"""Reads of the memory-log pages, each a constant number of queries."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db.models import Count, F, Max, Min, Model, OuterRef, Q, QuerySet, Subquery

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.checkpoint import names_log_of
from mythos.errors import NotFoundError
from mythos.server.catalog.models import Environment, Node
from mythos.server.memories.pages.facts import (
    AuditsFact,
    ForkFact,
    HostFact,
    KeptFact,
    LogFact,
    WaitingFact,
    WitnessedFact,
)
from mythos.server.resilience.log_models import MemoryCheckpoint, MemoryTail, UnprovedCheckpoint
from mythos.server.resilience.log_restarts import restarts_of
from mythos.server.resilience.models import AuditCounts, IntakeFinding, NewestAudit
from mythos.server.resilience.readings import presence_from
from mythos.server.resilience.told_audits import Sent
from mythos.server.resilience.witness_findings import CODE
from mythos.values.memory import LogTail

Row = TypeVar("Row", bound=Model)
Key = tuple[str, str]
"""A host and one of its logs."""


def logs() -> list[LogFact]:
    """Every log of every host that is not retired, with its newest audit, however old."""
    return _logs(_hosts(_nodes()), None)


def log(node_id: str, origin: str) -> LogFact:
    """One log with its newest audit, however old.

    Raises:
        NotFoundError: no such host, or it has no such log.
    """
    hosts = _hosts(_nodes().filter(node_id=node_id))
    found = [each for each in _logs(hosts, [node_id]) if each.origin == origin]
    if not found:
        raise NotFoundError(
            f"no memory log {origin[:150]!r} of a host {node_id[:150]!r} is known",
            remedy="choose one of the list on /memories; retired hosts leave it",
        )
    return found[0]


def kept(log: LogFact) -> KeptFact | None:
    """The newest entries of a log with the checkpoint that proves them; None where none are kept.

    Both are of one moment: a report that comes between two reads must not look like a forgery.
    """
    return kept_of(log.host.node_id, [log.origin]).get(log.origin)


def kept_of(node_id: str, origins: Collection[str]) -> dict[str, KeptFact]:
    """As `kept`, of several logs of a host, by their names."""
    witnessed = MemoryCheckpoint.objects.filter(origin=OuterRef("origin"))
    columns = ("size", "root", "note", "cosigned", "seen_at")
    found = (
        MemoryTail.objects.filter(origin__in=origins, node_id=node_id)
        .annotate(**{name: Subquery(witnessed.values(name)) for name in columns})
        .values_list("origin", "tail", *columns)
    )
    return {
        origin: KeptFact(
            LogTail.model_validate(tail),
            WitnessedFact(size, f"sha256:{root}", note, cosigned, seen_at),
        )
        for origin, tail, size, root, note, cosigned, seen_at in found
        if size is not None
    }


def history(log: LogFact, *, at: datetime, span_s: int, width_s: int) -> list[AuditsFact]:
    """Audits of a log over a span, in stretches of `width_s` that hold any, oldest first."""
    found = (
        _audits(log)
        .filter(cell__gt=at.timestamp() - span_s, cell__lte=at.timestamp())
        .annotate(begins=F("cell") - F("cell") % width_s)
        .values("begins")
        .annotate(
            audits=Count("pk"),
            least_size=Min("size"),
            least_ok=Min("ok"),
            most_altered=Max("altered"),
            most_missing=Max("missing"),
            most_unlogged=Max("unlogged"),
            fails=Count("pk", filter=Q(failed=True)),
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
            failed=row["fails"],
        )
        for row in found
    ]


def first_audit(log: LogFact) -> int | None:
    """The Unix second of the cell of a log's first audit that is stored."""
    return _audits(log).order_by("cell").values_list("cell", flat=True).first()


def _audits(log: LogFact) -> QuerySet[AuditCounts]:
    host = log.host
    return AuditCounts.objects.filter(
        log__node_id=host.node_id, log__environment=host.environment, log__subject=log.origin
    )


def _nodes() -> QuerySet[Node]:
    return Node.objects.filter(retired_at=None)


def _hosts(nodes: QuerySet[Node]) -> dict[str, HostFact]:
    """Hosts by id. Columns alone are read: a list takes a thousand."""
    environments = {
        pk: (name, report_every_s if air_gapped else None)
        for pk, name, air_gapped, report_every_s in Environment.objects.values_list(
            "pk", "name", "air_gapped", "report_every_s"
        )
    }
    columns = ("presence", "heartbeat_s", "last_beat_at", "enrolled_at")
    hosts = {}
    for node_id, key, environment, kind, heartbeat_s, beat, enrolled in nodes.values_list(
        "node_id", "public_key", "environment_id", *columns
    ):
        name, report_every_s = environments[environment]
        presence = presence_from(kind, heartbeat_s, report_every_s, beat, enrolled)
        hosts[node_id] = HostFact(node_id, name, presence, key)
    return hosts


def _logs(hosts: dict[str, HostFact], nodes: Collection[str] | None) -> list[LogFact]:
    """The logs of hosts; `nodes` names them where they are few."""
    told = _told(hosts, nodes)
    restarts = restarts_of(nodes)
    witnessed, waiting, forks = _witnessed(nodes), _waiting(nodes), _forks(nodes)
    caught = {key for key, fork in forks.items() if fork.open}
    newest = _newest_reports(told)
    return [
        LogFact(
            origin=key[1],
            host=hosts[key[0]],
            audit=told[key].body_since(restarts.get(key, 0)) if key in told else None,
            reported=key in told and told[key].comes_with(newest[key[0]]),
            witnessed=witnessed.get(key),
            waiting=waiting.get(key),
            fork=forks.get(key),
        )
        for key in sorted({*told, *witnessed, *caught, *restarts})
        if key[0] in hosts
    ]


class _Told(NamedTuple):
    """The newest audit of a log, and the envelope that told it."""

    sent: Sent
    cell: int
    body: MemoryBody

    def body_since(self, restarts: int) -> MemoryBody | None:
        """The audit, if the log has not begun anew since."""
        return self.body if self.body.restarts >= restarts else None

    def comes_with(self, other: _Told) -> bool:
        """Whether both came with one report, which is of one cell and may be several envelopes."""
        return self.cell == other.cell


def _told(hosts: dict[str, HostFact], nodes: Collection[str] | None) -> dict[Key, _Told]:
    """The newest audit of each log, of the environment that its host is in.

    Older versions counted audits of logs that are not the host's; they are left out.
    """
    columns = ("node_id", "environment", "subject", "epoch_seq", "counter", "cell", "body")
    found = _of(NewestAudit.objects.all(), nodes).values_list(*columns)
    return {
        (node_id, origin): _Told(Sent(epoch_seq, counter), cell, MemoryBody.from_json(body))
        for node_id, environment, origin, epoch_seq, counter, cell, body in found
        if node_id in hosts
        and hosts[node_id].environment == environment
        and names_log_of(node_id, origin)
    }


def _newest_reports(told: dict[Key, _Told]) -> dict[str, _Told]:
    """Of each host an audit that came with its newest report."""
    newest: dict[str, _Told] = {}
    for (node_id, _), audit in told.items():
        if node_id not in newest or newest[node_id][:2] < audit[:2]:
            newest[node_id] = audit
    return newest


def _witnessed(nodes: Collection[str] | None) -> dict[Key, WitnessedFact]:
    columns = ("node_id", "origin", "size", "root", "note", "cosigned", "seen_at")
    return {
        (node_id, origin): WitnessedFact(size, f"sha256:{root}", note, cosigned, seen_at)
        for node_id, origin, size, root, note, cosigned, seen_at in _of(
            MemoryCheckpoint.objects.all(), nodes
        ).values_list(*columns)
    }


def _waiting(nodes: Collection[str] | None) -> dict[Key, WaitingFact]:
    """The largest that waits of each log, since the first that does."""
    found: dict[Key, WaitingFact] = {}
    waiting = UnprovedCheckpoint.objects.order_by("size").defer("tail", "growth")
    for each in _of(waiting, nodes):
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


def _of(rows: QuerySet[Row], nodes: Collection[str] | None) -> QuerySet[Row]:
    return rows if nodes is None else rows.filter(node_id__in=nodes)
