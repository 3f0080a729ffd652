"""Reads of the policy pages: a constant number of queries, whatever the size of the fleet.

Outcomes are added up in two steps. The database groups rows that say the same, which most do (one
call upheld, in one minute, under one rule); only the groups are read and multiplied.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db.models import Count, QuerySet
from django.db.models.fields.json import KeyTransform
from pydantic import ValidationError

from mythos.adapters.baseline import baseline_digest, baseline_policy_set
from mythos.engines.evidence.policy import OutcomeCounts, RunCounts, louder
from mythos.engines.evidence.sample import Sample
from mythos.engines.policy.check import covers
from mythos.server.catalog.models import SwarmCodex
from mythos.server.deployment.models import MythOSDeploymentPacket
from mythos.server.documents.facts import Holders, Mode
from mythos.server.documents.queries import KEPT_S, holders, only, window
from mythos.server.policies.pages.facts import POLICY_SETS, CallFact, PolicyFact, Tally
from mythos.server.resilience.models import BenignMark
from mythos.server.resilience.standing_marks import standing
from mythos.values.outcome import Severity
from mythos.values.policy import PolicySet
from mythos.values.tools import ToolCatalogue

MAX_SAMPLE_ROWS = 60
MAX_MARKS = 50
MAX_KEPT_ROWS = 150
_MODES: dict[str, Mode] = {"policy": "enforce", "shadow": "shadow"}
_KINDS = tuple(_MODES)


def policies() -> list[PolicyFact]:
    """Every policy set that is known, and the baseline that ships with MythOS."""
    return [*_stored(SwarmCodex.objects.all()), *_packaged()]


def policy(digest: str) -> PolicyFact:
    """One policy set by its digest or the start of it.

    Raises:
        NotFoundError: none, or more than one, begins so.
    """
    return only(POLICY_SETS, digest, _beginning)


def _beginning(start: str) -> list[PolicyFact]:
    found = _stored(SwarmCodex.objects.filter(digest__startswith=start)[:2])
    return found + [each for each in _packaged() if each.digest.startswith(start)]


def versions(name: str) -> list[PolicyFact]:
    """Every version of a policy set's name."""
    found = _stored(SwarmCodex.objects.filter(title=name))
    return found + [each for each in _packaged() if each.policy_set.policy_set == name]


def policies_by_digest(digests: Collection[str]) -> dict[str, PolicyFact]:
    """Policy sets by digest, those that are known."""
    found = _stored(SwarmCodex.objects.filter(digest__in=digests))
    found += [each for each in _packaged() if each.digest in digests]
    return {each.digest: each for each in found}


def _packaged() -> list[PolicyFact]:
    """The baseline, unless a bundle brought the same one."""
    if SwarmCodex.objects.filter(digest=baseline_digest()).exists():
        return []
    return [PolicyFact(baseline_digest(), baseline_policy_set(), packaged=True)]


def _stored(rows: QuerySet[SwarmCodex]) -> list[PolicyFact]:
    found = list(rows)
    held = holders(POLICY_SETS, (each.pk for each in found))
    return [_fact(each, held.get(each.pk, Holders())) for each in found]


def _fact(stored: SwarmCodex, held: Holders) -> PolicyFact:
    document, unreadable = _document(stored)
    return PolicyFact(
        digest=stored.digest,
        policy_set=document,
        bundles=held.names,
        known_since=held.since,
        packaged=stored.digest == baseline_digest(),
        unreadable=unreadable,
    )


def _document(stored: SwarmCodex) -> tuple[PolicySet, str]:
    """The document, or its rules alone and why the rest of it cannot be read."""
    try:
        return PolicySet.model_validate(stored.document), ""
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        rules = str(stored.document.get("rules", ""))
        bare = PolicySet.model_construct(
            policy_set=stored.title, version=stored.version, rules=rules
        )
        return bare, f"{where}: {first['msg']}"


def tallies(*, at: datetime, span_s: int, digest: str = "") -> list[Tally]:
    """Outcomes in the window by set, mode, host and agent; counted at most twice a minute.

    Args:
        at: the end of the window.
        span_s: its length.
        digest: one policy set; all of them when empty.
    """
    key = f"policies.tallies.{digest}.{span_s}"
    found: list[Tally] | None = cache.get(key)
    if found is None:
        found = _tallies(at=at, span_s=span_s, digest=digest)
        cache.set(key, found, timeout=KEPT_S)
    return found


