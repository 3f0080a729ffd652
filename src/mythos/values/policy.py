"""Policy-set documents: the brief's SwarmCodex. Cedar rules plus declared facts about the past.

Rules stay verbatim Cedar. A rule never speaks of time itself: the document declares facts, the
engine keeps them, and Cedar sees them as `context.past.*`. The grammar of facts is closed.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, Strict, StrictBool, model_validator

from mythos.values.base import Value, Version
from mythos.values.expected import ExpectedRequest, FactName
from mythos.values.in_words import DURATION, FIELD_PATH, SET_NAME

FactOutcome = Literal["ok", "error", "any"]
Scope = Literal["session", "agent", "node", "fleet"]
Duration = Annotated[str, Field(pattern=DURATION)]
Events = str | tuple[str, ...]
FactType = Literal["string", "integer", "boolean", "decimal", "datetime"]
FieldPath = Annotated[str, Field(pattern=FIELD_PATH, max_length=500)]


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
    """An executable promise: a request with its decision, or a property over all requests.

    `never: allow, when: C` says that no call of `actions` for which C holds is allowed;
    `always: allow, when: C` that every such call is. Without `actions` every tool is meant.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)]
    request: ExpectedRequest | None = None
    decision: Literal["allow", "deny"] | None = None
    never: Literal["allow", "deny"] | None = None
    always: Literal["allow", "deny"] | None = None
    when: Annotated[str, Field(min_length=1, max_length=4_000)] | None = None
    actions: str | tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        concrete, property_ = given & {"request", "decision"}, given & {"never", "always"}
        if concrete and (property_ or given & {"when", "actions"}):
            raise ValueError("`request` and `decision` stand apart from never, always and when")
        if concrete and len(concrete) < 2:
            raise ValueError("`request` and `decision` belong together")
        if not concrete and len(property_) != 1:
            raise ValueError("write `request` with `decision`, or one of `never` and `always`")
        return self

    @property
    def tools(self) -> tuple[str, ...]:
        """The tools that a property is about; none means every tool."""
        named = self.actions or ()
        return (named,) if isinstance(named, str) else named


class PolicySet(Value):
    """One policy set. A set without a `permit` rule is a guard: it can only forbid."""

    policy_set: Annotated[str, Field(min_length=1, max_length=150, pattern=SET_NAME)]
    version: Annotated[Version, Strict()]
    critical: StrictBool = False
    covers: Covers = Covers()
    facts: dict[FactName, Fact] = Field(default_factory=dict)
    rules: Annotated[str, Field(max_length=2**20)]
    expect: tuple[Expectation, ...] = ()
