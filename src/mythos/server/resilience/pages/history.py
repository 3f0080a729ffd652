"""One time axis: the score of a host, and what was changed on its environment.

The axis has as many moments as the heartbeat strip has buckets. A moment shows the newest stored
reading at its end; where the strip says that nobody vouched for the host there is no score.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from mythos.engines.resilience.moment import read
from mythos.server.resilience.pages.facts import RolloutFact, ScoreFact
from mythos.server.web.charts.beat_strip import Beat
from mythos.server.web.charts.score_axis import Change, Moment, ScoreAxis
from mythos.values.reading import Flag, Reading

LANES = {"agent": "Agents", "policy_set": "Policy", "workflow": "Workflow", "tools": "Tools"}


def history_of(
    host: str,
    scores: Sequence[ScoreFact],
    rollouts: Sequence[RolloutFact],
    beats: Sequence[Beat],
    *,
    at: datetime,
    span_s: int,
    reading: Reading | None,
) -> ScoreAxis | None:
    """Lay the history of a host on one axis; None before its first reading."""
    if not scores:
        return None
    start = at - timedelta(seconds=span_s)
    moments = _moments(scores, beats, start=start, span_s=span_s)
    changes = [
        *_changes(rollouts, start=start, span_s=span_s),
        *_breaches(reading.flags if reading else (), start=start, span_s=span_s),
    ]
    lanes = ["Rollout", *(lane for lane in LANES.values() if any(c.lane == lane for c in changes))]
    return ScoreAxis(
        title=f"Score of {host}",
        said=_said(host, moments, changes),
        moments=moments,
        changes=tuple(changes),
        lanes=tuple(lanes),
        ticks=tuple(_ticks(start, span_s=span_s)),
        target=reading.target if reading else 0.9,
    )


def _moments(
    scores: Sequence[ScoreFact], beats: Sequence[Beat], *, start: datetime, span_s: int
) -> tuple[Moment, ...]:
    """One moment a bucket: the newest score at its end, or none."""
    times = [score.as_of for score in scores]
    found = []
    for index, beat in enumerate(beats):
        x = (index + 1) / len(beats)
        ends = start + timedelta(seconds=span_s * x)
        newest = bisect_right(times, ends) - 1
        if newest < 0:
            continue  # before its first reading there was nothing to be seen
        score = scores[newest]
        mid = None if beat.kind in {"silent", "before"} else score.mid
        found.append(Moment(x, _clock(ends), score.low, mid, score.high))
    return tuple(found)


def _changes(rollouts: Sequence[RolloutFact], *, start: datetime, span_s: int) -> Iterator[Change]:
    for index, rollout in enumerate(rollouts):
        x = _x(rollout.at, start, span_s)
        if not 0 <= x <= 1:
            continue
        verb = "halt" if rollout.halted else f"{rollout.bundle} v{rollout.version}"
        yield Change(x, _clock(rollout.at), "Rollout", f"#{rollout.sequence} {verb}")
        if index:
            yield from _differences(rollouts[index - 1], rollout, x)


def _differences(old: RolloutFact, new: RolloutFact, x: float) -> Iterator[Change]:
    """What the new bundle changed, one mark a kind."""
    keys = {*old.constructs, *new.constructs}
    changed = [key for key in keys if old.constructs.get(key) != new.constructs.get(key)]
    for kind, lane in LANES.items():
        names = sorted(name for each, name in changed if each == kind)
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            yield Change(x, _clock(new.at), lane, f"{names[0]}{more}")


def _breaches(flags: Sequence[Flag], *, start: datetime, span_s: int) -> Iterator[Change]:
    for flag in flags:
        x = _x(read(flag.since), start, span_s)
        if flag.severity == "critical" and 0 <= x <= 1:
            label = f"{flag.code} {flag.subject}"
            yield Change(x, _clock(read(flag.since)), "Rollout", label, critical=True)


def _x(then: datetime, start: datetime, span_s: int) -> float:
    return (then - start).total_seconds() / span_s


def _ticks(start: datetime, *, span_s: int) -> Iterator[tuple[float, str]]:
    form = "%d %b" if span_s > 2 * 86_400 else "%H:%M"
    for index in range(5):
        then = start + timedelta(seconds=span_s * index / 4)
        yield index / 4, f"{then:{form}}".lstrip("0") if form == "%d %b" else f"{then:{form}}"


def _said(host: str, moments: Sequence[Moment], changes: Sequence[Change]) -> str:
    known = [each for each in moments if each.mid is not None]
    if not known:
        return f"No score of {host} in this range."
    first, last = known[0], known[-1]
    gaps = sum(each.mid is None for each in moments)
    return (
        f"{host} went from {first.mid:.3f} at {first.when} to {last.mid:.3f} "
        f"({last.low:.3f} to {last.high:.3f}) at {last.when}; {len(changes)} changes; "
        f"{gaps} of {len(moments)} stretches without a score."
    )


def table_of(axis: ScoreAxis, *, rows: int = 12) -> tuple[Moment, ...]:
    """The moments worth a row: evenly spaced, the newest always among them."""
    step = max(len(axis.moments) // rows, 1)
    return tuple(replace(each) for each in axis.moments[::-1][::step])


def _clock(at: datetime) -> str:
    return f"{at:%d %b %H:%M:%S}"
