"""Reads of accepted baselines: those that stand at a host, and what is tested beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from django.db.models import Max

from mythos.engines.evidence.workflow import WorkflowSummary
from mythos.engines.resilience import baseline as engine
from mythos.server.catalog.models import Node
from mythos.server.resilience.models import AcceptedBaseline, SymbolicResilienceMonitor
from mythos.server.resilience.pages.drift_shown import BaselineShown

_EARLIER = 60


def standing(node: Node, workflows: Collection[str]) -> list[AcceptedBaseline]:
    """The baseline of each workflow that stands at a host: its own, else its environment's."""
    if not workflows:
        return []
    newest = (
        AcceptedBaseline.objects.filter(
            environment=node.environment.name,
            node_id__in=["", node.node_id],
            workflow__in=list(workflows),
        )
        .order_by()
        .values("workflow", "node_id")
        .annotate(newest=Max("id"))
        .values_list("newest", flat=True)
    )
    found = AcceptedBaseline.objects.filter(pk__in=list(newest)).order_by("node_id")
    by_workflow = {each.workflow: each for each in found}  # "" first, so a host's own stays
    return [by_workflow[workflow] for workflow in sorted(by_workflow)]


def for_engine(stored: Iterable[AcceptedBaseline]) -> tuple[engine.Baseline, ...]:
    """Baselines as the engines know them."""
    return tuple(
        engine.Baseline(
            id=str(each.pk),
            workflow=each.workflow,
            summary=WorkflowSummary.from_json(each.summary),
            until_s=each.until.astimezone(UTC).timestamp(),
            digest=each.digest,
            ways=each.ways,
        )
        for each in stored
    )


def tests_elsewhere(node: Node, *, since: datetime) -> tuple[float, ...]:
    """P of every test of drift in the newest readings of the other hosts of the environment."""
    newest = (
        SymbolicResilienceMonitor.objects.filter(
            environment=node.environment.name, as_of__gte=since
        )
        .exclude(node_id=node.node_id)
        .order_by()
        .values("node_id")
        .annotate(newest=Max("id"))
        .values("newest")
    )
    found = SymbolicResilienceMonitor.objects.filter(pk__in=newest).values_list(
        "reading__drift", flat=True
    )
    return tuple(
        table["p"] for drifts in found for drift in drifts or () for table in drift["tables"]
    )


def history(node_id: str, environment: str, workflows: Collection[str]) -> list[BaselineShown]:
    """The newest 60 baselines of some workflows at a host and in its environment, newest first."""
    found = AcceptedBaseline.objects.filter(
        environment=environment, node_id__in=["", node_id], workflow__in=list(workflows)
    ).defer("summary", "ways")
    return [baseline_shown(each) for each in found.order_by("-id")[:_EARLIER]]


def baseline_shown(stored: AcceptedBaseline) -> BaselineShown:
    """A baseline without its counts."""
    return BaselineShown(
        number=stored.pk,
        workflow=stored.workflow,
        environment=stored.environment,
        host=stored.node_id,
        since=stored.since,
        until=stored.until,
        runs=stored.runs,
        digest=stored.digest,
        why=stored.why,
        by=stored.made_by,
        at=stored.made_at,
    )
