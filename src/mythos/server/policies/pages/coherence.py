"""What a proof found, as the page shows it: findings with their calls, and the matrix of rules.

The matrix has a row for each `permit` and a column for each `forbid`. A cell says that a `forbid`
cuts what a `permit` allows (override), that one decides nothing because of the other (idle), or
that both speak of one tool; an empty cell, that no tool is common to them. Up to 30 rules all
are shown, beyond that those that a finding names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from mythos.engines.policy.rule import Rule

MAX_RULES, MAX_SIDE, MAX_FINDINGS, MAX_CALLS = 30, 20, 30, 8
Meeting = Literal["override", "idle", "meet", ""]
State = Literal["unasked", "wanted", "running", "done", "failed", "no_solver", "no_tools"]


@dataclass(frozen=True, slots=True)
class CallProved:
    """A call that Cedar confirmed: what is sent, and how it comes out."""

    tool: str
    agent: str
    parts: tuple[tuple[str, str], ...]
    allowed: bool
    denied_by: tuple[str, ...]
    permitted_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingShown:
    """One finding, loudest first."""

    kind: str
    gravity: str
    sentence: str
    rules: tuple[str, ...]
    promise: str
    call: CallProved | None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A `permit` against every `forbid` that is shown."""

    permit: str
    cells: tuple[tuple[str, Meeting], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Permits against forbids; `left_out` rules stand in no finding and are not shown."""

    forbids: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class CoherenceShown:
    """The coherence of one policy set by itself, or why it is not known."""

    state: State
    why: str
    asked_by: str
    at: datetime | None
    coherence: float | None = None
    obligations: int = 0
    tools: int = 0
    cpu_s: float = 0.0
    errors: int = 0
    warnings: int = 0
    overrides: int = 0
    findings: tuple[FindingShown, ...] = ()
    matrix: Matrix | None = None


@dataclass(frozen=True, slots=True)
class ChangeProved:
    """A call that two versions decide differently."""

    change: str
    was: CallProved
    now: CallProved


@dataclass(frozen=True, slots=True)
class DifferenceShown:
    """What a version allows and denies that another does not, over all calls; or why unknown."""

    state: State
    why: str
    asked_by: str
    at: datetime | None
    verdict: str = ""
    cpu_s: float = 0.0
    calls: tuple[ChangeProved, ...] = ()
    doubts: tuple[str, ...] = ()


def findings_of(result: Mapping[str, Any]) -> tuple[FindingShown, ...]:
    """All findings of a proof, in its order: errors first."""
    return tuple(
        FindingShown(
            kind=each["kind"],
            gravity=each["gravity"],
            sentence=each["sentence"],
            rules=tuple(each["rules"]),
            promise=each["promise"],
            call=call_of(each["witness"]) if each["witness"] else None,
        )
        for each in result["findings"]
    )


def call_of(witness: Mapping[str, Any]) -> CallProved:
    """A witness as rows of names and values."""
    request = dict(witness["request"])
    parts = []
    for group, shown in (("arguments", "input"), ("past", "past"), ("origins", "origin")):
        given = request.pop(group, {})
        parts += [(f"{shown}.{name}", orjson.dumps(v).decode()) for name, v in given.items()]
    tool, agent = request.pop("tool"), request.pop("agent", "agent")
    parts += [(name, orjson.dumps(value).decode()) for name, value in request.items()]
    return CallProved(
        tool=tool,
        agent=agent,
        parts=tuple(parts),
        allowed=witness["allowed"],
        denied_by=tuple(witness["denied_by"]),
        permitted_by=tuple(witness["permitted_by"]),
    )


def changes_of(result: Mapping[str, Any]) -> tuple[ChangeProved, ...]:
    """Calls that come out differently, loosened first."""
    found = [
        ChangeProved(each["change"], call_of(each["old"]), call_of(each["new"]))
        for each in result["calls"]
    ]
    return tuple(sorted(found, key=lambda each: each.change))


def matrix_of(rules: Sequence[Rule], findings: Sequence[FindingShown]) -> Matrix | None:
    """Permits against forbids; None for a set that has only one of the two."""
    permits = [rule for rule in rules if rule.permits]
    forbids = [rule for rule in rules if not rule.permits]
    if not permits or not forbids:
        return None
    if len(rules) > MAX_RULES:
        named = {rule for each in findings for rule in each.rules}
        permits = [rule for rule in permits if rule.id in named][:MAX_SIDE]
        forbids = [rule for rule in forbids if rule.id in named][:MAX_SIDE]
    rows = tuple(
        MatrixRow(each.id, tuple((other.id, _meeting(each, other, findings)) for other in forbids))
        for each in permits
    )
    left_out = len(rules) - len(permits) - len(forbids)
    return Matrix(tuple(each.id for each in forbids), rows, left_out)


def _meeting(permit: Rule, forbid: Rule, findings: Sequence[FindingShown]) -> Meeting:
    both = {permit.id, forbid.id}
    kinds = {each.kind for each in findings if both <= set(each.rules)}
    kinds |= {each.kind for each in findings if each.kind == "override" and _cuts(each, both)}
    if "nullified" in kinds:
        return "idle"
    if "override" in kinds:
        return "override"
    apart = permit.actions is not None and forbid.actions is not None
    return "" if apart and not (permit.actions or set()) & (forbid.actions or set()) else "meet"


def _cuts(finding: FindingShown, both: set[str]) -> bool:
    call = finding.call
    return call is not None and both <= {*call.denied_by, *call.permitted_by}
