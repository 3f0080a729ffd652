"""Benign marks: an operator's word on one kind of call, kept append-only.

A mark is made on a call that the evidence still holds, so its values are those that were seen,
never those of a form. It silences, and never rewrites: see `engines.resilience.benign`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from pydantic import JsonValue

from mythos.engines.evidence.sample import Sample
from mythos.engines.judge.redaction import is_redacted
from mythos.errors import ConflictError, NotFoundError, UsageError
from mythos.server.actions.ledger import record
from mythos.server.catalog.models import Node
from mythos.server.resilience.models import BenignMark, BenignRevocation, EvidenceRow
from mythos.server.resilience.pages.why import LONGEST_WHY, MAX_DAYS, SHORTEST_WHY
from mythos.server.resilience.queries import newest_readings
from mythos.server.resilience.readings import refresh
from mythos.server.resilience.standing_marks import mark_of
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.outcome import Outcome

_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CallRef:
    """Where a call lies in the evidence: its host, policy set, start and span."""

    node_id: str
    policy_set: str
    at_s: int
    span_id: str


@dataclass(frozen=True, slots=True)
class MarkOrder:
    """What an operator asks for: a call, the names of the arguments that matter, why, how long."""

    call: CallRef
    arguments: tuple[str, ...]
    why: str
    days: int


def mark_benign(order: MarkOrder, *, by: str, at: datetime) -> BenignMark:
    """Put a mark on record and read its host anew.

    Raises:
        NotFoundError: the evidence does not hold this call any more.
        UsageError: no reason, too long a time, or a scope that is wider than the call.
    """
    environment, sample = _found(order.call)
    why = _why(order.why)
    if not 1 <= order.days <= MAX_DAYS:
        raise UsageError(
            f"{order.days} days is not between 1 and {MAX_DAYS}",
            remedy=f"mark it for at most {MAX_DAYS} days, or change the policy set for good",
        )
    with transaction.atomic():
        mark = BenignMark.objects.create(
            environment=environment,
            agent=sample.agent,
            policy_set=order.call.policy_set,
            rule=sample.rule,
            tool=sample.tool,
            arguments=_chosen(sample, order.arguments),
            node_id=order.call.node_id,
            sample=sample.to_json(),
            why=why,
            made_by=by,
            made_at=at,
            expires_at=at + timedelta(days=order.days),
        )
        record("mark.make", f"benign mark {mark.pk}", by=by, at=at, why=why, details=_logged(mark))
    refresh(order.call.node_id, at=at)
    return mark


def _logged(mark: BenignMark) -> dict[str, str]:
    """What a mark covers, as the log of operator actions keeps it."""
    return {
        "environment": mark.environment,
        "agent": mark.agent,
        "policy_set": mark.policy_set,
        "rule": mark.rule,
        "tool": mark.tool,
        "arguments": digest_of(canonical_bytes(mark.arguments)),
        "expires_at": mark.expires_at.isoformat(),
    }


def _found(ref: CallRef) -> tuple[str, Sample]:
    """The environment and the sample of a call that was made although denied."""
    rows = EvidenceRow.objects.filter(
        kind="policy",
        node_id=ref.node_id,
        subject=ref.policy_set,
        cell__lte=ref.at_s,
        cell__gt=ref.at_s - F("width_s"),
    ).values_list("environment", "body__samples__violating")
    for environment, kept in rows:
        for sample in map(Sample.from_json, kept):
            if sample.span_id == ref.span_id and sample.outcome is Outcome.VIOLATED:
                return environment, sample
    raise NotFoundError(
        f"no evidence of a violation by the call {ref.span_id[:40]!r} on {ref.node_id[:150]!r}",
        remedy="open the host's page again and mark a call that is listed there",
    )


def _why(given: str) -> str:
    why = " ".join(given.split())
    if SHORTEST_WHY <= len(why) <= LONGEST_WHY:
        return why
    raise UsageError(
        f"a reason of {len(why)} characters is not between {SHORTEST_WHY} and {LONGEST_WHY}",
        remedy="say in a sentence why the call was harmless: others will read it",
    )


def _chosen(sample: Sample, names: Sequence[str]) -> dict[str, JsonValue]:
    given = sample.arguments
    if given is None:
        raise UsageError(
            "the arguments of this call were not captured, so a mark could not tell it from others",
            remedy="switch on the capture of tool arguments on that host",
        )
    choosable = choosable_of(given)
    unknown = [name for name in names if name not in choosable]
    if unknown:
        raise UsageError(
            f"the call shows no argument {unknown[0][:100]!r}",
            remedy="choose among the arguments shown; one that is masked cannot be told apart",
        )
    if given and not names:
        raise UsageError(
            "a mark without any argument would excuse every call of this tool",
            remedy="choose at least one argument whose value matters",
        )
    return {name: given[name] for name in names}


def choosable_of(given: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Arguments whose value is known: not masked."""
    return tuple(name for name, value in given.items() if not is_redacted(value))


def revoke(mark_id: int, *, by: str, why: str, at: datetime) -> BenignRevocation:
    """End a mark before its day and read its host anew.

    Raises:
        NotFoundError: there is no such mark.
        ConflictError: it has ended already.
        UsageError: no reason.
    """
    mark = mark_of(mark_id)
    if mark.expires_at <= at:
        raise _ended(mark)
    try:
        with transaction.atomic():
            found = BenignRevocation.objects.create(
                mark=mark, why=_why(why), made_by=by, made_at=at
            )
            record("mark.revoke", f"benign mark {mark.pk}", by=by, at=at, why=found.why)
    except IntegrityError:
        raise _ended(mark) from None
    refresh(mark.node_id, at=at)
    return found


def _ended(mark: BenignMark) -> ConflictError:
    return ConflictError(
        f"benign mark {mark.pk} has ended already", remedy="nothing is left to do: its flag fires"
    )


def wake(*, at: datetime) -> list[str]:
    """Read hosts anew whose flags still rest on a mark that ended within a day.

    Returns:
        The hosts that were read.
    """
    ended = BenignMark.objects.filter(
        Q(expires_at__lte=at, expires_at__gt=at - _RECENT)
        | Q(revocation__made_at__lte=at, revocation__made_at__gt=at - _RECENT)
    )
    marks = {str(pk): environment for pk, environment in ended.values_list("pk", "environment")}
    if not marks:
        return []
    hosts = Node.objects.filter(retired_at=None, environment__name__in=set(marks.values()))
    newest = newest_readings(hosts.values_list("node_id", flat=True))
    woken = [
        name for name, reading in newest.items() if _rests_on(reading.symbolic_warning_flags, marks)
    ]
    for name in woken:
        refresh(name, at=at)
    return woken


def _rests_on(flags: Iterable[Mapping[str, JsonValue]], marks: Mapping[str, str]) -> bool:
    notes = [note for flag in flags for note in _notes(flag)]
    return any(note.get("mark") in marks for note in notes)


def _notes(flag: Mapping[str, JsonValue]) -> list[dict[str, JsonValue]]:
    found = flag.get("benign")
    return [note for note in found if isinstance(note, dict)] if isinstance(found, list) else []
