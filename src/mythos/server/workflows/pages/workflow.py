"""One workflow as one value: steps, where it is in force, how runs strayed, and which drifted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from mythos.server.deployment.pages.text import Line, lines_of
from mythos.server.documents.list_page import DocumentPage
from mythos.server.resilience.pages.drift_shown import Accepting
from mythos.server.web.charts.workflow_layout import Layout, lay_out
from mythos.server.workflows.pages.drift_state import BaselineListed, DriftState, HostDrift
from mythos.server.workflows.pages.facts import Followed, WorkflowFact
from mythos.server.workflows.pages.match import Match, match_of
from mythos.server.workflows.pages.steps import StepShown
from mythos.server.workflows.pages.worst_runs import RunShown
from mythos.values.workflow import workflow_of

MAX_DRAWN = 400


@dataclass(frozen=True, slots=True)
class HostShown:
    """A host that ran the workflow in the window."""

    host: str
    environment: str
    match: Match


@dataclass(frozen=True, slots=True)
class VersionShown:
    """Another version of the same name."""

    version: int
    digest: str
    known_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowPage(DocumentPage):
    """`/workflows/<digest>`."""

    document: JsonValue
    extra: str
    default_weight: int
    skew_ms: int
    match: Match
    steps: tuple[StepShown, ...]
    hosts: tuple[HostShown, ...]
    runs: tuple[RunShown, ...]
    drift: DriftState
    drifts: tuple[HostDrift, ...]
    baselines: tuple[BaselineListed, ...]
    accepting: Accepting
    versions: tuple[VersionShown, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The document as numbered lines."""
        return lines_of(self.document)

    @property
    def layout(self) -> Layout | None:
        """Where the blocks stand; None where there are too many to draw, or they cannot be read."""
        if self.unreadable or self.places > MAX_DRAWN:
            return None
        return lay_out(workflow_of(self.document, source=self.name).steps)

    @property
    def places(self) -> int:
        """Steps of the document."""
        return sum(step.places for step in self.steps)

    @property
    def strayed(self) -> dict[str, StepShown]:
        """Steps by label."""
        return {step.label: step for step in self.steps}

    @property
    def deviations(self) -> tuple[StepShown, ...]:
        """Steps that were skipped or extra in some run, in most runs first."""
        found = [step for step in self.steps if step.skipped or step.extra]
        return tuple(sorted(found, key=lambda step: (-step.skipped - step.extra, step.label)))


def hosts_of(followed: Sequence[Followed]) -> tuple[HostShown, ...]:
    """Hosts with runs, the least consistent first; those with too few runs to say last."""
    parts: dict[tuple[str, str], list[Followed]] = defaultdict(list)
    for each in followed:
        parts[each.node_id, each.environment].append(each)
    shown = [HostShown(host, where, match_of(mine)) for (host, where), mine in parts.items()]
    return tuple(sorted(shown, key=_badness))


def _badness(host: HostShown) -> tuple[bool, float, int, str]:
    match = host.match
    return match.consistency is None, match.consistency or 0.0, -match.runs, host.host


def versions_of(here: WorkflowFact, found: Sequence[WorkflowFact]) -> tuple[VersionShown, ...]:
    """The other versions, newest first."""
    others = [each for each in found if each.digest != here.digest]
    others.sort(key=lambda each: (-each.version, each.digest))
    return tuple(VersionShown(each.version, each.digest, each.known_since) for each in others)
