"""Carrying flags from one reading to the next: since when, and until when.

A finding keeps its `since` and its acknowledgement as long as it lasts. A warning resolves once its
condition was last seen 24 h ago; a critical flag only when an operator resolves it; information
goes with its condition. What an operator resolved fires again only on newer evidence. What was
marked benign fires again once a mark it rests on has expired or was revoked. What was found beside
a baseline ends with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from mythos.engines.resilience.catalogue import SEVERITIES
from mythos.engines.resilience.moment import read
from mythos.values.reading import Flag

LINGER_S = 86_400


def carry(
    previous: Sequence[Flag],
    current: Sequence[Flag],
    *,
    at: datetime,
    marks: Collection[str] = (),
    withdrawn: Collection[str] = (),
) -> list[Flag]:
    """Continue the flags of the last reading with what is found now.

    Args:
        previous: flags of the last reading, with what operators did to them since.
        current: flags of this reading, one a fingerprint.
        at: the moment of this reading.
        marks: ids of the benign marks that stand.
        withdrawn: ids of the baselines that were withdrawn.

    Returns:
        Loudest first, then by code and subject. Resolved flags stay in the list while their
        evidence lies in the window, so that a decision is not forgotten.
    """
    before = {flag.fingerprint: flag for flag in previous}
    now = {flag.fingerprint: flag for flag in current}
    lasting = [_continued(before.get(mark), flag) for mark, flag in now.items()]
    gone = [
        _ended(_woken(flag, marks), withdrawn)
        for mark, flag in before.items()
        if mark not in now and flag.state != "resolved" and flag.severity != "info"
    ]
    return sorted(_settled([*lasting, *gone], at=at), key=_order)


def _continued(before: Flag | None, now: Flag) -> Flag:
    if before is None:
        return now
    if before.state == "resolved":
        return before if now.last_seen <= before.last_seen else now
    louder = _loudness(now) > _loudness(before)
    return now.model_copy(
        update={
            "since": min(before.since, now.since),
            "last_seen": max(before.last_seen, now.last_seen),
            "severity": now.severity if louder else _kept_severity(before, now),
            "state": now.state if louder or "benign" in {before.state, now.state} else before.state,
        }
    )


def _woken(flag: Flag, marks: Collection[str]) -> Flag:
    """A flag whose evidence has left the window, firing again if a mark of it does not stand."""
    if flag.state != "benign" or all(note.mark in marks for note in flag.benign):
        return flag
    return flag.model_copy(update={"state": "firing", "benign": ()})


def _ended(flag: Flag, withdrawn: Collection[str]) -> Flag:
    """A flag that is found no more, over if it was found beside a baseline that was withdrawn."""
    if all(ref.kind != "baseline" or ref.ref not in withdrawn for ref in flag.evidence):
        return flag
    return flag.model_copy(update={"state": "resolved"})


def _kept_severity(before: Flag, now: Flag) -> str:
    """Return critical until an operator resolves it, else what is found now."""
    return "critical" if before.severity == "critical" else now.severity


def _settled(flags: Iterable[Flag], *, at: datetime) -> list[Flag]:
    return [
        flag.model_copy(update={"state": "resolved"}) if _faded(flag, at=at) else flag
        for flag in flags
    ]


def _faded(flag: Flag, *, at: datetime) -> bool:
    age_s = (at - read(flag.last_seen)).total_seconds()
    return flag.severity != "critical" and flag.state != "resolved" and age_s >= LINGER_S


def _loudness(flag: Flag) -> int:
    return SEVERITIES.index(flag.severity)


def _order(flag: Flag) -> tuple[int, str, str]:
    return -_loudness(flag), flag.code, flag.subject
