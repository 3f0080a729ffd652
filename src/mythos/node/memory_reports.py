"""What a node says of its agents' memories: audits, signed checkpoints, newest entries.

One log costs at most its own row. One that cannot be looked at now (locked, a full disk) has none,
so nobody vouches for it; what was last found wrong goes on being told. One whose name would be too
long has none either. One that fails by a fault of this program is told as one that does not hold.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from pydantic import JsonValue

from mythos.adapters.key_file import SigningKey
from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_checkpoint import GrownLog, sign_growth
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.adapters.memory_tail import read_tail
from mythos.engines.evidence.memory import MAX_KEYS, MAX_TOLD, MemoryBody
from mythos.engines.evidence.plain import plain_line
from mythos.engines.evidence.row import EvidenceRow
from mythos.engines.judge.rows import NS, Place
from mythos.engines.memory.checkpoint import log_origin
from mythos.engines.memory.note import NoteVerifier
from mythos.engines.memory.verified_notes import VerifiedNotes
from mythos.errors import MemoryLogError, MythosError, UnavailableError
from mythos.node.duty import Duty
from mythos.node.home import NodeHome
from mythos.node.paced_audits import HeldAudit, PacedAudits, grown_since
from mythos.node.problems import in_words
from mythos.node.store import NodeStore
from mythos.node.tails import memos_of, untold, within
from mythos.node.witnessed import TOLD, bases_of, heard_at, witnessed_in
from mythos.values.memory import BadClass, Checkpoint, LogTail, MemoryAudit

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MemoryReport:
    """What one beat says: evidence rows, and of each log its checkpoint and newest entries."""

    grown: Sequence[GrownLog]
    tails: Sequence[LogTail]
    rows: Sequence[EvidenceRow]

    @property
    def memos(self) -> dict[str, str]:
        """What to remember of it when it is sealed."""
        sizes = {TOLD + one.checkpoint.origin: str(one.checkpoint.size) for one in self.grown}
        return {**sizes, **memos_of(self.tails)}


@dataclass(frozen=True, slots=True)
class _Told:
    """What is said of one log: of its audit, why it does not hold if so, and what was signed."""

    body: MemoryBody
    failed: str | None
    grown: list[GrownLog] = field(default_factory=list)
    tails: list[LogTail] = field(default_factory=list)


class MemoryReporter:
    """Looks at the memories of one node at each beat."""

    def __init__(
        self,
        home: NodeHome,
        store: NodeStore,
        key: SigningKey,
        *,
        audits: PacedAudits,
        secret: Callable[[], bytes],
        key_names: bool,
    ) -> None:
        """Begin without an audit.

        Args:
            home: where memories and logs lie.
            store: what was told and heard before.
            key: signs checkpoints.
            audits: the newest of each log, and when the next is due.
            secret: what hashes of contents that are logged nowhere are made with.
            key_names: see `Reporter`.
        """
        self._home = home
        self._store = store
        self._key = key
        self._audits = audits
        self._secret = secret
        self._key_names = key_names
        self._failed_logs: dict[str, str] = {}
        self._unseen_logs: dict[str, str] = {}
        self._verified: defaultdict[str, VerifiedNotes] = defaultdict(VerifiedNotes)

    @property
    def failed_logs(self) -> Mapping[str, str]:
        """Agents whose memory log did not hold at the newest report, each with why."""
        return self._failed_logs

    @property
    def unseen_logs(self) -> Mapping[str, str]:
        """Agents whose memory log could not be looked at for the newest report, each with why."""
        return self._unseen_logs

    @property
    def audits(self) -> list[dict[str, JsonValue]]:
        """The newest audit of each memory log: when, its cost, and the pause after it."""
        return self._audits.told()

    def report(self, duty: Duty, place: Place, *, at: datetime) -> MemoryReport:
        """Audit what is due, and sign and prove what every log is now.

        Args:
            duty: which agents have memory.
            place: of the evidence rows.
            at: now.
        """
        told: list[_Told] = []
        rows: list[EvidenceRow] = []
        self._unseen_logs, failed, origins = {}, {}, set()
        for name, (digest, agent) in duty.agents.items():
            if agent.memory is None:
                continue
            try:
                origin = log_origin(place.node, name)
            except MemoryLogError as error:
                self._unseen_logs[name] = in_words(error)
                continue
            origins.add(origin)
            said = self._said(name, origin, at=at)
            if said is None:
                continue
            if said.failed is not None:
                failed[name] = said.failed
            key = place.key("memory", agent=digest, subject=origin, at_ns=int(at.timestamp()) * NS)
            rows.append(EvidenceRow(key, said.body))
            told.append(said)
        self._audits.keep_only(origins)
        self._failed_logs = failed
        grown = [one for each in told for one in each.grown]
        return MemoryReport(grown, within(tail for each in told for tail in each.tails), rows)

    def _said(self, name: str, origin: str, *, at: datetime) -> _Told | None:
        """What is said of a log now; None if it cannot be looked at, and nothing was wrong."""
        try:
            return self._look(name, origin, at=at)
        except UnavailableError as error:
            self._unseen_logs[name] = in_words(error)
            return self._wrong_before(origin)

    def _look(self, name: str, origin: str, *, at: datetime) -> _Told:
        """Audit a log if that is due, and sign and prove what it is now.

        Raises:
            UnavailableError: it cannot be looked at now.
        """
        log = self._home.memory_log(name)
        witnessed, heard = witnessed_in(self._store, origin), heard_at(self._store, origin)
        said = _Told(MemoryBody(heard_at=heard), None)
        try:
            held = self._audits.standing(origin, log, witnessed=witnessed, heard_at=heard)
            paced = held is not None
            if held is None:
                audit = partial(self._audit, name, origin, at=at)
                held = self._audits.take(origin, audit, heard_at=heard)
            said = _of(held)
            grown = sign_growth(log, self._key.raw, bases=bases_of(self._store, origin))
            said.grown.append(grown)
            if said.failed is None:
                said.tails.extend(self._newest(log, grown.checkpoint))
            if paced and held.sound:
                said = replace(said, body=grown_since(said.body, log, grown.checkpoint))
        except UnavailableError:
            raise
        except MythosError as error:
            return self._failing(said, origin, error.message, at=at)
        except Exception as error:  # noqa: BLE001 - one log is never the end of the others
            return self._failing(said, origin, self._fault(name, error), at=at)
        return said

    def _failing(self, said: _Told, origin: str, why: str, *, at: datetime) -> _Told:
        """What was to be said of a log, of which a proof did not hold."""
        self._audits.failed(origin, why, at=at)
        body = replace(said.body, proof_failed=True, audited_at=int(at.timestamp()))
        return replace(said, body=body, failed=why)

    def _wrong_before(self, origin: str) -> _Told | None:
        """What was last found of a log, if that was wrong: no lock hides it."""
        held = self._audits.newest(origin)
        return None if held is None or held.sound else _of(held)

    def _fault(self, name: str, error: Exception) -> str:
        """What is said of a log that this program cannot audit."""
        fault = plain_line(f"it cannot be audited: {error!r}")
        if self._failed_logs.get(name) != fault:
            _log.error("memory log of %s", name, exc_info=error)
        return fault

    def _newest(self, log: Path, said: Checkpoint) -> list[LogTail]:
        """What was not told yet of the entries before a checkpoint: one tail, or none."""
        most = untold(self._store, log, said)
        return [read_tail(log, said, most=most, named=self._key_names)] if most else []

    def _audit(self, name: str, origin: str, *, at: datetime) -> MemoryAudit:
        verifier = NoteVerifier.of_bytes(origin, self._key.public.raw.public_bytes_raw())
        try:
            audit = audit_store(
                DirectoryStore(self._home.memory(name)),
                self._home.memory_log(name),
                at=at,
                verifiers=[verifier],
                verified=self._verified[origin],
                witnessed=witnessed_in(self._store, origin),
                secret=self._secret(),
            )
        except MemoryLogError as error:
            return MemoryAudit(origin=origin, proof_failed=error.message, audited_at=at)
        except MythosError:
            raise
        except Exception as error:  # noqa: BLE001 - what breaks the audit must not pass for sound
            fault = self._fault(name, error)
            return MemoryAudit(origin=origin, proof_failed=fault, audited_at=at)
        if audit.root is not None and audit.origin != origin:
            failed = f"the log is that of {audit.origin!r}"
            return MemoryAudit(origin=origin, proof_failed=failed, audited_at=at)
        return audit


def _of(held: HeldAudit) -> _Told:
    return _Told(replace(body_of(held.audit), heard_at=held.heard_at), held.audit.proof_failed)


def body_of(audit: MemoryAudit) -> MemoryBody:
    """An audit as an evidence body; names of bad keys, and what the log says, up to its limits."""
    bad: list[tuple[str, BadClass]] = [
        *((key, "altered") for key in audit.altered),
        *((key, "missing") for key in audit.missing),
        *((key, "unlogged") for key in audit.unlogged),
    ]
    keys = dict(bad[:MAX_KEYS])
    told = [each for each in audit.offenders if keys.get(each.key) == each.kind]
    return MemoryBody(
        size=audit.size,
        audited_at=int(audit.audited_at.timestamp()),
        root=audit.root or "",
        ok=audit.ok,
        altered=len(audit.altered),
        missing=len(audit.missing),
        unlogged=len(audit.unlogged),
        expired=len(audit.expired),
        proof_failed=audit.proof_failed is not None,
        keys=keys,
        offenders=tuple(told[:MAX_TOLD]),
    )
