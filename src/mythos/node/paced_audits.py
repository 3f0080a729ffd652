"""Audits of a node's memories, each as often as its cost allows, and what is said between two.

Between two audits a log is looked at cheaply at every beat: by its stored hashes it must still
extend what the last audit found and what the witness remembers. Where it does not, the next audit
is due at once; where the last one found something wrong, soon. Nothing is kept on disk: the first
beat of a process audits everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from mythos.adapters.memory_checkpoint import still_extends
from mythos.adapters.memory_log import open_log
from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.pace import AuditPace
from mythos.values.memory import Checkpoint, MemoryAudit

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class HeldAudit:
    """An audit, and when the witness had cosigned what it was held against (0: not known)."""

    audit: MemoryAudit
    heard_at: int

    @property
    def sound(self) -> bool:
        """Whether it found nothing wrong."""
        audit = self.audit
        return not (audit.proof_failed or audit.altered or audit.missing or audit.unlogged)

    @property
    def checkpoint(self) -> list[Checkpoint]:
        """What the log was; nothing where there was none."""
        audit = self.audit
        if audit.root is None:
            return []
        return [Checkpoint(origin=audit.origin, size=audit.size, root=audit.root)]


class PacedAudits:
    """The newest audit of each log of one node."""

    def __init__(self, clock: Clock, processor: Clock) -> None:
        """Begin with none.

        Args:
            clock: tells seconds, and never goes back.
            processor: tells the processor seconds that this thread has taken.
        """
        self._clock, self._processor = clock, processor
        self._pace = AuditPace()
        self._held: dict[str, HeldAudit] = {}

    def standing(
        self, origin: str, log: Path, *, witnessed: Sequence[Checkpoint], heard_at: int
    ) -> HeldAudit | None:
        """The last audit of a log, where none is due now; with the proof that failed since.

        Args:
            origin: the log's name.
            log: where it lies.
            witnessed: what its witness remembers.
            heard_at: when that was cosigned; what was never heard of before is worth an audit.

        Raises:
            UnavailableError: the log cannot be looked at now.
        """
        held = self._held.get(origin)
        if held is None:
            return None
        suspicious = bool(heard_at) != bool(held.heard_at) or not still_extends(
            log, [*held.checkpoint, *witnessed]
        )
        due = self._pace.due(origin, suspicious=suspicious, now_s=self._clock())
        return None if due else held

    def newest(self, origin: str) -> HeldAudit | None:
        """The last audit of a log, however long ago that was."""
        return self._held.get(origin)

    def take(self, origin: str, audit: Callable[[], MemoryAudit], *, heard_at: int) -> HeldAudit:
        """Audit a log now."""
        before_s = self._processor()
        held = HeldAudit(audit(), heard_at)
        cost_s = self._processor() - before_s
        self._pace.taken(origin, ended_s=self._clock(), cost_s=cost_s, sound=held.sound)
        self._held[origin] = held
        return held

    def failed(self, origin: str, why: str, *, at: datetime) -> None:
        """Say that a proof of a log did not hold: told until its next audit, which comes soon."""
        self._pace.doubt(origin)
        if (held := self._held.get(origin)) is not None:
            found = held.audit.model_copy(update={"proof_failed": why, "audited_at": at})
            self._held[origin] = replace(held, audit=found)

    def keep_only(self, origins: Collection[str]) -> None:
        """Forget logs that the node does not keep any more."""
        self._pace.keep_only(origins)
        self._held = {name: held for name, held in self._held.items() if name in origins}

    def told(self) -> list[dict[str, JsonValue]]:
        """What `mythos node status` says of audits: when, their cost, and how long none is due."""
        return [
            {
                "log": origin,
                "audited_at": held.audit.audited_at.astimezone(UTC).isoformat(),
                "cpu_s": round(self._pace.cost_s(origin), 3),
                "pause_s": round(self._pace.pause_s(origin)),
            }
            for origin, held in list(self._held.items())
        ]


def grown_since(body: MemoryBody, log: Path, said: Checkpoint) -> MemoryBody:
    """An audit that found nothing wrong, as it is told when its log has grown to `said`.

    Keys written since are in no class: those that may have been among the good ones are not
    counted there any more.

    Raises:
        MemoryLogError: the log cannot be read.
    """
    with open_log(log) as opened:
        written, known = opened.keys_written(body.size, said.size)
    return replace(
        body,
        size=said.size,
        root=said.root,
        ok=max(body.ok - known, 0),
        written_since=written,
    )
