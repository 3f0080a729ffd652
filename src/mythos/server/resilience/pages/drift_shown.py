"""Drift of a host's workflows: what was accepted, how the newest runs differ, and the form."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mythos.server.resilience.pages.why import LONGEST_WHY, SHORTEST_WHY
from mythos.values.drift import WorkflowDrift
from mythos.values.reading import Reading

LEAST_RUNS = 20
FORM_TIME = "%Y-%m-%dT%H:%M"
_SUGGESTED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Who withdrew a baseline, when and why."""

    by: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class BaselineShown:
    """An accepted baseline; `host` is empty where it is the environment's."""

    number: int
    workflow: str
    environment: str
    host: str
    since: datetime
    until: datetime
    runs: int
    digest: str
    why: str
    by: str
    at: datetime
    withdrawn: Withdrawn | None


@dataclass(frozen=True, slots=True)
class DriftShown:
    """One workflow: its standing baseline, all others, and how the newest runs differ from it.

    `drift` is None without a baseline, and until the host is read again. `moved`: a table moved,
    or runs stopped fitting.
    """

    workflow: str
    digest: str
    baseline: BaselineShown | None
    earlier: tuple[BaselineShown, ...]
    drift: WorkflowDrift | None
    moved: bool


@dataclass(frozen=True, slots=True)
class Accepting:
    """What the form of a baseline suggests and bounds; `barred` says why this reader may not."""

    barred: str
    since: str
    until: str
    least_runs: int = LEAST_RUNS
    shortest_why: int = SHORTEST_WHY
    longest_why: int = LONGEST_WHY


def drifts_shown(
    workflows: Collection[str],
    names: Mapping[str, str],
    baselines: Sequence[BaselineShown],
    reading: Reading | None,
) -> tuple[DriftShown, ...]:
    """Every workflow with evidence, those that moved first.

    Args:
        workflows: digests.
        names: names by digest.
        baselines: those of the host and of its environment, newest first.
        reading: the newest stored reading.
    """
    read = {each.workflow: each for each in reading.drift} if reading else {}
    shown = [
        _shown(digest, names.get(digest, digest), baselines, read.get(digest))
        for digest in {*workflows, *read}
    ]
    return tuple(sorted(shown, key=lambda each: (not each.moved, each.workflow, each.digest)))


def _shown(
    digest: str, name: str, baselines: Sequence[BaselineShown], drift: WorkflowDrift | None
) -> DriftShown:
    own = [each for each in baselines if each.workflow == digest]
    valid = [each for each in own if not each.withdrawn]
    standing = next((each for each in valid if each.host), valid[0] if valid else None)
    current = drift if drift and standing and drift.baseline == str(standing.number) else None
    return DriftShown(
        workflow=name,
        digest=digest,
        baseline=standing,
        earlier=tuple(each for each in own if each is not standing),
        drift=current,
        moved=current is not None and has_moved(current),
    )


def has_moved(drift: WorkflowDrift) -> bool:
    """Whether a table moved, or runs stopped fitting."""
    return drift.fit.e >= drift.fit.alarm or any(table.moved for table in drift.tables)


def accepting(*, first: datetime | None, at: datetime, barred: str) -> Accepting:
    """Suggest the last week, or all there is of what is younger."""
    week = at - _SUGGESTED
    since = max(first or week, week).replace(second=0, microsecond=0)
    return Accepting(barred, since.strftime(FORM_TIME), at.strftime(FORM_TIME))
