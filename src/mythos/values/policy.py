"""Policy-set documents: the brief's SwarmCodex. Cedar rules plus declared facts about the past.

Rules stay verbatim Cedar. A rule never speaks of time itself: the document declares facts, the
engine keeps them, and Cedar sees them as `context.past.*`. The grammar of facts is closed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from mythos.values.base import Value, Version

FactOutcome = Literal["ok", "error", "any"]
Scope = Literal["session", "agent", "node", "fleet"]
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}[smhd]$")]
Events = str | tuple[str, ...]
FactType = Literal["string", "integer", "boolean", "decimal", "datetime"]
FieldPath = Annotated[
    str, Field(pattern=r"^(input|output)(\.[A-Za-z_][A-Za-z0-9_-]{0,99}){0,8}$", max_length=500)
]
FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class _Options(Value):
    """What every fact may say: a window, keys shared with the request, whose history counts."""

    within: Duration | None = None
    by: str | tuple[str, ...] | None = None
    scope: Scope = "session"
    where: str | None = None
    outcome: FactOutcome = "ok"


class Once(_Options):
    """Holds iff an event of `once` was seen later than the last event of `since`."""

    once: Events
    since: Events | None = None


class Counted(_Options):
    """How many events of `count` were seen; `outcome: any` counts failed calls too."""

    count: Events


class Summed(_Options):
    """The sum of a field over the events `of`; `attempts` counts failed calls too."""

    sum: FieldPath
    of: Events
    count: Literal["attempts", "successes"] = "successes"


class Last(_Options):
    """The field's value in the newest event `of`; absent until one is seen.

    `type` says what the value is where no JSON Schema tells; text if neither does.
    """

    last: FieldPath
    of: Events
    type: FactType | None = None


Fact = Once | Summed | Counted | Last


class Covers(Value):
    """The tool catalogues (domains) whose tools this policy set governs; `*` is every tool."""

    tools: str | tuple[str, ...] = "*"


class Expectation(Value):
    """An executable promise: a request with its decision, or a property over all requests."""

    name: str
    request: dict[str, JsonValue] | None = None
    decision: Literal["allow", "deny"] | None = None
    never: Literal["allow", "deny"] | None = None
    always: Literal["allow", "deny"] | None = None
    when: str | None = None
    actions: str | tuple[str, ...] | None = None


class PolicySet(Value):
    """One policy set. A set without a `permit` rule is a guard: it can only forbid."""

    policy_set: Annotated[str, Field(min_length=1, max_length=150)]
    version: Version
    critical: bool = False
    covers: Covers = Covers()
    facts: dict[FactName, Fact] = Field(default_factory=dict)
    rules: Annotated[str, Field(max_length=2**20)]
    expect: tuple[Expectation, ...] = ()
