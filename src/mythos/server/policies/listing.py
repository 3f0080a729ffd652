"""Reads of the machine API about policy sets: the pages' own values in wire form, bounded."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field, JsonValue

from mythos.engines.policy.identity import canonical
from mythos.server.documents import queries as documents
from mythos.server.documents.selection import SPANS, Selection, Span
from mythos.server.policies import page_queries as queries
from mythos.server.policies.pages.facts import POLICY_SETS
from mythos.server.policies.pages.listing import PolicyRow, rows_of
from mythos.server.policies.pages.outcomes import Counts, by_rule
from mythos.server.policies.proofs_shown import coherence_numbers
from mythos.server.web.paging import page_after, rows_on
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
    outcomes: OutcomeTotals = Field(validation_alias="counts")
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
    return PolicyPage(
        items=tuple(map(_summary, rows_on(rows, page, limit=limit))),
        next=page_after(page, n=len(rows), limit=limit),
    )


def policy(digest: str, *, span: Span, at: datetime) -> PolicyDocument:
    """One policy set, whole.

    Raises:
        NotFoundError: none has that digest.
    """
    found = queries.policy(digest)
    row = next(row for row in _rows(span, at=at) if row.digest == found.digest)
    tallies = queries.tallies(at=at, span_s=SPANS[span], digest=found.digest)
    return PolicyDocument(
        **dict(_summary(row)),
        document=canonical(found.policy_set),
        by_rule=tuple(
            RuleOutcomes(rule=name, outcomes=_totals(each.counts))
            for name, each in sorted(by_rule(tallies).items())
        ),
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


def _summary(row: PolicyRow) -> PolicySummary:
    return PolicySummary.model_validate(row, from_attributes=True)


def _totals(counts: Counts) -> OutcomeTotals:
    return OutcomeTotals.model_validate(counts, from_attributes=True)
