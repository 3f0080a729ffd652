"""What proofs found, as the page shows it: of one set, of several together, of a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from mythos.server.policies.pages.finding import CallProved, FindingShown, call_of
from mythos.server.policies.pages.matrix import Matrix
from mythos.server.policies.pages.suggestion import SuggestionShown

State = Literal["unasked", "wanted", "running", "done", "failed", "no_solver", "no_tools"]


@dataclass(frozen=True, slots=True)
class MemberShown:
    """A policy set that judges beside others."""

    name: str
    version: int
    digest: str
    shadow: bool


@dataclass(frozen=True, slots=True)
class TogetherShown:
    """Policy sets that judge the same agents on some hosts, and what is known of them together.

    The first of a list is the set of the page alone; its `key` is empty.
    """

    key: str
    members: tuple[MemberShown, ...]
    agents: tuple[str, ...]
    hosts: int
    state: State
    coherence: float | None
    errors: int
    warnings: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class CoherenceShown:
    """The coherence of one policy set, alone or with those beside it, or why it is not known."""

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
    suggestions: tuple[SuggestionShown, ...] = ()
    together: tuple[TogetherShown, ...] = ()

    @property
    def beside(self) -> TogetherShown | None:
        """The sets it was proved with; None where it was proved alone."""
        return next((each for each in self.together if each.chosen and each.key), None)


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
    charges: tuple[str, ...] = ()


def charges_of(result: Mapping[str, Any]) -> tuple[str, ...]:
    """What both versions deny, and one more loudly, in sentences; none in older proofs."""
    found = result.get("charges") or {"calls": (), "rules": ()}
    return (*(each["sentence"] for each in found["calls"]), *found["rules"])


def changes_of(result: Mapping[str, Any]) -> tuple[ChangeProved, ...]:
    """Calls that come out differently, loosened first."""
    found = [
        ChangeProved(each["change"], call_of(each["old"]), call_of(each["new"]))
        for each in result["calls"]
    ]
    return tuple(sorted(found, key=lambda each: each.change))
