"""The list of policy sets as one value: what each is, where it judges, what it found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mythos.server.documents.facts import HostFact, RolloutFact
from mythos.server.documents.in_force import InForce, in_force_of
from mythos.server.documents.list_page import DocumentShown, FirstStep, ListPage, in_order
from mythos.server.documents.selection import Selection
from mythos.server.policies.pages.facts import PolicyFact, Tally
from mythos.server.policies.pages.outcomes import Counts, counts_of, runs_of
from mythos.server.policies.pages.rules import read


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow(DocumentShown):
    """One version of a policy set. `shadow` are calls it would have denied where it shadows."""

    guard: bool
    packaged: bool
    rules: int
    facts: int
    promises: int
    covers: tuple[str, ...]
    runs: int
    counts: Counts
    shadow: Counts
    benign_marks: int
    coherence: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoliciesPage(ListPage[PolicyRow]):
    """`/policies`."""

    enforced: int
    shadowed: int


NO_POLICY_SET = FirstStep(
    "No policy set of your own yet",
    "A policy set comes with a bundle: it says which tools an agent may call, on what conditions, "
    "and what must have happened before. Build the example or your own; signing it shows its "
    "policy sets here. The baseline below ships with MythOS and judges in shadow on every host.",
    ("mythos bundle build examples/retail-care --out layout", "mythos trust sign layout"),
)


def rows_of(
    policies: Sequence[PolicyFact],
    hosts: Sequence[HostFact],
    rollouts: Sequence[RolloutFact],
    tallies: Sequence[Tally],
    *,
    selection: Selection,
    marks: Mapping[str, int],
    coherence: Mapping[str, float],
) -> list[PolicyRow]:
    """All rows in the order that was asked for."""
    by_digest: dict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        by_digest[tally.digest].append(tally)
    rows = [
        _row(
            each,
            in_force=in_force_of(each.digest, hosts, rollouts),
            tallies=by_digest[each.digest],
            marks=marks.get(each.digest, 0),
            coherence=coherence.get(each.digest),
        )
        for each in policies
    ]
    return in_order(rows, selection, badness=_badness)


def _row(
    policy: PolicyFact,
    *,
    in_force: tuple[InForce, ...],
    tallies: Sequence[Tally],
    marks: int,
    coherence: float | None,
) -> PolicyRow:
    document = policy.policy_set
    rules = read(document.rules)
    tools = document.covers.tools
    enforced = [tally for tally in tallies if tally.mode == "enforce"]
    return PolicyRow(
        name=document.policy_set,
        version=document.version,
        digest=policy.digest,
        critical=document.critical,
        guard=not any(rule.permits for rule in rules),
        packaged=policy.packaged,
        unreadable=policy.unreadable,
        rules=len(rules),
        facts=len(document.facts),
        promises=len(document.expect),
        covers=(tools,) if isinstance(tools, str) else tools,
        bundles=policy.bundles,
        known_since=policy.known_since,
        in_force=in_force,
        runs=runs_of(tallies).total,
        counts=counts_of(enforced),
        shadow=counts_of(tally for tally in tallies if tally.mode == "shadow"),
        benign_marks=marks,
        coherence=coherence,
    )


def _badness(row: PolicyRow) -> tuple[int, ...]:
    """Violations first, then what was stopped or not decidable, then what is in force at all."""
    return (
        -row.counts.violated,
        -row.counts.blocked,
        -row.counts.undecidable,
        -row.shadow.violated,
        -row.in_force_hosts,
    )
