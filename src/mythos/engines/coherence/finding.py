"""Findings of a coherence check, and the number they come to.

| kind           | severity | is                                                                   |
|----------------|----------|----------------------------------------------------------------------|
| override       | info     | a `forbid` cuts what a `permit` allows: how guards are meant to work |
| nullified      | warning  | a rule without which all is decided alike, or a promise of no call   |
| error risk     | warning  | a `permit` that can fail to evaluate, and then permits nothing       |
| broken promise | error    | a call that an `expect` entry says cannot be                         |
| fail-open risk | error    | a `forbid` that can fail to evaluate: Cedar would skip it            |
| undecided      | warning  | the solver or the translation gave up, with the reason               |

Every rule is two obligations: that it decides something, and that it always evaluates; every
promise is one. `coherence` is 1 minus the weighted share of obligations with a finding: 1 for an
error, 0.5 for an undecided one, 0.2 for a warning. An override costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import fsum
from typing import TypeAlias

from mythos.engines.coherence.promises_kept import PromiseKey
from mythos.engines.coherence.shown import RuleKey, Witness


class FindingKind(StrEnum):
    """What was found."""

    OVERRIDE = "override"
    NULLIFIED = "nullified"
    ERROR_RISK = "error risk"
    BROKEN_PROMISE = "broken promise"
    FAIL_OPEN = "fail-open risk"
    UNDECIDED = "undecided"


class Gravity(StrEnum):
    """How grave a finding is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Obligation: TypeAlias = "tuple[str, str, str]"
"""`decides`, `evaluates` or `promise`, then a rule's or promise's key."""

GRAVITY = {
    FindingKind.OVERRIDE: Gravity.INFO,
    FindingKind.NULLIFIED: Gravity.WARNING,
    FindingKind.ERROR_RISK: Gravity.WARNING,
    FindingKind.BROKEN_PROMISE: Gravity.ERROR,
    FindingKind.FAIL_OPEN: Gravity.ERROR,
    FindingKind.UNDECIDED: Gravity.WARNING,
}
WEIGHT = {Gravity.INFO: 0.0, Gravity.WARNING: 0.2, Gravity.ERROR: 1.0}
UNDECIDED_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class CoherenceFinding:
    """One finding about the rule or promise that `obligation` names.

    `rules` are all that take part, the rule itself first; `sentence` says it to a person. `names`
    says of a nullified `forbid` that violations are charged to it all the same.
    """

    kind: FindingKind
    obligation: Obligation
    sentence: str
    rules: tuple[RuleKey, ...] = ()
    promise: PromiseKey | None = None
    witness: Witness | None = None
    names: bool = False

    @property
    def gravity(self) -> Gravity:
        """How grave it is."""
        return GRAVITY[self.kind]

    @property
    def weight(self) -> float:
        """What it costs its obligation."""
        return UNDECIDED_WEIGHT if self.kind is FindingKind.UNDECIDED else WEIGHT[self.gravity]


def costs_of(findings: Iterable[CoherenceFinding]) -> dict[Obligation, float]:
    """What each obligation with a finding costs: the heaviest of its findings."""
    costs: dict[Obligation, float] = {}
    for each in findings:
        costs[each.obligation] = max(costs.get(each.obligation, 0.0), each.weight)
    return costs


def coherence_of(findings: Iterable[CoherenceFinding], n_obligations: int) -> float:
    """The coherence number, in [0, 1]; 1 where nothing was to be checked."""
    return 1.0 - fsum(costs_of(findings).values()) / n_obligations if n_obligations else 1.0
