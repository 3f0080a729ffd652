"""Reads of the workflow pages: a constant number of queries, whatever the size of the fleet.

Sums are added up by the database; deviations in two steps, since most rows say the same: rows of
one host with equal deviations are counted there, and only the groups are read and multiplied.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.core.cache import cache
from django.db.models import Count, IntegerField, Max, QuerySet, Sum
from django.db.models.fields.json import KT, KeyTransform
from django.db.models.functions import Cast

from mythos.engines.evidence.sample import Sample
from mythos.errors import MythosError
from mythos.server.catalog.models import EncodedRitualBlueprint, Node
from mythos.server.documents.facts import Holders
from mythos.server.documents.queries import KEPT_S, holders, only, window
from mythos.server.resilience.models import (
    AcceptedBaseline,
    EvidenceRow,
    SymbolicResilienceMonitor,
)
from mythos.server.resilience.pages.drift_shown import BaselineShown
from mythos.server.resilience.standing_baselines import baseline_shown
from mythos.server.workflows.pages.facts import (
    WORKFLOWS,
    DriftFact,
    Followed,
    RunFact,
    WorkflowFact,
)
from mythos.values.drift import WorkflowDrift
from mythos.values.workflow import workflow_of

MAX_SAMPLE_ROWS = 150
MAX_BASELINES = 500
_KINDS = ("workflow",)
_SUMS = ("runs", "fitting", "open", "inexact", "cost_sum", "denom_sum")


def workflows() -> list[WorkflowFact]:
    """Every workflow that is known."""
    return _stored(EncodedRitualBlueprint.objects.all())


def workflow(digest: str) -> WorkflowFact:
    """One workflow by its digest or the start of it.

    Raises:
        NotFoundError: none, or more than one, begins so.
    """
    return only(WORKFLOWS, digest, _beginning)


def _beginning(start: str) -> list[WorkflowFact]:
    return _stored(EncodedRitualBlueprint.objects.filter(digest__startswith=start)[:2])


def versions(name: str) -> list[WorkflowFact]:
    """Every version of a workflow's name."""
    return _stored(EncodedRitualBlueprint.objects.filter(name=name))


def _stored(rows: QuerySet[EncodedRitualBlueprint]) -> list[WorkflowFact]:
    found = list(rows)
    held = holders(WORKFLOWS, (each.pk for each in found))
    return [_fact(each, held.get(each.pk, Holders())) for each in found]


def _fact(stored: EncodedRitualBlueprint, held: Holders) -> WorkflowFact:
    document, unreadable = None, ""
    try:
        document = workflow_of(stored.encoded_steps, source=str(stored))
    except MythosError as error:
        unreadable = str(error)
    return WorkflowFact(
        digest=stored.digest,
        name=stored.name,
        version=stored.version,
        document=stored.encoded_steps,
        workflow=document,
        unreadable=unreadable,
        bundles=held.names,
        known_since=held.since,
    )


def followed(*, at: datetime, span_s: int, digest: str = "") -> list[Followed]:
    """Sums of runs in the window by workflow and host; counted at most twice a minute.

    Args:
        at: the end of the window.
        span_s: its length.
        digest: one workflow, then with its deviations; all of them when empty, then without.
    """
    key = f"workflows.followed.{digest}.{span_s}"
    found: list[Followed] | None = cache.get(key)
    if found is None:
        rows = window(_KINDS, at=at, span_s=span_s)
        strays = _deviations(rows.filter(subject=digest)) if digest else {}
        found = _followed(rows.filter(subject=digest) if digest else rows, strays)
        cache.set(key, found, timeout=KEPT_S)
    return found


def _followed(
    rows: QuerySet[EvidenceRow], strays: Mapping[tuple[str, str], Mapping[str, int]]
) -> list[Followed]:
    sums = {name: Sum(Cast(KT(f"body__summary__{name}"), IntegerField())) for name in _SUMS}
    grouped = rows.values("subject", "environment", "node_id").annotate(**sums)
    return [
        Followed(
            digest=subject,
            environment=environment,
            node_id=node_id,
            runs=runs,
            fitting=fitting,
            open=opened,
            inexact=inexact,
            cost=cost,
            worst_cost=worst,
            deviations=strays.get((node_id, environment), {}),
        )
        for subject, environment, node_id, runs, fitting, opened, inexact, cost, worst in (
            grouped.values_list("subject", "environment", "node_id", *_SUMS)
        )
    ]


def _deviations(rows: QuerySet[EvidenceRow]) -> dict[tuple[str, str], Counter[str]]:
    grouped = (
        rows.annotate(strays=KeyTransform("dev_runs", KeyTransform("summary", "body")))
        .values("node_id", "environment", "strays")
        .annotate(n=Count("pk"))
    )
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in grouped.iterator():
        for name, runs in row["strays"].items():
            found[row["node_id"], row["environment"]][name] += runs * row["n"]
    return found


def strayed_runs(digest: str, *, at: datetime, span_s: int) -> list[RunFact]:
    """Kept runs that strayed, from the newest rows that hold any."""
    rows = (
        window(_KINDS, at=at, span_s=span_s)
        .filter(subject=digest, body__summary__cost_sum__gt=0)
        .order_by("-cell", "-pk")
        .values_list("node_id", "environment", "body__samples__violating")
    )
    return [
        RunFact(node_id, environment, Sample.from_json(sample))
        for node_id, environment, kept in rows[:MAX_SAMPLE_ROWS]
        for sample in kept
    ]


def drifts() -> list[DriftFact]:
    """What the newest reading of each host says of its workflows; read at most twice a minute."""
    found: list[DriftFact] | None = cache.get("workflows.drifts")
    if found is None:
        nodes = Node.objects.filter(retired_at=None)
        newest = (
            SymbolicResilienceMonitor.objects.filter(node_id__in=nodes.values("node_id"))
            .order_by()
            .values("node_id")
            .annotate(newest=Max("id"))
            .values("newest")
        )
        rows = SymbolicResilienceMonitor.objects.filter(pk__in=newest)
        found = [
            DriftFact(node_id, environment, WorkflowDrift.model_validate(each))
            for node_id, environment, said in rows.values_list(
                "node_id", "environment", "reading__drift"
            )
            for each in said or ()
        ]
        cache.set("workflows.drifts", found, timeout=KEPT_S)
    return found


def baseline_counts() -> dict[str, int]:
    """How many baselines of each workflow were accepted and not withdrawn."""
    valid = AcceptedBaseline.objects.filter(withdrawal=None)
    rows = valid.order_by().values("workflow").annotate(n=Count("pk"))
    return dict(rows.values_list("workflow", "n"))


def baselines(digest: str) -> list[BaselineShown]:
    """The newest 500 baselines of a workflow, newest first; withdrawn ones say so."""
    found = AcceptedBaseline.objects.filter(workflow=digest).defer("summary", "ways")
    found = found.select_related("withdrawal").order_by("-id")
    return [baseline_shown(each) for each in found[:MAX_BASELINES]]
