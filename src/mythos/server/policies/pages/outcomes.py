"""Outcomes of a policy set added up: over everything, by rule, and by where they happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from mythos.engines.evidence.policy import OutcomeCounts, RunCounts, louder
from mythos.server.documents.facts import Mode
from mythos.server.policies.pages.facts import Tally
from mythos.values.outcome import Severity


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls by outcome. What a shadow set said is never among what a set in force said."""

    violated: int = 0
    blocked: int = 0
    undecidable: int = 0
    upheld: int = 0

    @property
    def total(self) -> int:
        """Every call counted."""
        return self.violated + self.blocked + self.undecidable + self.upheld

    @property
    def denied(self) -> int:
        """Calls that broke a rule, made or stopped."""
        return self.violated + self.blocked


@dataclass(frozen=True, slots=True)
class Place:
    """What happened under one rule in one environment, and on how many hosts."""

    environment: str
    mode: Mode
    counts: Counts
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleOutcomes:
    """One rule's calls in one mode, how loud it was, and where."""

    counts: Counts
    severity: Severity
    places: tuple[Place, ...]


def counts_of(tallies: Iterable[Tally]) -> Counts:
    """Add up all calls."""
    return shown(
        sum((each for tally in tallies for each in tally.rules.values()), start=OutcomeCounts())
    )


def runs_of(tallies: Iterable[Tally]) -> RunCounts:
    """Add up runs: each counts once for each agent whose calls the set governs."""
    return sum((tally.runs for tally in tallies), start=RunCounts())


def by_rule(tallies: Iterable[Tally]) -> dict[str, RuleOutcomes]:
    """Outcomes by the rule they are counted under, each with the environments they fell in."""
    places: dict[str, dict[tuple[str, Mode], OutcomeCounts]] = defaultdict(dict)
    hosts: dict[tuple[str, str, Mode], set[str]] = defaultdict(set)
    severities: dict[str, Severity] = {}
    for tally in tallies:
        where = tally.environment, tally.mode
        for rule, counts in tally.rules.items():
            there = places[rule]
            there[where] = there.get(where, OutcomeCounts()) + counts
            hosts[rule, *where].add(tally.node_id)
            severity = tally.severities.get(rule, Severity.WARNING)
            severities[rule] = louder(severities.get(rule, severity), severity)
    return {
        rule: RuleOutcomes(
            counts=shown(sum(there.values(), start=OutcomeCounts())),
            severity=severities[rule],
            places=_places(rule, there, hosts),
        )
        for rule, there in places.items()
    }


def _places(
    rule: str,
    there: dict[tuple[str, Mode], OutcomeCounts],
    hosts: dict[tuple[str, str, Mode], set[str]],
) -> tuple[Place, ...]:
    found = [
        Place(environment, mode, shown(counts), tuple(sorted(hosts[rule, environment, mode])))
        for (environment, mode), counts in there.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.counts.denied, each.environment)))


def shown(counts: OutcomeCounts) -> Counts:
    """Counts as the pages write them, worst first."""
    return Counts(counts.violated, counts.blocked, counts.undecidable, counts.upheld)