def _tallies(*, at: datetime, span_s: int, digest: str) -> list[Tally]:
    wanted = {"subject": digest} if digest else {}
    rows = (
        window(_KINDS, at=at, span_s=span_s)
        .filter(**wanted)
        .annotate(
            rules=KeyTransform("rules", "body"),
            severities=KeyTransform("severities", "body"),
            runs=KeyTransform("runs", "body"),
        )
        .values("subject", "kind", "environment", "node_id", "agent", "rules", "severities", "runs")
        .annotate(n=Count("pk"))
    )
    found: dict[tuple[str, ...], Tally] = {}
    for row in rows.iterator():
        key = tuple(row[name] for name in ("subject", "kind", "environment", "node_id", "agent"))
        found[key] = _added(found.get(key) or _empty(key), row)
    return list(found.values())


def _empty(key: tuple[str, ...]) -> Tally:
    subject, kind, environment, node_id, agent = key
    return Tally(subject, _MODES[kind], environment, node_id, agent)


def _added(tally: Tally, row: Mapping[str, Any]) -> Tally:
    """A tally with `n` equal rows more."""
    rules, severities, n = dict(tally.rules), dict(tally.severities), row["n"]
    for rule, counts in row["rules"].items():
        rules[rule] = rules.get(rule, OutcomeCounts()) + OutcomeCounts(**_times(counts, n))
    for rule, name in row["severities"].items():
        severity = Severity(name)
        severities[rule] = louder(severities.get(rule, severity), severity)
    runs = tally.runs + RunCounts(**_times(row["runs"], n))
    return Tally(
        tally.digest, tally.mode, tally.environment, tally.node_id, tally.agent,
        rules, severities, runs,
    )  # fmt: skip


def _times(counts: Mapping[str, int], n: int) -> dict[str, int]:
    return {name: value * n for name, value in counts.items()}


def denied_calls(digest: str, *, at: datetime, span_s: int) -> list[CallFact]:
    """Kept calls that a policy set denied, from the newest rows that hold any."""
    rows = (
        window(_KINDS, at=at, span_s=span_s)
        .filter(subject=digest, body__runs__violated__gt=0)
        .order_by("-cell", "-pk")
        .values_list("node_id", "environment", "kind", "body__samples__violating")
    )
    return [
        CallFact(node_id, environment, _MODES[kind], Sample.from_json(sample))
        for node_id, environment, kind, kept in rows[:MAX_SAMPLE_ROWS]
        for sample in kept
    ]


def marks_of(digest: str) -> list[BenignMark]:
    """The newest 50 benign marks on a policy set, newest first."""
    found = BenignMark.objects.filter(policy_set=digest).select_related("revocation")
    return list(found[:MAX_MARKS])


def standing_marks(*, at: datetime) -> dict[str, int]:
    """How many benign marks stand on each policy set."""
    rows = standing(at=at).order_by().values("policy_set").annotate(n=Count("pk"))
    return dict(rows.values_list("policy_set", "n"))


def kept_calls(digests: Collection[str], *, at: datetime, span_s: int) -> list[CallFact]:
    """Every kind of kept call under some versions, from the newest rows."""
    rows = (
        window(_KINDS, at=at, span_s=span_s)
        .filter(subject__in=digests)
        .order_by("-cell", "-pk")
        .values_list("node_id", "environment", "kind", "body__samples", "subject")
    )
    return [
        CallFact(node_id, environment, _MODES[kind], Sample.from_json(sample), subject)
        for node_id, environment, kind, kept, subject in rows[:MAX_KEPT_ROWS]
        for sample in (*kept["violating"], *kept["clean"])
    ]


def catalogue_for(policy: PolicyFact) -> ToolCatalogue | None:
    """A tool catalogue of the newest bundle that holds the set, which it covers; None if none."""
    newest = MythOSDeploymentPacket.objects.filter(bundled_codices__digest=policy.digest).first()
    stored = newest.tool_catalogues.order_by("digest") if newest else ()
    known = (ToolCatalogue.model_validate(each.document) for each in stored)
    return next((each for each in known if covers(policy.policy_set, each)), None)
