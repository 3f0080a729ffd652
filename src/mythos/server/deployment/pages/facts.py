"""What the database knows of bundles and destinations, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from mythos.engines.resilience.presence import Presence
from mythos.values.bundle import BundleConfig


@dataclass(frozen=True, slots=True)
class BundleFact:
    """One bundle; `documents` are its constructs' documents by digest, where filed."""

    name: str
    version: int
    digest: str
    size_bytes: int
    created_at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    destinations: tuple[str, ...] = ()
    config: BundleConfig | None = None
    n_blobs: int = 0
    documents: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostFact:
    """What one host proved that it runs, and when."""

    node_id: str
    running: str
    presence: Presence


@dataclass(frozen=True, slots=True)
class TargetFact:
    """An environment: its labels, what it was told, and its hosts."""

    name: str
    labels: Mapping[str, str]
    air_gapped: bool
    hosts: tuple[HostFact, ...]
    desired: str = ""
    desired_name: str = ""
    sequence: int | None = None
    halted: bool = False
    decided_by: str = ""
    decision: str = ""
    decided_at: datetime | None = None
