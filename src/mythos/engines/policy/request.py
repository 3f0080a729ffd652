"""What is asked of the policy engine, and what it answers.

A `Request` is one action as far as it is known: None and several candidates stand for what was
not captured. A `Decision` holds one `Verdict` for each policy set that governs the action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mythos.engines.policy.facts.known import Known
from mythos.engines.policy.origin_name import ANY_ORIGIN, Origin
from mythos.engines.policy.signals import Signals
from mythos.values.event import Json
from mythos.values.outcome import Severity

__all__ = ["ANY_ORIGIN", "Decision", "Origin", "Request", "Standing", "Verdict"]


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a tool by an agent.

    `arguments` is None when they were not captured; `hidden` names those of which only a mask
    was. `facts` maps a policy set's digest to its facts (`facts.known`); one that is None or not
    named cannot be told. `licensed` is None when the user's words were not captured, `depth` when
    nobody knows how many agents enclose the one that acts. `origins` maps each sink argument the
    call has to the origins it may have: one when it is known. A sink that is not named has no
    value in this call. `now_ns` is when the call begins, Unix nanoseconds. `signals` are what the
    run shows around it.
    """

    agent: str
    tool: str
    arguments: Mapping[str, Json] | None
    facts: Mapping[str, Mapping[str, Known]] = field(default_factory=dict)
    licensed: bool | None = None
    origins: Mapping[str, frozenset[Origin]] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    now_ns: int = 0
    depth: int | None = 0
    signals: Signals = field(default_factory=Signals)


class Standing(StrEnum):
    """How one policy set stands to an action, executed or not."""

    UPHELD = "upheld"
    CHARGED = "charged"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One policy set's part in a decision.

    `rule` is the loudest denying rule of this set (ties: by id), else its first permitting
    one, else `default`; `rules` are all that took part. `missing` names the facts its permits
    wanted and did not have, that its denying rules read and found not to hold, or that could not
    be told.
    """

    policy_set: str
    digest: str
    standing: Standing
    rule: str
    rules: tuple[str, ...] = ()
    severity: Severity = Severity.WARNING
    missing: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: `allowed` only if every governing policy set upholds the action.

    `governed` says that any does. `errors` are evaluation errors, those of permits among them.
    `deferred` are rules that only the monitor can judge, as `policy set/rule`.
    """

    allowed: bool
    governed: bool
    verdicts: tuple[Verdict, ...] = ()
    errors: tuple[str, ...] = ()
    deferred: tuple[str, ...] = ()
