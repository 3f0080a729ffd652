"""Agent documents: the brief's Assistant, what it may do and what it needs.

Secrets are references (`env:NAME`, `file:PATH`) resolved on the host, never values.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from mythos.values.base import Name, Value
from mythos.values.in_words import SECRET_REF

PLACEHOLDERS: Final = ("python", "agent", "bundle", "memory", "work", "runtime")

SecretRef = Annotated[str, Field(pattern=SECRET_REF)]


class Model(Value):
    """Which model answers for the agent."""

    provider: str
    name: str


class Memory(Value):
    """The agent's memory: seeded once from these files of the bundle, then live on the node."""

    kind: Literal["directory"] = "directory"
    files: tuple[str, ...] = ()


class Runtime(Value):
    """How a node starts the agent: a command run in the launched tree, and its settings.

    `command` words may use `{python}` (the node's interpreter), `{agent}` (path of this
    document), `{bundle}` (the launched tree), `{memory}` (the live memory folder), `{work}` (the
    agent's working folder) and `{runtime}` (the folder of programs the node was started with).
    """

    command: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    secrets: dict[str, SecretRef] = Field(default_factory=dict)


class Resources(Value):
    """What one replica takes from a node."""

    cpu_m: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    memory_mb: Annotated[int, Field(ge=0, le=10_000_000)] = 128
    tokens_per_min: Annotated[int, Field(ge=0, le=10**9)] = 0
    replicas: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class Agent(Value):
    """One agent: `tools` name catalogue domains, `policies` and `workflows` name documents."""

    name: Name
    role: str
    model: Model
    instructions: str
    tools: tuple[Name, ...] = ()
    policies: tuple[Name, ...] = ()
    workflows: tuple[Name, ...] = ()
    memory: Memory | None = None
    runtime: Runtime = Runtime()
    resources: Resources = Resources()
