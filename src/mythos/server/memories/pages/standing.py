"""How one memory log stands, worst first, in a word that a badge shows.

An audit of the past vouches for the past: where the next one is overdue, nothing is green.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.resilience.components import integrity
from mythos.engines.resilience.moment import moment_of
from mythos.server.memories.pages.facts import LogFact

StandingName = Literal[
    "forked", "altered", "disordered", "unproved", "unaudited", "overdue", "as_logged"
]
RANK: dict[StandingName, int] = {
    "forked": 0, "altered": 1, "disordered": 2, "unproved": 3, "overdue": 4, "unaudited": 5,
    "as_logged": 6,
}  # fmt: skip
_BADGES: dict[StandingName, tuple[str, str]] = {
    "forked": ("critical", "Does not hold"),
    "altered": ("critical", "Altered"),
    "disordered": ("warning", "Not as logged"),
    "unproved": ("warning", "Growth not proved"),
    "overdue": ("SILENT", "Audit overdue"),
    "unaudited": ("UNKNOWN", "No audit"),
    "as_logged": ("HEALTHY", "As logged"),
}
_UNHEARD = "; it had not heard yet that the log began anew: its first audit after that counts"


@dataclass(frozen=True, slots=True)
class Standing:
    """State of a log with its reason, and its integrity; `mid` is None where that is unknown."""

    name: StandingName
    reason: str
    low: float
    mid: float | None
    high: float

    @property
    def badge(self) -> str:
        """The badge's name."""
        return _BADGES[self.name][0]

    @property
    def word(self) -> str:
        """The badge's word."""
        return _BADGES[self.name][1]


def standing_of(log: LogFact, *, at: datetime) -> Standing:
    """Judge a log by its newest audit and by what the witness knows, as the score does."""
    name, reason = _named(log, at=at)
    audit = replace(log.audit, proof_failed=True) if log.audit and _forked(log) else log.audit
    bodies = {log.origin: [audit]} if audit else {}
    unproved = {log.origin} if log.waiting else set()
    part = integrity(bodies, applies=True, unproved=unproved)
    return Standing(name, reason, part.low, part.mid, part.high)


def audited_at(body: MemoryBody | None) -> datetime | None:
    """When an audit was taken; None if never."""
    return moment_of(body.audited_at) if body and body.audited_at else None


def _forked(log: LogFact) -> bool:
    return log.fork is not None and log.fork.open


def _named(log: LogFact, *, at: datetime) -> tuple[StandingName, str]:
    audit = log.audit
    if _forked(log) and log.fork is not None:
        return "forked", f"the log contradicts what the witness remembers: {log.fork.why}"
    if audit is not None and audit.proof_failed:
        failed = "the host's own audit says that a proof of the log does not hold"
        unheard = audit.restarts and not audit.heard_at
        return "forked", f"{failed}{_UNHEARD if unheard else ''}"
    if audit is None or not audit.audited_at:
        return "unaudited", "no audit came of this log as it is now"
    return _audited(log, audit, at=at)


def _audited(log: LogFact, audit: MemoryBody, *, at: datetime) -> tuple[StandingName, str]:
    if audit.altered:
        differ = "differs" if audit.altered == 1 else "differ"
        found = [f"{_keys(audit.altered)} {differ} from what was logged"]
        others = ((audit.missing, "missing"), (audit.unlogged, "unlogged"))
        return "altered", ", ".join(found + [f"{n:,} {kind}" for n, kind in others if n])
    if audit.missing or audit.unlogged:
        return "disordered", f"{audit.missing} missing, {audit.unlogged} unlogged"
    if log.waiting is not None and log.witnessed is not None:
        grown = f"{log.witnessed.size} to {log.waiting.size} entries"
        return "unproved", f"the log says it grew from {grown}, and has not proved it"
    if not log.reported:
        return "overdue", "the host's newest report lacks this log, so nothing vouches for now"
    if log.host.presence.silent(at):
        return "overdue", "the host's report is overdue, so nothing vouches for now"
    since = f", {audit.written_since:,} written since the audit" if audit.written_since else ""
    return "as_logged", f"{_keys(audit.ok)} as logged{since}"


def _keys(n: int) -> str:
    return f"{n:,} key" if n == 1 else f"{n:,} keys"
