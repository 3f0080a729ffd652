"""Versions of one policy set, and what lies between two of them: the text, rule by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mythos.server.deployment.pages.text import Line, differing_lines, text_of
from mythos.server.policies.pages.facts import PolicyFact
from mythos.server.policies.pages.rules import read

MAX_VERSIONS = 30


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of the same name, and on how many hosts it judges."""

    version: int
    digest: str
    known_since: datetime | None
    bundles: tuple[str, ...]
    hosts: int
    here: bool
    compared: bool


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that was added, removed or changed between two versions."""

    rule: str
    change: str
    effect: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """This version against another: changed rules by name, and the lines that differ."""

    version: int
    digest: str
    newer: bool
    rules: tuple[RuleChange, ...]
    facts: tuple[str, ...]
    lines: tuple[Line, ...]
    rest: tuple[Line, ...]

    @property
    def same(self) -> bool:
        """Whether nothing at all differs."""
        return not (self.lines or self.rest)


def versions_of(
    here: PolicyFact, versions: Sequence[PolicyFact], hosts: dict[str, int], *, against: str
) -> tuple[VersionRow, ...]:
    """Rows of all versions, newest version first."""
    ordered = sorted(versions, key=lambda each: (-each.policy_set.version, each.digest))
    return tuple(
        VersionRow(
            version=each.policy_set.version,
            digest=each.digest,
            known_since=each.known_since,
            bundles=each.bundles,
            hosts=hosts.get(each.digest, 0),
            here=each.digest == here.digest,
            compared=each.digest == against,
        )
        for each in ordered[:MAX_VERSIONS]
    )


def comparison_of(here: PolicyFact, other: PolicyFact) -> Comparison:
    """What this version changed against the other one."""
    before, after = other.policy_set, here.policy_set
    facts = {
        name
        for name in {*before.facts, *after.facts}
        if before.facts.get(name) != after.facts.get(name)
    }
    return Comparison(
        version=before.version,
        digest=other.digest,
        newer=after.version >= before.version,
        rules=_changes(other, here),
        facts=tuple(sorted(facts)),
        lines=differing_lines(before.rules, after.rules),
        rest=differing_lines(_rest(other), _rest(here)),
    )


def _rest(policy: PolicyFact) -> str:
    """The document without its rules, as YAML."""
    value = policy.policy_set.model_dump(mode="json", exclude_defaults=True)
    value.pop("rules", None)
    return text_of(value)


def _changes(before: PolicyFact, after: PolicyFact) -> tuple[RuleChange, ...]:
    old = {rule.id: rule for rule in read(before.policy_set.rules)}
    new = {rule.id: rule for rule in read(after.policy_set.rules)}
    found = [RuleChange(name, "added", new[name].effect) for name in new if name not in old]
    found += [
        RuleChange(name, "changed", new[name].effect)
        for name in new
        if name in old and old[name].text != new[name].text
    ]
    found += [RuleChange(name, "removed", old[name].effect) for name in old if name not in new]
    return tuple(found)
