"""What the database knows of workflows, as plain values the pages are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import JsonValue

from mythos.engines.evidence.sample import Sample
from mythos.server.documents.facts import DocumentKind
from mythos.values.drift import WorkflowDrift
from mythos.values.workflow import Workflow

WORKFLOWS = DocumentKind("workflow", "ritual_archive", "workflows", shadowed="", page="/workflows")


@dataclass(frozen=True, slots=True)
class WorkflowFact:
    """One version of a workflow; `bundles` are those that hold it, oldest first.

    `workflow` is None where this version of MythOS cannot read the document; `unreadable` says why.
    """

    digest: str
    name: str
    version: int
    document: JsonValue
    workflow: Workflow | None
    unreadable: str = ""
    bundles: tuple[str, ...] = ()
    known_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Followed:
    """Runs of one workflow on one host. `deviations`: runs by `skip:step` and `extra:step`."""

    digest: str
    environment: str
    node_id: str
    runs: int
    fitting: int
    open: int
    inexact: int
    cost: int
    worst_cost: int
    deviations: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunFact:
    """A kept run that strayed, and the host it ran on."""

    node_id: str
    environment: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class DriftFact:
    """What a host's newest reading says of a workflow beside its accepted baseline."""

    node_id: str
    environment: str
    drift: WorkflowDrift
