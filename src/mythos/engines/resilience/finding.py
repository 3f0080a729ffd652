"""Findings become flags: one builder, one fingerprint.

The fingerprint is SHA-256 of `code|subject`, and the subject begins with the node, so the same
finding keeps its identity over restarts and two nodes never share one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from mythos.engines.resilience.catalogue import CATALOGUE, FlagSeverity
from mythos.engines.resilience.moment import written
from mythos.values.reading import BenignNote, EvidenceRef, Flag

MAX_REFS = 32


def fingerprint(code: str, subject: str) -> str:
    """Name a finding for de-duplication: hexadecimal SHA-256 of `code|subject`."""
    return hashlib.sha256(f"{code}|{subject}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when findings are made: one node, one moment, one window."""

    node: str
    as_of: datetime
    window_s: int

    def subject(self, *parts: str) -> str:
        """Name what a flag is about, the node first."""
        return "/".join((self.node, *parts))


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition that holds; `words` fill the catalogue's sentence. Times default to now."""

    code: str
    subject: str
    words: dict[str, str]
    severity: FlagSeverity | None = None
    value: float | None = None
    threshold: float | None = None
    probability: float | None = None
    since: str = ""
    last_seen: str = ""
    window_s: int | None = None
    evidence: tuple[EvidenceRef, ...] = ()
    benign: tuple[BenignNote, ...] = ()

    def flag(self, scene: Scene) -> Flag:
        """Return the flag of this finding: firing, unless all it rests on was marked benign."""
        kind = CATALOGUE[self.code]
        now = written(scene.as_of)
        return Flag(
            code=self.code,
            severity=self.severity or kind.severity,
            component=kind.component,
            subject=self.subject,
            since=self.since or now,
            last_seen=self.last_seen or now,
            state="benign" if self.benign else "firing",
            benign=self.benign,
            value=self.value,
            threshold=self.threshold,
            window_s=self.window_s or scene.window_s,
            probability=self.probability,
            evidence=self.evidence[:MAX_REFS],
            suggested_action=kind.suggested_action.format(**self.words),
            fingerprint=fingerprint(self.code, self.subject),
        )


def flags_of(findings: Iterable[Finding], scene: Scene) -> list[Flag]:
    """Return one flag a finding, in the order given."""
    return [finding.flag(scene) for finding in findings]
