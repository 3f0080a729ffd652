"""What the policy pages answer: reads, then pure functions, then one frozen value a page."""

from __future__ import annotations

from datetime import datetime

from django.core.cache import cache

from mythos.errors import NotFoundError
from mythos.server.documents import queries as documents
from mythos.server.documents.facts import HostFact
from mythos.server.documents.in_force import in_force_of
from mythos.server.documents.list_page import PER_PAGE
from mythos.server.documents.selection import SPANS, Selection
from mythos.server.policies import judging
from mythos.server.policies import page_queries as queries
from mythos.server.policies.marking import file_name
from mythos.server.policies.pages import listing, policy
from mythos.server.policies.pages.backtest import BacktestShown, backtest_of
from mythos.server.policies.pages.facts import POLICY_SETS, PolicyFact
from mythos.server.policies.pages.marks import mark_shown
from mythos.server.policies.pages.outcomes import by_rule, counts_of, runs_of
from mythos.server.policies.pages.rules import read, rules_shown
from mythos.server.policies.pages.selection import PolicySelection
from mythos.server.policies.pages.together import Group, groups_with
from mythos.server.policies.pages.versions import comparison_of, versions_of
from mythos.server.policies.proofs_shown import (
    coherence_numbers,
    coherence_shown,
    difference_shown,
)
from mythos.server.web.paging import pages_of, rows_on


def show_policies(selection: Selection, *, at: datetime) -> listing.PoliciesPage:
    """The list of policy sets."""
    hosts = documents.hosts(POLICY_SETS)
    rows = listing.rows_of(
        queries.policies(),
        hosts,
        documents.rollouts(POLICY_SETS),
        queries.tallies(at=at, span_s=SPANS[selection.span]),
        selection=selection,
        marks=queries.standing_marks(at=at),
        coherence=coherence_numbers(),
    )
    return listing.PoliciesPage(
        at=at,
        command=selection.command("/policies"),
        selection=selection,
        span=selection.span,
        spans=tuple(SPANS),
        rows=rows_on(rows, selection.page, limit=PER_PAGE),
        total=len(rows),
        enforced=sum(any(each.mode == "enforce" for each in row.in_force) for row in rows),
        shadowed=sum(any(each.mode == "shadow" for each in row.in_force) for row in rows),
        page=selection.page,
        pages=pages_of(len(rows), limit=PER_PAGE),
        first_step=listing.NO_POLICY_SET if all(row.packaged for row in rows) else None,
    )


def show_policy(
    digest: str, selection: PolicySelection, *, at: datetime, barred: str = ""
) -> policy.PolicyPage:
    """The page of one policy set; `barred` says why its reader may not act.

    Raises:
        NotFoundError: no policy set has that digest, none of its versions is the one to compare,
            or it has no rule of the name that was asked for.
    """
    here = queries.policy(digest)
    document = here.policy_set
    span_s = SPANS[selection.span]
    hosts = documents.hosts(POLICY_SETS)
    tallies = queries.tallies(at=at, span_s=span_s, digest=here.digest)
    rules = read(document.rules)
    versions = queries.versions(document.policy_set)
    other = _other(here, versions, selection.against)
    tools = document.covers.tools
    return policy.PolicyPage(
        at=at,
        command=selection.command(f"/policies/{here.digest}"),
        selection=selection,
        span=selection.span,
        spans=tuple(SPANS),
        name=document.policy_set,
        version=document.version,
        digest=here.digest,
        critical=document.critical,
        guard=not any(rule.permits for rule in rules),
        packaged=here.packaged,
        unreadable=here.unreadable,
        covers=(tools,) if isinstance(tools, str) else tools,
        bundles=here.bundles,
        known_since=here.known_since,
        counts=counts_of(each for each in tallies if each.mode == "enforce"),
        shadow=counts_of(each for each in tallies if each.mode == "shadow"),
        runs=runs_of(tallies).total,
        rules=rules_shown(rules, by_rule(tallies), page=selection.page, wanted=selection.rule),
        facts=tuple(policy.facts_of(here, [(rule.id, rule.use.facts) for rule in rules])),
        promises=policy.promises_of(here),
        in_force=in_force_of(here.digest, hosts, documents.rollouts(POLICY_SETS)),
        calls=policy.calls_of(queries.denied_calls(here.digest, at=at, span_s=span_s), here),
        versions=versions_of(
            here,
            versions,
            judging.hosts_by_set(hosts),
            against=other.digest if other else "",
        ),
        comparison=comparison_of(here, other) if other else None,
        coherence=coherence_shown(here, _beside(here, hosts), chosen=selection.beside),
        difference=difference_shown(here, other) if other else None,
        backtest=_backtest(here, other, at=at, span_s=span_s) if other else None,
        marks=tuple(mark_shown(each, at=at) for each in queries.marks_of(here.digest)),
        barred=barred,
        file=file_name(here, document.version),
        file_of_other=file_name(other, other.policy_set.version) if other else "",
    )


def _beside(here: PolicyFact, hosts: list[HostFact]) -> list[Group]:
    """The groups of sets in which this one judges."""
    return groups_with(here.digest, judging.groups(hosts))


def _backtest(here: PolicyFact, other: PolicyFact, *, at: datetime, span_s: int) -> BacktestShown:
    """What this version says of calls kept under either."""
    key = f"policies.backtest.{here.digest}.{other.digest}.{span_s}"
    found: BacktestShown | None = cache.get(key)
    if found is None:
        calls = queries.kept_calls([here.digest, other.digest], at=at, span_s=span_s)
        found = backtest_of(other, here, calls, queries.catalogue_for(here))
        cache.set(key, found, timeout=documents.KEPT_S)
    return found


def _other(here: PolicyFact, versions: list[PolicyFact], against: str) -> PolicyFact | None:
    """The version to compare with; None when none was asked for."""
    if not against:
        return None
    wanted = f"sha256:{against.removeprefix('sha256:')}"
    found = [each for each in versions if each.digest.startswith(wanted)]
    if len(found) != 1:
        raise NotFoundError(
            f"{here.policy_set.policy_set} has no version of digest {against[:80]!r}",
            remedy="choose one of the versions listed on its page",
        )
    return found[0]
