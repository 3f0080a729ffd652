"""Reads of the machine API about nodes: bounded pages in a constant number of queries."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Literal

from django.db.models import OuterRef, QuerySet, Subquery

from mythos.engines.evidence.row import to_wire
from mythos.errors import NotFoundError
from mythos.server.catalog.models import Node
from mythos.server.deployment.models import Rollout
from mythos.server.resilience import models
from mythos.server.resilience.queries import evidence_row, newest_readings
from mythos.server.resilience.standing_baselines import baseline_shown, baselines_at
from mythos.values.base import Count, Digest, Value
from mythos.values.evidence import EnvironmentName, NodeName, Row
from mythos.values.reading import Bounds, State


class NodeSummary(Value):
    """One host: its newest score, what it runs and what it was told to run.

    `state` and `score` are null until a first reading; `running` and `assigned` are empty where
    nothing is. `score.mid` null means unknown, never 0.
    """

    node: NodeName
    environment: EnvironmentName
    presence: Literal["heartbeat", "telemetry"]
    state: State | None = None
    reason: str = ""
    score: Bounds | None = None
    read_at: datetime | None = None
    running: Digest | Literal[""]
    assigned: Digest | Literal[""]
    halted: bool
    last_beat_at: datetime | None


class NodePage(Value):
    """Some nodes; `next` is the `after` of the page behind this one, null on the last."""

    items: tuple[NodeSummary, ...]
    next: int | None


class EvidencePage(Value):
    """Some merged evidence rows of one node; `next` as in a page of nodes."""

    items: tuple[Row, ...]
    next: int | None


class BaselineEnd(Value):
    """Who withdrew a baseline, when and why."""

    by: str
    at: datetime
    why: str


class BaselineItem(Value):
    """An accepted baseline; `node` is null where it is the whole environment's."""

    id: Count
    node: NodeName | None
    environment: EnvironmentName
    workflow: str
    since: datetime
    until: datetime
    runs: Count
    digest: Digest
    why: str
    by: str
    at: datetime
    withdrawn: BaselineEnd | None


class BaselineList(Value):
    """Accepted baselines, newest first, those that were withdrawn among them."""

    items: tuple[BaselineItem, ...]


def node_called(node_id: str) -> Node:
    """The node of that id, retired or not.

    Raises:
        NotFoundError: there is none.
    """
    node = Node.objects.filter(node_id=node_id).select_related("environment").first()
    if node is None:
        raise NotFoundError(
            f"there is no node {node_id!r}", remedy="ask /api/v1/nodes for those there are"
        )
    return node


def nodes(*, after: int, limit: int) -> NodePage:
    """Nodes that are not retired, in the order they enrolled."""
    found = list(_assigned(Node.objects.filter(retired_at=None, pk__gt=after))[: limit + 1])
    page = found[:limit]
    readings = newest_readings(node.node_id for node in page)
    return NodePage(
        items=tuple(_summary(node, readings.get(node.node_id)) for node in page),
        next=page[-1].pk if len(found) > limit else None,
    )


def evidence(node: Node, *, since: int, after: int, limit: int) -> EvidencePage:
    """Rows of a node whose cells start at `since` (Unix seconds) or later, in stored order."""
    rows = models.EvidenceRow.objects.filter(node_id=node.node_id, cell__gte=since, pk__gt=after)
    found = list(rows.order_by("pk")[: limit + 1])
    page = found[:limit]
    return EvidencePage(
        items=tuple(to_wire(evidence_row(stored)) for stored in page),
        next=page[-1].pk if len(found) > limit else None,
    )


def baselines(node: Node) -> BaselineList:
    """Baselines of a node and of its environment, newest first, at most 200."""
    shown = map(baseline_shown, baselines_at(node.node_id, node.environment.name)[:200])
    return BaselineList(
        items=tuple(
            BaselineItem(
                id=each.number,
                node=each.host or None,
                environment=each.environment,
                workflow=each.workflow,
                since=each.since,
                until=each.until,
                runs=each.runs,
                digest=each.digest,
                why=each.why,
                by=each.by,
                at=each.at,
                withdrawn=BaselineEnd.model_validate(asdict(each.withdrawn))
                if each.withdrawn
                else None,
            )
            for each in shown
        )
    )


def _assigned(nodes: QuerySet[Node]) -> QuerySet[Node]:
    newest = Rollout.objects.filter(environment=OuterRef("environment")).order_by("-sequence")
    return (
        nodes.select_related("environment")
        .order_by("pk")
        .annotate(
            assigned_digest=Subquery(newest.values("packet__digest")[:1]),
            assigned_state=Subquery(newest.values("state")[:1]),
        )
    )


def _summary(node: Node, reading: models.SymbolicResilienceMonitor | None) -> NodeSummary:
    told = vars(node)  # what `_assigned` annotated
    summary = {
        "node": node.node_id,
        "environment": node.environment.name,
        "presence": node.presence,
        "running": node.in_force.get("bundle", ""),
        "assigned": told["assigned_digest"] or "",
        "halted": told["assigned_state"] == Rollout.State.HALTED,
        "last_beat_at": node.last_beat_at,
    }
    return NodeSummary.model_validate(summary | _read(reading))


def _read(reading: models.SymbolicResilienceMonitor | None) -> dict[str, object]:
    if reading is None:
        return {}
    return {
        "state": reading.state,
        "reason": reading.reason,
        "score": Bounds(low=reading.low, mid=reading.mid, high=reading.high),
        "read_at": reading.as_of,
    }
