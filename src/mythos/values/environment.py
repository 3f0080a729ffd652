"""Environments and the fleet file: where bundles may go, and with which labels and capacity.

An environment is eligible for a bundle iff it carries every one of the bundle's labels with the
same value; keys under `note.` are description only.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mythos.values.base import Value
from mythos.values.evidence import EnvironmentName, NodeName
from mythos.values.in_words import LABEL_KEY

LabelKey = Annotated[str, Field(min_length=1, max_length=63, pattern=LABEL_KEY)]
Labels = dict[LabelKey, Annotated[str, Field(max_length=200)]]


class Capacity(Value):
    """What one node offers to agents."""

    cpu_m: Annotated[int, Field(ge=0, le=10_000_000)] = 4_000
    memory_mb: Annotated[int, Field(ge=0, le=100_000_000)] = 8_192
    tokens_per_min: Annotated[int, Field(ge=0, le=10**10)] = 1_000_000


class FleetNode(Value):
    """One host. `presence: telemetry` hosts send no heartbeat and are never SILENT."""

    name: NodeName
    judged: Literal["edge", "intake"] = "edge"
    presence: Literal["heartbeat", "telemetry"] = "heartbeat"
    capacity: Capacity = Capacity()


class FleetEnvironment(Value):
    """A named group of nodes. `air_gapped` nodes report by file every `report_every_s`."""

    name: EnvironmentName
    labels: Labels = Field(default_factory=dict)
    air_gapped: bool = False
    dev: bool = False
    no_explore: bool = False
    report_every_s: Annotated[int, Field(ge=1, le=366 * 86_400)] = 7 * 86_400
    nodes: tuple[FleetNode, ...] = ()


class FleetFile(Value):
    """The environments of one fleet (`fleet.yaml`)."""

    environments: tuple[FleetEnvironment, ...]


def eligible(environment: Labels, wanted: Labels) -> tuple[str, ...]:
    """Labels of `wanted` that `environment` lacks or contradicts; empty means eligible."""
    return tuple(
        key
        for key, value in sorted(wanted.items())
        if not key.startswith("note.") and environment.get(key) != value
    )
