"""Outcomes: what a policy set says of one action that was seen, and of a whole run.

upheld       executed, and permitted
violated     executed although denied (a span exists, even with an error)
blocked      denied and not executed: known only from a decision point
undecidable  the call's arguments or a fact's source were not captured: never a pass
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The four outcomes of (action, policy set)."""

    UPHELD = "upheld"
    VIOLATED = "violated"
    BLOCKED = "blocked"
    UNDECIDABLE = "undecidable"


class Severity(StrEnum):
    """How loud a rule is when it is broken (Cedar annotation `@severity`)."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


DEFAULT_RULE = "default"
UNDECLARED_TOOL = "undeclared_tool"
INVALID_ARGUMENTS = "invalid_arguments"
NO_CATALOGUE = "no_catalogue"


@dataclass(frozen=True, slots=True)
class Ruling:
    """One outcome of one action under one policy set.

    `rule` is the rule it is counted under: the loudest denying rule of this set (ties: by id), the
    first permitting one, or `default`. `rules` names all that took part; `missing` names the facts
    a permit wanted; `severity` is the loudest of the rules it is charged to.
    """

    policy_set: str
    digest: str
    span_id: str
    agent: str
    tool: str
    start_ns: int
    outcome: Outcome
    rule: str
    rules: tuple[str, ...] = ()
    severity: Severity = Severity.WARNING
    missing: tuple[str, ...] = ()
    why: str = ""
    claimed: bool = False
