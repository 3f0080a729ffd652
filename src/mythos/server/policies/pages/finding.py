"""Findings of a proof as the page shows them: numbered, each with the call that Cedar confirmed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

# Proofs that were kept before obligations were named in them.
_GRAVITIES = ("error", "warning", "info")
_OBLIGATIONS = {"nullified": "decides", "override": "decides", "undecided": "decides"}


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
    """One finding, loudest first; `number` counts from 1.

    `rules` take part, the rule itself first; `obligation` is what it does not keep. `names` says of
    a nullified rule that violations are charged to it all the same.
    """

    number: int
    kind: str
    gravity: str
    obligation: str
    sentence: str
    rules: tuple[str, ...]
    promise: str
    call: CallProved | None
    names: bool = False

    @property
    def word(self) -> str:
        """What the finding is called on the page."""
        return "names only" if self.names else self.kind


def findings_of(result: Mapping[str, Any]) -> tuple[FindingShown, ...]:
    """All findings of a proof, in its order: errors first."""
    return tuple(
        FindingShown(
            number=number,
            kind=each["kind"],
            gravity=each["gravity"],
            obligation=_obligation(each),
            sentence=each["sentence"],
            rules=tuple(each["rules"]),
            promise=each["promise"],
            call=call_of(each["witness"]) if each["witness"] else None,
            names=bool(each.get("names")),
        )
        for number, each in enumerate(result["findings"], 1)
    )


def eased(
    findings: tuple[FindingShown, ...], shadowed: Collection[str]
) -> tuple[FindingShown, ...]:
    """Findings of sets of which some only watch: what those alone deny is a warning.

    Args:
        findings: of several sets, so that rules are named `set/rule`.
        shadowed: names of the sets in shadow.
    """
    names = ", ".join(sorted(shadowed))
    watched = [
        replace(
            each,
            gravity="warning",
            sentence=f"{each.sentence} ({names} watches in shadow here, so nothing is denied yet)",
        )
        if each.gravity == "error" and _is_denied_by(each.call, shadowed)
        else each
        for each in findings
    ]
    order = sorted(watched, key=lambda each: _GRAVITIES.index(each.gravity))
    return tuple(replace(each, number=number) for number, each in enumerate(order, 1))


def _is_denied_by(call: CallProved | None, sets: Collection[str]) -> bool:
    """Whether a call is denied, and by rules of these sets alone."""
    return (
        call is not None
        and bool(call.denied_by)
        and all(rule.partition("/")[0] in sets for rule in call.denied_by)
    )


def _obligation(finding: Mapping[str, Any]) -> str:
    named: str | None = finding.get("obligation")
    if named is None:
        named = "promise" if finding["promise"] else _OBLIGATIONS.get(finding["kind"], "evaluates")
    return named


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
