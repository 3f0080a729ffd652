"""Withdrawing a baseline: a row of its own, after which nothing is compared with it any more.

The newest baseline of its scope that was not withdrawn stands again; without one there is no
drift. What it raised ends with the next reading of each host: see `engines.resilience.carry`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from mythos.errors import ConflictError, NotFoundError
from mythos.server.actions.ledger import record
from mythos.server.catalog.models import Node
from mythos.server.resilience.baselines import checked_why
from mythos.server.resilience.models import AcceptedBaseline, BaselineWithdrawal
from mythos.server.resilience.queries import newest_readings
from mythos.server.resilience.readings import refresh

_RECENT = timedelta(days=1)


def baseline_of(number: int, *, workflow: str) -> AcceptedBaseline:
    """A baseline of a workflow.

    Raises:
        NotFoundError: there is none of that number.
    """
    found = AcceptedBaseline.objects.filter(pk=number, workflow=workflow)
    baseline = found.select_related("withdrawal").first()
    if baseline is None:
        raise NotFoundError(
            f"this workflow has no baseline {number}", remedy="choose one that its page lists"
        )
    return baseline


def withdraw(baseline: AcceptedBaseline, *, by: str, why: str, at: datetime) -> BaselineWithdrawal:
    """End a baseline, and read the host it is of anew; other hosts follow within seconds.

    Raises:
        ConflictError: it was withdrawn already.
        UsageError: no reason.
    """
    try:
        with transaction.atomic():
            made = BaselineWithdrawal.objects.create(
                baseline=baseline, why=checked_why(why), made_by=by, made_at=at
            )
            record("baseline.withdraw", f"baseline {baseline.pk}", by=by, at=at, why=made.why)
    except IntegrityError:
        raise ConflictError(
            f"baseline {baseline.pk} was withdrawn already", remedy="nothing is left to do"
        ) from None
    hosts = Node.objects.filter(node_id=baseline.node_id, retired_at=None)
    for name in hosts.values_list("node_id", flat=True):
        refresh(name, at=at)
    return made


def wake(*, at: datetime) -> list[str]:
    """Read hosts anew that were compared with a baseline withdrawn within a day.

    Returns:
        The hosts that were read.
    """
    recent = BaselineWithdrawal.objects.filter(made_at__lte=at, made_at__gt=at - _RECENT)
    numbers = {
        str(number): environment
        for number, environment in recent.values_list("baseline", "baseline__environment")
    }
    if not numbers:
        return []
    hosts = Node.objects.filter(retired_at=None, environment__name__in=set(numbers.values()))
    newest = newest_readings(hosts.values_list("node_id", flat=True))
    woken = [
        name
        for name, reading in newest.items()
        if any(drift["baseline"] in numbers for drift in reading.reading.get("drift", ()))
    ]
    for name in woken:
        refresh(name, at=at)
    return woken
