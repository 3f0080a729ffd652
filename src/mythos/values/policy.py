"""Policy-set documents: the brief's SwarmCodex. Cedar rules plus declared facts about the past.

Rules stay verbatim Cedar. A rule never speaks of time itself: the document declares facts, the
engine keeps them, and Cedar sees them as `context.past.*`. The grammar of facts is closed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    Strict,
    StrictBool,
    model_validator,
)

from mythos.values.base import Value, Version
from mythos.values.in_words import DURATION, FACT_NAME, FIELD_PATH, SET_NAME

FactOutcome = Literal["ok", "error", "any"]
Scope = Literal["session", "agent", "node", "fleet"]
Duration = Annotated[str, Field(pattern=DURATION)]
Events = str | tuple[str, ...]
FactType = Literal["string", "integer", "boolean", "decimal", "datetime"]
FieldPath = Annotated[str, Field(pattern=FIELD_PATH, max_length=500)]
OriginName = Literal["user", "trusted", "untrusted", "unknown"]
FactName = Annotated[str, Field(pattern=FACT_NAME)]


def _written_time(value: object) -> object:
    """A time as people write it: a number could mean seconds or milliseconds."""
    if isinstance(value, datetime) or (isinstance(value, str) and "-" in value[1:]):
        return value
    raise ValueError(f"{value!r} is no time with its zone, such as 2026-01-01T09:30:00Z")


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


class ExpectedRequest(Value):
    """A call to try: what it leaves out stands as at the beginning of a run.

    So a fact that is not named is false, 0 or absent, the user said nothing, a sink's value was
    seen nowhere, the time is 2000-01-01 and no agent encloses the one that acts. Each key may also
    be written as rules write it: `action`, `input`, `past` as `facts`, `origin`.
    """

    tool: Annotated[
        str,
        Field(min_length=1, max_length=200, validation_alias=AliasChoices("tool", "action")),
    ]
    agent: Annotated[str, Field(max_length=200)] = "agent"
    arguments: dict[str, JsonValue] = Field(
        default_factory=dict, validation_alias=AliasChoices("arguments", "input")
    )
    past: dict[FactName, JsonValue] = Field(
        default_factory=dict, validation_alias=AliasChoices("past", "facts")
    )
    licensed: StrictBool = False
    origins: dict[str, OriginName] = Field(
        default_factory=dict, validation_alias=AliasChoices("origins", "origin")
    )
    now: Annotated[AwareDatetime, BeforeValidator(_written_time)] = datetime(2000, 1, 1, tzinfo=UTC)
    depth: Annotated[int, Strict(), Field(ge=0, le=1_000)] = 0


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
