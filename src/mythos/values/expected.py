"""Requests that `expect` entries of policy sets try: a call, and all that rules may read of it.

The grammar is closed: what surrounds a call is said part by part, by the names that rules use.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AliasChoices,
    AwareDatetime,
    BeforeValidator,
    Field,
    JsonValue,
    Strict,
    StrictBool,
)

from mythos.values.base import Value
from mythos.values.in_words import FACT_NAME

OriginName = Literal["user", "trusted", "untrusted", "unknown"]
FactName = Annotated[str, Field(pattern=FACT_NAME)]
MOST = 10**15  # more than anything can have done, and exact in JSON
HowMany = Annotated[int, Strict(), Field(ge=0, le=MOST)]


def _written_time(value: object) -> object:
    """A time as people write it: a number could mean seconds or milliseconds."""
    if isinstance(value, datetime) or (isinstance(value, str) and "-" in value[1:]):
        return value
    raise ValueError(f"{value!r} is no time with its zone, such as 2026-01-01T09:30:00Z")


class ExpectedAsked(Value):
    """`context.asked`: what the user spoke of."""

    deletion: StrictBool = False
    elsewhere: StrictBool = False


class ExpectedSinks(Value):
    """What `origins` do not say of `context.sinks`: whether each strange value is referred to.

    Left out it is false, but true of a call without any.
    """

    referred: StrictBool | None = None


class ExpectedLinks(Value):
    """`context.links`: whether a link of the call has that origin."""

    user: StrictBool = False
    trusted: StrictBool = False
    unknown: StrictBool = False
    untrusted: StrictBool = False


class ExpectedRun(Value):
    """`context.run`: what came before the call."""

    calls: HowMany = 0
    tokens: HowMany = 0
    model_changed: StrictBool = False
    tools_changed: StrictBool = False
    untrusted: StrictBool = False


class ExpectedRequest(Value):
    """A call to try: what it leaves out stands as at the beginning of a run.

    So a fact that is not named is false, 0 or absent, the user said nothing, a sink's value was
    seen nowhere, no call came before, the time is 2000-01-01 and no agent encloses the one that
    acts. Each key may also be written as rules write it: `action`, `input`, `past` as `facts`,
    `origin`.
    """

    tool: Annotated[
        str,
        Field(min_length=1, max_length=200, validation_alias=AliasChoices("tool", "action")),
    ]
    agent: str = "agent"
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
    sinks: ExpectedSinks = ExpectedSinks()
    asked: ExpectedAsked = ExpectedAsked()
    links: ExpectedLinks = ExpectedLinks()
    run: ExpectedRun = ExpectedRun()
    repeats: HowMany = 0
    now: Annotated[AwareDatetime, BeforeValidator(_written_time)] = datetime(2000, 1, 1, tzinfo=UTC)
    depth: HowMany = 0
