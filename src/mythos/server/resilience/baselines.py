"""Accepted baselines: an operator's word on how a workflow is run, kept append-only.

What is accepted is evidence that the control plane holds, chosen by a stretch of time; never
numbers of a form. A new version of a workflow has another digest and starts without a baseline.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from django.db import transaction
from django.db.models import F

from mythos.engines.conformance.drift import finished
from mythos.engines.evidence import row
from mythos.engines.resilience import baseline as engine
from mythos.errors import NotFoundError, UsageError
from mythos.server.actions.ledger import record
from mythos.server.catalog.models import Node
from mythos.server.resilience.models import AcceptedBaseline, EvidenceRow
from mythos.server.resilience.pages.drift_shown import LEAST_RUNS
from mythos.server.resilience.pages.why import LONGEST_WHY, SHORTEST_WHY
from mythos.server.resilience.queries import evidence_row
from mythos.server.resilience.readings import refresh
from mythos.values.digest import canonical_bytes, digest_of

MAX_WAYS = 64
Scope: TypeAlias = Literal["host", "environment"]


@dataclass(frozen=True, slots=True)
class BaselineOrder:
    """What an operator asks for: whose runs of which workflow, from when to when, and why."""

    node_id: str
    workflow: str
    scope: Scope
    since: datetime
    until: datetime
    why: str


def accept(order: BaselineOrder, *, by: str, at: datetime) -> AcceptedBaseline:
    """Put a baseline on record and read its host anew.

    Raises:
        NotFoundError: no such host.
        UsageError: no reason, a stretch that ends before it begins or in the future, or fewer than
            20 finished runs in it.
    """
    node = Node.objects.filter(node_id=order.node_id, retired_at=None).first()
    if node is None:
        raise NotFoundError(
            f"no host is called {order.node_id[:150]!r}",
            remedy="choose one of the fleet page; retired hosts leave it",
        )
    why = checked_why(order.why)
    _check_stretch(order, at=at)
    environment, host = node.environment.name, node.node_id if order.scope == "host" else ""
    rows = _rows(order, environment, host)
    summary = engine.pooled(rows)
    runs = finished(summary)
    if runs < LEAST_RUNS:
        raise UsageError(
            f"{runs} finished runs of this workflow from {order.since:%Y-%m-%d %H:%M} to"
            f" {order.until:%Y-%m-%d %H:%M} are too few for a baseline",
            remedy=f"choose a longer stretch with at least {LEAST_RUNS} finished runs, or accept"
            " the runs of the whole environment",
        )
    body = summary.to_json()
    ways = engine.ways_of(engine.kept_in(rows))
    with transaction.atomic():
        made = AcceptedBaseline.objects.create(
            environment=environment,
            node_id=host,
            workflow=order.workflow,
            since=order.since,
            until=order.until,
            runs=runs,
            summary=body,
            ways={key: list(ways[key]) for key in sorted(ways)[:MAX_WAYS]},
            digest=digest_of(canonical_bytes(body)),
            why=why,
            made_by=by,
            made_at=at,
        )
        record(
            "baseline.accept", f"baseline {made.pk}", by=by, at=at, why=why, details=_logged(made)
        )
    refresh(node.node_id, at=at)
    return made


def _logged(made: AcceptedBaseline) -> dict[str, str]:
    """What a baseline is of, as the log of operator actions keeps it."""
    return {
        "environment": made.environment,
        "host": made.node_id,
        "workflow": made.workflow,
        "since": made.since.isoformat(),
        "until": made.until.isoformat(),
        "summary": made.digest,
    }


def checked_why(given: str) -> str:
    """A reason, its white space made plain.

    Raises:
        UsageError: it is too short or too long.
    """
    why = " ".join(given.split())
    if SHORTEST_WHY <= len(why) <= LONGEST_WHY:
        return why
    raise UsageError(
        f"a reason of {len(why)} characters is not between {SHORTEST_WHY} and {LONGEST_WHY}",
        remedy="say in a sentence why the runs are as they should be, or why not: others will"
        " read it",
    )


def _check_stretch(order: BaselineOrder, *, at: datetime) -> None:
    if order.since < order.until <= at:
        return
    raise UsageError(
        f"{order.since:%Y-%m-%d %H:%M} to {order.until:%Y-%m-%d %H:%M} is no stretch of the past",
        remedy="choose a beginning before the end, and an end that is not in the future (UTC)",
    )


def _rows(order: BaselineOrder, environment: str, host: str) -> list[row.EvidenceRow]:
    """The workflow evidence of cells that lie wholly in the stretch."""
    rows = EvidenceRow.objects.filter(
        kind="workflow",
        environment=environment,
        subject=order.workflow,
        cell__gte=order.since.timestamp(),
        cell__lte=order.until.timestamp() - F("width_s"),
        **({"node_id": host} if host else {}),
    )
    return [evidence_row(each) for each in rows]
