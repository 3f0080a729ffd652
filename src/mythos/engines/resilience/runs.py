"""Runs: what `workflow` rows say of alignment, pooled for the score and by day for the flags."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.resilience.components import Alignment
from mythos.engines.resilience.misfits import DayOfRuns


def alignment_of(rows: Iterable[EvidenceRow]) -> Alignment:
    """Pool all finished runs of a node."""
    del rows
    return Alignment()


def last_day_of(rows: Iterable[EvidenceRow], *, as_of: datetime) -> list[DayOfRuns]:
    """Pool the finished runs of the last 24 h by agent and workflow."""
    del rows, as_of
    return []
