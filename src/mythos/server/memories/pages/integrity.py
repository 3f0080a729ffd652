"""Integrity over time: audits of a log in equal stretches, and in spells that are equally bad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from math import ceil

from mythos.engines.resilience.moment import moment_of
from mythos.server.documents.selection import Span
from mythos.server.memories.pages.facts import AuditsFact
from mythos.server.web.charts.audit_strip import AuditKind, Stretch

WIDTHS: dict[Span, int] = {"24h": 900, "7d": 7_200, "28d": 28_800}
"""Seconds of a stretch of the strip: 96 or 84 in each range."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Successive stretches whose audits found as much wrong; `ok` and `size` are of the last."""

    begins: datetime
    ends: datetime
    audits: int
    size: int
    ok: int
    altered: int
    missing: int
    unlogged: int
    failed: bool

    @property
    def kind(self) -> AuditKind:
        """How bad."""
        return _kind(self.failed, self.altered, self.missing + self.unlogged)


def strip_of(
    found: Sequence[AuditsFact], *, at: datetime, span_s: int, width_s: int, first: int | None
) -> tuple[Stretch, ...]:
    """Every stretch of the span, oldest first; those before the `first` audit are no gap."""
    known = {each.begins: each for each in found}
    last = int(at.timestamp()) // width_s
    numbers = range(last - ceil(span_s / width_s), last + 1)
    return tuple(
        _stretch(known.get(number * width_s), number * width_s, width_s=width_s, first=first)
        for number in numbers
    )


def spells_of(found: Sequence[AuditsFact], *, width_s: int) -> tuple[Spell, ...]:
    """Spells in which as much was wrong, newest first. A gap without audits does not end one."""
    spells = [_spell(list(group), width_s=width_s) for _, group in groupby(found, key=_wrong)]
    return tuple(reversed(spells))


def _wrong(each: AuditsFact) -> tuple[bool, int, int, int]:
    return bool(each.failed), each.altered, each.missing, each.unlogged


def _spell(group: Sequence[AuditsFact], *, width_s: int) -> Spell:
    first, last = group[0], group[-1]
    failed, altered, missing, unlogged = _wrong(first)
    return Spell(
        begins=_time(first.begins),
        ends=_time(last.begins + width_s),
        audits=sum(each.audits for each in group),
        size=last.size,
        ok=last.ok,
        altered=altered,
        missing=missing,
        unlogged=unlogged,
        failed=failed,
    )


def _stretch(each: AuditsFact | None, begins: int, *, width_s: int, first: int | None) -> Stretch:
    when = f"{_time(begins):%d %b %H:%M}".lstrip("0")
    if each is None:
        before = first is None or begins + width_s <= first
        return Stretch("before" if before else "silent", when)
    kind = _kind(bool(each.failed), each.altered, each.missing + each.unlogged)
    return Stretch(kind, when, each.audits, each.altered, each.missing, each.unlogged)


def _kind(failed: bool, altered: int, others: int) -> AuditKind:  # noqa: FBT001
    if failed:
        return "crit"
    return "degraded" if altered else "risk" if others else "ok"


def _time(seconds: int) -> datetime:
    return moment_of(seconds)
