"""Changes of policy sets: what is edited and what the sets are like after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mythos.engines.coherence.difference import Verdict
from mythos.engines.coherence.shown import RuleKey
from mythos.values.policy import PolicySet


class ChangeKind(StrEnum):
    """What a change does."""

    DROP = "drop rule"
    TIGHTEN = "tighten rule"
    LOOSEN = "loosen rule"
    ADD = "add rule"
    BOUND = "bound rule"


MAY: Mapping[ChangeKind, frozenset[Verdict]] = {
    ChangeKind.DROP: frozenset({"equal"}),
    ChangeKind.TIGHTEN: frozenset({"tightened"}),
    ChangeKind.LOOSEN: frozenset({"loosened"}),
    ChangeKind.ADD: frozenset({"tightened", "loosened"}),
    ChangeKind.BOUND: frozenset({"equal", "tightened"}),
}
"""How the sets after a change may stand to those before it; else it is no cure."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `after` are the sets it edits, by the digest of the set each replaces.

    `rules` are the rules that are edited or taken out, `added` the ids of new ones.
    """

    kind: ChangeKind
    sentence: str
    after: Mapping[str, PolicySet]
    rules: tuple[RuleKey, ...] = ()
    added: tuple[RuleKey, ...] = ()


def next_versions(before: Mapping[str, PolicySet], change: Change) -> dict[str, PolicySet]:
    """The edited sets, each with a version one higher than the set it replaces."""
    return {
        digest: edited.model_copy(update={"version": before[digest].version + 1})
        for digest, edited in change.after.items()
    }


def as_list(names: Iterable[str]) -> str:
    """Names as a sentence lists them: a, b and c."""
    *head, last = names
    return f"{', '.join(head)} and {last}" if head else last
