"""The heartbeat strip: 90 buckets of time, each with its kind and its reason.

Height and hatch carry the kind as well as colour: tall is broken, low grey is no beat, hatched is
undecidable, nothing at all is before the first evidence. Equal neighbours are drawn as one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element, percent

N_BUCKETS = 90
BeatKind = Literal["crit", "degraded", "risk", "blind", "ok", "idle", "silent", "before"]
_TOP: dict[BeatKind, int] = {
    "crit": 0, "degraded": 4, "risk": 7, "blind": 10, "ok": 10, "idle": 19, "silent": 21,
}  # fmt: skip
_HEIGHT = 24
MAX_TITLED = 20


@dataclass(frozen=True, slots=True)
class Beat:
    """One bucket: what kind of time it was, when, and cells by what happened in them."""

    kind: BeatKind
    begins: str
    ends: str
    active: int = 0
    broken: int = 0
    undecidable: int = 0


def beat_strip(beats: Sequence[Beat], *, label: str) -> SafeString:
    """Draw the strip; each run of equal buckets has a title, unless there are more than 20.

    Args:
        beats: the buckets, oldest first.
        label: what a screen reader says of the whole strip.
    """
    runs = list(_runs(beats))
    if len(runs) > MAX_TITLED:
        marks = [_paths(runs, of=len(beats))]
    else:
        marks = [_mark(run, at=at, of=len(beats)) for at, run in runs]
    return element(
        "svg", *marks, element("use", href="#sep"), class_="beats", role="img", aria_label=label
    )


def _runs(beats: Sequence[Beat]) -> Iterator[tuple[int, list[Beat]]]:
    at = 0
    for kind, group in groupby(beats, key=lambda beat: beat.kind):
        run = list(group)
        if kind != "before":
            yield at, run
        at += len(run)


def _mark(run: Sequence[Beat], *, at: int, of: int) -> SafeString:
    top = _TOP[run[0].kind]
    return element(
        "rect",
        element("title", title_of(run)),
        class_=run[0].kind,
        x=percent(at / of),
        y=top,
        width=percent(len(run) / of),
        height=_HEIGHT - top,
    )


def _paths(runs: Sequence[tuple[int, Sequence[Beat]]], *, of: int) -> SafeString:
    """One path a kind: a strip that changes all the time would weigh 12 kB in titles."""
    shapes: dict[BeatKind, list[str]] = {}
    for at, run in runs:
        kind, width = run[0].kind, len(run)
        top = _TOP[kind]
        drawn = f"M{at} {top}h{width}v{_HEIGHT - top}h-{width}z"
        shapes.setdefault(kind, []).append(drawn)
    paths = [element("path", class_=kind, d="".join(drawn)) for kind, drawn in shapes.items()]
    return element(
        "svg", *paths, viewBox=f"0 0 {of} {_HEIGHT}", preserveAspectRatio="none", width="100%",
        height=_HEIGHT,
    )  # fmt: skip


def title_of(run: Sequence[Beat]) -> str:
    """One line on a run of equal buckets: when, what, how much."""
    active = sum(beat.active for beat in run)
    broken = sum(beat.broken for beat in run)
    undecidable = sum(beat.undecidable for beat in run)
    said = {
        "crit": f"a critical rule broken, {broken} of {active} active cells bad",
        "degraded": f"broken, {broken} of {active} active cells bad",
        "risk": f"not as assigned in {broken} of {active} active cells",
        "blind": f"undecidable, {undecidable} of {active} active cells",
        "ok": f"upheld, {active} active cells",
        "idle": "beating, no governed action",
        "silent": "no beat",
    }
    return f"{run[0].begins}–{run[-1].ends} {said[run[0].kind]}"
