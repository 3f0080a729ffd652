"""The pace of audits: when is the next audit of a log due?

An audit reads a whole log and a whole store, so its cost grows with them while what it can find
does not. Audits of one host take about a twentieth of its time together, each log as often as its
own cost allows; quick ones are always due. What suggests that something is wrong is worth any cost:
then the next one is due at once. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

QUICK_S = 0.5
"""An audit shorter than this is always taken."""
PAUSE = 19.0
"""Seconds without an audit for each second of one: a twentieth of the time goes into audits."""
LONGEST_PAUSE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class _Taken:
    ended_s: float
    took_s: float
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
            suspicious: whether something suggests that it is not as the last audit found it.
            now_s: seconds of a clock that never goes back, the one of `taken`.
        """
        last = self._taken.get(log)
        if suspicious or last is None or not last.sound:
            return True
        return now_s - last.ended_s >= self.pause_s(log)

    def taken(self, log: str, *, began_s: float, ended_s: float, sound: bool) -> None:
        """Say that a log was audited, and whether the audit found nothing wrong."""
        self._taken[log] = _Taken(ended_s, ended_s - began_s, sound)

    def pause_s(self, log: str) -> float:
        """Seconds from the end of the last audit of a log until the next is due.

        Returns:
            0 where every moment is right: it was quick, found something wrong, or never was.
        """
        last = self._taken.get(log)
        if last is None or not last.sound or last.took_s < QUICK_S:
            return 0.0
        slow_s = sum(each.took_s for each in self._taken.values() if each.took_s >= QUICK_S)
        return min(PAUSE * slow_s, LONGEST_PAUSE_S)

    def took_s(self, log: str) -> float | None:
        """Seconds that the last audit of a log took; None if it was never audited."""
        last = self._taken.get(log)
        return None if last is None else last.took_s

    def forget(self, log: str) -> None:
        """Let the next audit of a log be due at once."""
        self._taken.pop(log, None)

    def keep_only(self, logs: Collection[str]) -> None:
        """Forget every other log: the host does not keep it any more."""
        self._taken = {log: last for log, last in self._taken.items() if log in logs}
