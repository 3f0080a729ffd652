"""Tool catalogues: which tools an agent may call, what they do and whom their output may trust.

A run's catalogue is the one whose domain (`/` read as `-`) equals its `service.name`, else the
only one that declares all its tools (`engines.telemetry.catalogue`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, JsonValue, StrictBool, model_validator

from mythos.values.base import Foreign, Name
from mythos.values.in_words import NOT_BLANK

Effect = Literal["none", "read", "write", "delete", "egress"]
Argument = Annotated[str, Field(pattern=NOT_BLANK)]
Trust = Literal["trusted", "fields", "untrusted"]
EVENT_NAMES = frozenset(
    {"user.message", "user.confirm", "data.read", "data.write", "data.delete", "data.egress"}
)
"""What facts call by these names is no tool, so no tool may pose as it."""
CONSEQUENTIAL: frozenset[str] = frozenset({"write", "delete", "egress"})


class Tool(Foreign):
    """One tool: `sinks` are arguments whose value decides where something goes.

    `trusted`: the output (True) or those fields of it (a list) come from a directory under the
    operator's control. `user`: the tool asks the user, and its answer is the user's word.
    """

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=NOT_BLANK)]
    description: str = ""
    parameters: Mapping[str, JsonValue] = Field(
        default_factory=dict, validation_alias=AliasChoices("parameters", "inputSchema")
    )
    output_schema: Mapping[str, JsonValue] = Field(
        default_factory=dict, validation_alias=AliasChoices("output_schema", "outputSchema")
    )
    effect: Effect = "none"
    sinks: tuple[Argument, ...] = ()
    trusted: StrictBool | tuple[Argument, ...] = False
    user: StrictBool = False

    @property
    def trust(self) -> Trust:
        """Whether all, some named fields, or none of the output is the operator's own."""
        if self.trusted is True:
            return "trusted"
        return "fields" if self.trusted else "untrusted"

    def sinks_of(self, arguments: Iterable[str]) -> tuple[str, ...]:
        """The sinks of a call: those declared, and what its arguments hold that nobody declared.

        What a tool that changes or sends something does with an argument that its schema does not
        name, such as `bcc`, nobody can say. A schema without `properties` names none, and so tells
        nothing of any.
        """
        return (*self.sinks, *self.undeclared(arguments))

    def undeclared(self, arguments: Iterable[str]) -> tuple[str, ...]:
        """The arguments that the schema of a consequential tool does not name."""
        declared = self.parameters.get("properties")
        if not self.consequential or not isinstance(declared, Mapping) or not declared:
            return ()
        known = declared.keys() | set(self.sinks)
        return tuple(sorted(name for name in arguments if name not in known))

    @property
    def consequential(self) -> bool:
        """Whether a call changes or sends something: write, delete or egress."""
        return self.effect in CONSEQUENTIAL


class ToolCatalogue(Foreign):
    """The tools of one domain."""

    domain: Name
    tools: tuple[Tool, ...]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        """Two tools of one name would leave it open which one a rule is about."""
        seen: set[str] = set()
        for tool in self.tools:
            if tool.name in seen:
                raise ValueError(f"the tool {tool.name!r} is declared twice")
            if tool.name in EVENT_NAMES:
                raise ValueError(f"{tool.name!r} is the name of an event, and no tool can have it")
            seen.add(tool.name)
        return self

    @property
    def service(self) -> str:
        """The `service.name` that selects this catalogue."""
        return self.domain.replace("/", "-")

    @property
    def names(self) -> frozenset[str]:
        """Names of all declared tools."""
        return frozenset(tool.name for tool in self.tools)

    def find(self, name: str) -> Tool | None:
        """The tool called `name`, or None if the catalogue does not declare it."""
        return next((tool for tool in self.tools if tool.name == name), None)
