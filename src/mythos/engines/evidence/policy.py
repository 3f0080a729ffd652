"""Outcomes of one policy set: counts by rule, runs, and samples that show why.

Rows of kind `policy` and `shadow` carry it. Counts are added; a rule's severity is the loudest
that was seen; a run counts once, as violated before undecidable before clean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from pydantic import JsonValue

from mythos.engines.evidence.body import JsonObject, count, mapping, members, text
from mythos.engines.evidence.sample import Samples, severity_of
from mythos.values.outcome import Severity

_LOUDNESS = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
_OUTCOMES = ("upheld", "violated", "blocked", "undecidable")
_RUNS = ("clean", "violated", "undecidable")


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """Actions by outcome."""

    upheld: int = 0
    violated: int = 0
    blocked: int = 0
    undecidable: int = 0

    def __post_init__(self) -> None:
        for name in _OUTCOMES:
            count(getattr(self, name), where=f"outcome {name}")

    def __add__(self, other: Self) -> OutcomeCounts:
        """Merge two disjoint counts."""
        return OutcomeCounts(
            self.upheld + other.upheld,
            self.violated + other.violated,
            self.blocked + other.blocked,
            self.undecidable + other.undecidable,
        )

    def to_json(self) -> JsonObject:
        """Write the four counts."""
        return {name: getattr(self, name) for name in _OUTCOMES}

    @classmethod
    def from_json(cls, value: object) -> OutcomeCounts:
        """Read the four counts; EvidenceError where they are anything else."""
        found = members(value, _OUTCOMES, where="outcomes")
        return cls(*(count(found[name], where=f"outcome {name}") for name in _OUTCOMES))


@dataclass(frozen=True, slots=True)
class RunCounts:
    """Runs that held an action the set covers, each counted once."""

    clean: int = 0
    violated: int = 0
    undecidable: int = 0

    def __post_init__(self) -> None:
        for name in _RUNS:
            count(getattr(self, name), where=f"runs {name}")

    @property
    def total(self) -> int:
        """Every run counted."""
        return self.clean + self.violated + self.undecidable

    def __add__(self, other: Self) -> RunCounts:
        """Merge two disjoint counts."""
        return RunCounts(
            self.clean + other.clean,
            self.violated + other.violated,
            self.undecidable + other.undecidable,
        )

    def to_json(self) -> JsonObject:
        """Write the three counts."""
        return {name: getattr(self, name) for name in _RUNS}

    @classmethod
    def from_json(cls, value: object) -> RunCounts:
        """Read the three counts; EvidenceError where they are anything else."""
        found = members(value, _RUNS, where="runs")
        return cls(*(count(found[name], where=f"runs {name}") for name in _RUNS))


@dataclass(frozen=True, slots=True)
class PolicyBody:
    """What one policy set said of an agent's actions; severities default to warning."""

    rules: Mapping[str, OutcomeCounts] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)
    runs: RunCounts = RunCounts()
    samples: Samples = field(default_factory=Samples)

    @property
    def outcomes(self) -> OutcomeCounts:
        """Actions by outcome over all rules."""
        return sum(self.rules.values(), start=OutcomeCounts())

    def severity(self, rule: str) -> Severity:
        """How loud the rule is when it is broken."""
        return self.severities.get(rule, Severity.WARNING)

    def __add__(self, other: Self) -> PolicyBody:
        """Merge disjoint evidence."""
        rules = dict(self.rules)
        for rule, counts in other.rules.items():
            rules[rule] = rules[rule] + counts if rule in rules else counts
        severities = dict(self.severities)
        for rule, severity in other.severities.items():
            severities[rule] = louder(severities.get(rule, severity), severity)
        return PolicyBody(rules, severities, self.runs + other.runs, self.samples + other.samples)

    def to_json(self) -> JsonObject:
        """Write every member."""
        return {
            "rules": {rule: counts.to_json() for rule, counts in self.rules.items()},
            "severities": {rule: severity.value for rule, severity in self.severities.items()},
            "runs": self.runs.to_json(),
            "samples": self.samples.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> PolicyBody:
        """Read what `to_json` wrote; EvidenceError where it is anything else."""
        found = members(value, ("rules", "severities", "runs", "samples"), where="policy")
        rules = mapping(found["rules"], where="policy rules")
        severities = mapping(found["severities"], where="policy severities")
        return cls(
            {_rule(rule): OutcomeCounts.from_json(counts) for rule, counts in rules.items()},
            {
                _rule(rule): severity_of(severity, where="policy severity")
                for rule, severity in severities.items()
            },
            RunCounts.from_json(found["runs"]),
            Samples.from_json(found["samples"]),
        )


def louder(one: Severity, other: Severity) -> Severity:
    """Return the louder of two severities."""
    return max(one, other, key=_LOUDNESS.__getitem__)


def _rule(name: str) -> str:
    return text(name, where="policy rule", at_most=1_000)
