"""Presence: when a node was last heard, and when its silence begins.

A node that beats is overdue three intervals after its newest beat; one that reports by file, after
the environment's `report_every_s`. A node known by its telemetry alone promises nothing, so it is
never overdue.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MISSED_BEATS = 3


@dataclass(frozen=True, slots=True)
class Presence:
    """How a node is heard.

    heartbeat_s: interval of its beats. report_every_s: set only for a node that reports by file.
    newest_beat: None if none arrived yet; then silence is counted from `enrolled_at`.
    """

    kind: Literal["heartbeat", "telemetry"] = "heartbeat"
    heartbeat_s: int = 60
    report_every_s: int | None = None
    newest_beat: datetime | None = None
    enrolled_at: datetime | None = None

    @property
    def observed_only(self) -> bool:
        """Whether nothing vouches for the time between its spans."""
        return self.kind == "telemetry"

    @property
    def patience_s(self) -> int:
        """Seconds after a beat until the next is overdue."""
        return self.report_every_s or MISSED_BEATS * self.heartbeat_s

    def silent_s(self, as_of: datetime) -> float | None:
        """Seconds since the node was last heard (or enrolled); None if never."""
        heard = self.newest_beat or self.enrolled_at
        return None if heard is None else (as_of - heard).total_seconds()

    def silent(self, as_of: datetime) -> bool:
        """Whether its beat is overdue."""
        if self.observed_only:
            return False
        since = self.silent_s(as_of)
        return since is None or since > self.patience_s
