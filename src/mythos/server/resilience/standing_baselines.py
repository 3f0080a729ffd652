"""Reads of accepted baselines: those that stand at a host, and what is tested beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from django.core.cache import cache
from django.db.models import Max, QuerySet

from mythos.engines.evidence.workflow import WorkflowSummary
from mythos.engines.resilience import baseline as engine
from mythos.server.catalog.models import Node
from mythos.server.resilience.models import (
    AcceptedBaseline,
    BaselineWithdrawal,
    SymbolicResilienceMonitor,
)
from mythos.server.resilience.pages.drift_shown import BaselineShown, Withdrawn

_EARLIER = 60
_TESTS = "resilience.drift_tests"


def standing(node: Node, workflows: Collection[str]) -> list[AcceptedBaseline]:
    """The baseline of each workflow that stands at a host: its own, else its environment's."""
    if not workflows:
        return []
    newest = (
        AcceptedBaseline.objects.filter(
            environment=node.environment.name,
            node_id__in=["", node.node_id],
            workflow__in=list(workflows),
            withdrawal=None,
        )
        .order_by()
        .values("workflow", "node_id")
        .annotate(newest=Max("id"))
        .values_list("newest", flat=True)
    )
    found = AcceptedBaseline.objects.filter(pk__in=list(newest)).order_by("node_id")
    by_workflow = {each.workflow: each for each in found}  # "" first, so a host's own stays
    return [by_workflow[workflow] for workflow in sorted(by_workflow)]


def withdrawn_in(environment: str) -> frozenset[str]:
    """Numbers of the baselines of an environment that were withdrawn."""
    found = BaselineWithdrawal.objects.filter(baseline__environment=environment)
    return frozenset(str(number) for number in found.values_list("baseline", flat=True))


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
    """The p of every test of drift in the newest readings of the other hosts of the environment.

    Read at most once a minute by each process: all hosts of an environment may have a baseline, and
    each would read all others.
    """
    key = f"{_TESTS}.{node.environment_id}"
    found: dict[str, list[float]] | None = cache.get(key)
    if found is None:
        found = _tests_in(node.environment.name, since=since)
        cache.set(key, found, timeout=60)
    return tuple(p for name, tests in found.items() if name != node.node_id for p in tests)


def _tests_in(environment: str, *, since: datetime) -> dict[str, list[float]]:
    hosts = Node.objects.filter(environment__name=environment, retired_at=None)
    newest = (
        SymbolicResilienceMonitor.objects.filter(node_id__in=hosts.values("node_id"))
        .order_by()
        .values("node_id")
        .annotate(newest=Max("id"))
        .values("newest")
    )
    rows = SymbolicResilienceMonitor.objects.filter(pk__in=newest, as_of__gte=since)
    return {
        name: [table["p"] for drift in drifts or () for table in drift["tables"]]
        for name, drifts in rows.values_list("node_id", "reading__drift")
    }


def history(node_id: str, environment: str, workflows: Collection[str]) -> list[BaselineShown]:
    """The newest 60 baselines of some workflows at a host and in its environment, newest first."""
    found = baselines_at(node_id, environment).filter(workflow__in=list(workflows))
    return [baseline_shown(each) for each in found[:_EARLIER]]


def baselines_at(node_id: str, environment: str) -> QuerySet[AcceptedBaseline]:
    """Baselines of a host and of its environment without their counts, newest first."""
    found = AcceptedBaseline.objects.filter(
        environment=environment, node_id__in=["", node_id]
    ).defer("summary", "ways")
    return found.select_related("withdrawal").order_by("-id")


def baseline_shown(stored: AcceptedBaseline) -> BaselineShown:
    """A baseline without its counts."""
    ended: BaselineWithdrawal | None = getattr(stored, "withdrawal", None)
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
        withdrawn=Withdrawn(ended.made_by, ended.made_at, ended.why) if ended else None,
    )
