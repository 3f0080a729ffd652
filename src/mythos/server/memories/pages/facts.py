"""What the database knows of memory logs, as plain values the pages are made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from pydantic import JsonValue

from mythos.engines.evidence.memory import MemoryBody
from mythos.engines.memory.checkpoint import log_origin
from mythos.engines.memory.tail import require_tail
from mythos.engines.resilience.presence import Presence
from mythos.errors import MemoryLogError
from mythos.values.accept_order import AcceptOrder
from mythos.values.memory import Checkpoint, LogTail


@dataclass(frozen=True, slots=True)
class HostFact:
    """A host that keeps logs, and how it is heard; `public_key` is PEM."""

    node_id: str
    environment: str
    presence: Presence
    public_key: str


@dataclass(frozen=True, slots=True)
class WitnessedFact:
    """The newest checkpoint that was proved; `cosigned` is the note with the witness's line."""

    size: int
    root: str
    note: str
    cosigned: str
    seen_at: datetime

    @property
    def newest(self) -> str:
        """The note to give out: cosigned where it is."""
        return self.cosigned or self.note


@dataclass(frozen=True, slots=True)
class KeptFact:
    """The newest entries of a log, and the checkpoint that they are to end at."""

    tail: LogTail
    witnessed: WitnessedFact

    @property
    def problem(self) -> str:
        """Why they are not the end of the log as it was witnessed; empty where they are."""
        said = Checkpoint(
            origin=self.tail.origin, size=self.witnessed.size, root=self.witnessed.root
        )
        try:
            require_tail(self.tail, said)
        except MemoryLogError as error:
            return error.message
        return ""


@dataclass(frozen=True, slots=True)
class WaitingFact:
    """The largest checkpoint that waits for a proof, and since when one does."""

    size: int
    root: str
    since: datetime


@dataclass(frozen=True, slots=True)
class ForkFact:
    """How a log contradicted itself; `evidence` holds the signed notes, the first and newest."""

    why: str
    seen_at: datetime
    resolved_at: datetime | None
    evidence: tuple[JsonValue, ...] = ()

    @property
    def open(self) -> bool:
        """Whether no operator has resolved it."""
        return self.resolved_at is None


@dataclass(frozen=True, slots=True)
class LogFact:
    """One log of a host: its newest audit, what is remembered, what waits, what contradicts it.

    `reported`: whether the audit came with the host's newest report.
    """

    origin: str
    host: HostFact
    audit: MemoryBody | None = None
    reported: bool = True
    witnessed: WitnessedFact | None = None
    waiting: WaitingFact | None = None
    fork: ForkFact | None = None

    @property
    def agent(self) -> str:
        """Whose memory it is; empty where the log is not named after its host."""
        own = log_origin(self.host.node_id, "x").removesuffix("x")
        return unquote(self.origin.removeprefix(own)) if self.origin.startswith(own) else ""


@dataclass(frozen=True, slots=True)
class OrderFact:
    """An order to accept a key, and what became of it.

    `entry` and `answer` are the host's, with `outcome`, which is empty until it has answered.
    `of_before`: the log began anew since.
    """

    order: AcceptOrder
    ordered_at: datetime
    withdrawn_at: datetime | None
    answered_at: datetime | None
    outcome: str
    entry: int | None
    answer: str
    of_before: bool


@dataclass(frozen=True, slots=True)
class AuditsFact:
    """The audits of a stretch of time that begins at Unix second `begins`, taken together.

    `ok` and `size` are the least, `altered`, `missing` and `unlogged` the most that one found;
    `failed` counts audits whose proofs of the log did not hold.
    """

    begins: int
    audits: int
    size: int
    ok: int
    altered: int
    missing: int
    unlogged: int
    failed: int
