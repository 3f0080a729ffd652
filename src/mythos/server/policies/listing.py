"""Reads of the machine API about policy sets: the pages' own values in wire form, bounded."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from mythos.engines.policy.identity import canonical
from mythos.server.documents import queries as documents
from mythos.server.documents.in_force import InForce
from mythos.server.documents.selection import SPANS, Selection, Span
from mythos.server.policies import page_queries as queries
from mythos.server.policies.pages.facts import POLICY_SETS
from mythos.server.policies.pages.listing import PolicyRow, rows_of
from mythos.server.policies.pages.outcomes import Counts, by_rule
from mythos.server.policies.proofs_shown import coherence_numbers
from mythos.values.base import Count, Digest, Share, Value, Version
from mythos.values.evidence import EnvironmentName


class OutcomeTotals(Value):
    """Calls by outcome in the window."""

    violated: Count
    blocked: Count
    undecidable: Count
    upheld: Count


class Place(Value):
    """An environment under a policy set; `hosts` 0: told to, and no host has said so yet."""

    environment: EnvironmentName
    mode: Literal["enforce", "shadow"]
    hosts: Count
    hosts_total: Count
    since: datetime | None


class PolicySummary(Value):
    """One version of a policy set: what it says, where it judges, what it found."""

    digest: Digest
    name: str
    version: Version
    critical: bool
    guard: bool
    rules: Count
    facts: Count
    promises: Count
    bundles: tuple[str, ...]
    known_since: datetime | None
    in_force: tuple[Place, ...]
    runs: Count
    benign_marks: Count
    coherence: Share | None
    outcomes: OutcomeTotals
    shadow: OutcomeTotals


class PolicyPage(Value):
    """Some policy sets, newest first; `next` is the `page` behind this one, null on the last."""

    items: tuple[PolicySummary, ...]
    next: int | None


class RuleOutcomes(Value):
    """Calls counted under one rule, in both modes together."""

    rule: str
    outcomes: OutcomeTotals


class PolicyDocument(PolicySummary):
    """A policy set with its document and the outcomes of each rule that decided anything."""

    document: dict[str, JsonValue]
    by_rule: tuple[RuleOutcomes, ...]


def policies(*, span: Span, page: int, limit: int, at: datetime) -> PolicyPage:
    """Policy sets, newest first, a page at a time."""
    rows = _rows(span, at=at)
    here = rows[(page - 1) * limit : page * limit]
    return PolicyPage(
        items=tuple(PolicySummary.model_validate(_summary(row)) for row in here),
        next=page + 1 if page * limit < len(rows) else None,
    )


def policy(digest: str, *, span: Span, at: datetime) -> PolicyDocument:
    """One policy set, whole.

    Raises:
        NotFoundError: none has that digest.
    """
    found = queries.policy(digest)
    row = next(row for row in _rows(span, at=at) if row.digest == found.digest)
    tallies = queries.tallies(at=at, span_s=SPANS[span], digest=found.digest)
    outcomes = by_rule(tallies)
    return PolicyDocument.model_validate(
        _summary(row)
        | {
            "document": canonical(found.policy_set),
            "by_rule": tuple(
                RuleOutcomes(rule=name, outcomes=_totals(each.counts))
                for name, each in sorted(outcomes.items())
            ),
        }
    )


def _rows(span: Span, *, at: datetime) -> list[PolicyRow]:
    return rows_of(
        queries.policies(),
        documents.hosts(POLICY_SETS),
        documents.rollouts(POLICY_SETS),
        queries.tallies(at=at, span_s=SPANS[span]),
        selection=Selection(span=span, order="newest"),
        marks=queries.standing_marks(at=at),
        coherence=coherence_numbers(),
    )


def _summary(row: PolicyRow) -> dict[str, object]:
    names = (
        "digest", "name", "version", "critical", "guard", "rules", "facts", "promises", "bundles",
        "known_since", "runs", "benign_marks",
        "coherence",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names} | {
        "in_force": tuple(map(_place, row.in_force)),
        "outcomes": _totals(row.counts),
        "shadow": _totals(row.shadow),
    }


def _place(each: InForce) -> Place:
    return Place(
        environment=each.environment,
        mode=each.mode,
        hosts=each.hosts,
        hosts_total=each.hosts_total,
        since=each.since,
    )


def _totals(counts: Counts) -> OutcomeTotals:
    return OutcomeTotals(
        violated=counts.violated,
        blocked=counts.blocked,
        undecidable=counts.undecidable,
        upheld=counts.upheld,
    )
