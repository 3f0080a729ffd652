"""The strip of audits: equal stretches of time, each with the worst that an audit in it found.

Height carries the finding as well as colour: tall is a broken proof, then altered, then missing or
unlogged keys; low grey is a stretch without an audit, nothing at all is before the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from django.utils.safestring import SafeString

from mythos.server.web.charts.svg import element, percent

AuditKind = Literal["crit", "degraded", "risk", "ok", "silent", "before"]
_TOP: dict[AuditKind, int] = {"crit": 0, "degraded": 3, "risk": 6, "ok": 10, "silent": 21}
_WORDS: dict[AuditKind, str] = {
    "crit": "a proof of the log did not hold",
    "degraded": "altered",
    "risk": "missing or unlogged",
    "ok": "as logged",
    "silent": "no audit",
}
_HEIGHT = 24


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch: when it begins, its audits, and the most keys that one found in each class."""

    kind: AuditKind
    begins: str
    audits: int = 0
    altered: int = 0
    missing: int = 0
    unlogged: int = 0


def audit_strip(stretches: Sequence[Stretch]) -> SafeString:
    """Draw the strip, oldest first; each run of stretches of one kind has a title."""
    marks, at = [], 0
    for kind, group in groupby(stretches, key=lambda each: each.kind):
        run = list(group)
        if kind != "before":
            marks.append(_mark(run, at=at, of=len(stretches)))
        at += len(run)
    return element("svg", *marks, class_="beats", role="img", aria_label=_label(stretches))


def _mark(run: Sequence[Stretch], *, at: int, of: int) -> SafeString:
    kind = run[0].kind
    title = f"from {run[0].begins}: {sum(each.audits for each in run)} audits, {_WORDS[kind]}"
    return element(
        "rect",
        element("title", title),
        class_=kind,
        x=percent(at / of),
        y=_TOP[kind],
        width=percent(len(run) / of),
        height=_HEIGHT - _TOP[kind],
    )


def _label(stretches: Sequence[Stretch]) -> str:
    counts = {kind: sum(each.kind == kind for each in stretches) for kind in _WORDS}
    said = ", ".join(f"{n} {_WORDS[kind]}" for kind, n in counts.items() if n)
    return f"stretches of time by the worst that an audit found: {said or 'none audited'}"
