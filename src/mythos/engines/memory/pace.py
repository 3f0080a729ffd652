"""The pace of audits: when is the next audit of a log due?

An audit reads a whole log and a whole store, so its cost grows with them while what it can find
does not. Audits of one host take about a twentieth of one processor together, each log as often as
its own cost allows; cheap ones are always due. Cost is processor time: by the time on a clock, a
busy host, or a writer that holds a lock, would put off the next audit. What suggests that something
is wrong makes the next one due at once. What is known to be wrong is audited again within a minute,
and sooner where that leaves half of a processor to others. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

CHEAP_S = 0.5
"""Processor seconds: an audit that takes fewer is always due."""
PAUSE = 19.0
"""Seconds without an audit for each processor second of one, so that it takes a twentieth."""
LONGEST_PAUSE_S = 86_400.0
LONGEST_DOUBT_S = 60.0
"""Seconds without an audit of a log in which the last one found something wrong."""


@dataclass(frozen=True, slots=True)
class _Taken:
    ended_s: float
    cost_s: float
    sound: bool


class AuditPace:
    """When the logs of one host were audited last, and what it took."""

    def __init__(self) -> None:
        """Begin with no audit: every log is due."""
        self._taken: dict[str, _Taken] = {}

    def due(self, log: str, *, suspicious: bool, now_s: float) -> bool:
        """Whether an audit of a log is to be taken now.

        Args:
            log: its name.
            suspicious: whether something suggests that it is not as the last audit found it; where
                that was wrong already, nothing is as urgent.
            now_s: seconds of a clock that never goes back, the one of `taken`.
        """
        last = self._taken.get(log)
        if last is None or (suspicious and last.sound):
            return True
        return now_s - last.ended_s >= self.pause_s(log)

    def taken(self, log: str, *, ended_s: float, cost_s: float, sound: bool) -> None:
        """Say when the audit of a log ended, its cost, and whether it found nothing wrong."""
        self._taken[log] = _Taken(ended_s, cost_s, sound)

    def pause_s(self, log: str) -> float:
        """Seconds from the end of the last audit of a log until the next is due.

        Returns:
            0 where every moment is right: it was cheap, or never was.
        """
        last = self._taken.get(log)
        if last is None or last.cost_s < CHEAP_S:
            return 0.0
        dear = [each for each in self._taken.values() if each.cost_s >= CHEAP_S]
        if not last.sound:
            wrong_s = sum(each.cost_s for each in dear if not each.sound)
            return min(2 * wrong_s - last.cost_s, LONGEST_DOUBT_S)
        return min(PAUSE * sum(each.cost_s for each in dear), LONGEST_PAUSE_S)

    def cost_s(self, log: str) -> float:
        """Processor seconds of the last audit of a log; 0 if it was never audited."""
        last = self._taken.get(log)
        return 0.0 if last is None else last.cost_s

    def doubt(self, log: str) -> None:
        """Say that a log is not sound, whatever its last audit found."""
        if (last := self._taken.get(log)) is not None:
            self._taken[log] = replace(last, sound=False)

    def keep_only(self, logs: Collection[str]) -> None:
        """Forget every other log: the host does not keep it any more."""
        self._taken = {log: last for log, last in self._taken.items() if log in logs}
