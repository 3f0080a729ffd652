"""What the node says: time rows, memory audits, envelopes; sent, or spooled for a file.

One envelope a beat, or several where an agent gave so much to tell that one would be refused for
its size. Their rows are everything that is pending; their counters and the removal of those rows
are one transaction, so a crash neither loses evidence nor says it twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import JsonValue

from mythos.adapters.dsse import sign_envelope
from mythos.adapters.key_file import SigningKey
from mythos.adapters.memory_log_database import waiting_at_most
from mythos.engines.evidence.row import EvidenceRow, bytes_of_row, from_wire, merge, to_wire
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import hours_touched
from mythos.engines.judge.rows import NS, Place
from mythos.errors import (
    IdentityError,
    MemoryLogError,
    MythosError,
    TrustError,
    UnavailableError,
)
from mythos.node.control_plane import Acknowledged, ControlPlane
from mythos.node.duty import Duty
from mythos.node.home import NodeHome
from mythos.node.memory_reports import MemoryReport, MemoryReporter
from mythos.node.orders import Orders
from mythos.node.paced_audits import Clock, PacedAudits
from mythos.node.store import NodeStore, StoredEnvelope
from mythos.node.witnessed import take_signed, take_view
from mythos.values.accept_order import OrderAnswer
from mythos.values.digest import canonical_bytes
from mythos.values.enrolment import Acceptance
from mythos.values.evidence import PAYLOAD_TYPE, Envelope, InForce, Row

MISSED_BEATS = 3
STALE_GRACE_S = 300
ENVELOPE_BYTES = 4 * 2**20
"""Rows of one envelope, about; the control plane reads bodies of up to 16 MiB."""
ENVELOPE_ROWS = 10_000
LOOK_WAIT_S = 2.0
"""For a lock that somebody holds on a memory log: the beat waits as long for each."""


class Reporter:
    """Seals envelopes for one node and delivers them."""

    def __init__(
        self,
        home: NodeHome,
        store: NodeStore,
        acceptance: Acceptance,
        key: SigningKey,
        *,
        key_names: bool = True,
        orders: Orders | None = None,
        clock: Clock = time.monotonic,
        processor: Clock = time.thread_time,
    ) -> None:
        """Speak for a node.

        Args:
            home: where its memories lie.
            store: what waits, and what was told.
            acceptance: who it is.
            key: signs envelopes and checkpoints.
            key_names: whether newest entries of memory logs are told with the names of their keys.
            orders: what operators ordered of its memories; None: orders are taken.
            clock, processor: as for `PacedAudits`.
        """
        self.orders = orders or Orders(home, store)
        self._home = home
        self._store = store
        self._acceptance = acceptance
        self._key = key
        self._stale_since_s: float | None = None
        self._memories = MemoryReporter(
            home,
            store,
            key,
            audits=PacedAudits(clock, processor),
            secret=lambda: self.orders.secret,
            key_names=key_names,
        )

    @property
    def failed_logs(self) -> Mapping[str, str]:
        """Agents whose memory log did not hold at the newest beat, each with why."""
        return self._memories.failed_logs

    @property
    def unseen_logs(self) -> Mapping[str, str]:
        """Agents whose memory log could not be looked at for the newest beat, each with why."""
        return self._memories.unseen_logs

    @property
    def audits(self) -> list[dict[str, JsonValue]]:
        """The newest audit of each memory log: when, its cost, and the pause after it."""
        return self._memories.audits

    def beat(self, duty: Duty, in_force: InForce, *, stale: bool, at: datetime) -> int:
        """Seal everything pending and this beat's own rows.

        Args:
            duty: what runs here.
            in_force: what to say of it.
            stale: whether the newest assignment seen is another bundle.
            at: now.

        Returns:
            The counter of the newest envelope.

        Raises:
            UnavailableError: nothing can be kept now; the next beat tells it all.
        """
        place = Place(
            self._acceptance.node,
            self._acceptance.environment,
            duty.digest,
            self._acceptance.cell_s,
        )
        with waiting_at_most(LOOK_WAIT_S):
            self.orders.carry_out(duty, node=place.node, at=at)
            answers = self.orders.answers()
            waiting = self._store.pending()
            memories = self._memories.report(duty, place, at=at)
        rows = merge(
            (
                *(from_wire(Row.model_validate_json(row)) for _, row in waiting),
                *self._time_rows(place, stale=stale, at_s=at.timestamp()),
                *memories.rows,
            )
        )
        envelopes = self._sealed(rows, memories, answers, in_force, at=at)
        self._store.seal(
            envelopes,
            pending=[key for key, _ in waiting],
            beat_s=at.timestamp(),
            memos=memories.memos,
            answers=[one.id for one in answers],
        )
        return envelopes[-1].counter

    def _sealed(
        self,
        rows: Sequence[EvidenceRow],
        memories: MemoryReport,
        answers: Sequence[OrderAnswer],
        in_force: InForce,
        *,
        at: datetime,
    ) -> list[StoredEnvelope]:
        first = self._store.next_counter()
        header = Envelope(
            node=self._acceptance.node,
            environment=self._acceptance.environment,
            key_id=self._key.key_id,
            epoch=self._store.epoch,
            counter=first,
            sent_at=int(at.timestamp()),
            cell_s=self._acceptance.cell_s,
            heartbeat_s=self._acceptance.heartbeat_s,
            in_force=in_force,
        )
        once = {
            "checkpoints": tuple(one.note for one in memories.grown),
            "growth": tuple(proof for one in memories.grown for proof in one.growth),
            "tails": tuple(memories.tails),
            "answers": tuple(answers),
        }
        sealed = []
        for counter, part in enumerate(parts_of(rows), start=first):
            envelope = header.model_copy(
                update={
                    "counter": counter,
                    "rows": tuple(to_wire(row) for row in part),
                    **(once if counter == first else {}),
                }
            )
            document = envelope.model_dump(mode="json", by_alias=True)
            for newer in ("growth", "tails", "answers"):
                if not document[newer]:  # an older control plane knows no such field
                    del document[newer]
            payload = canonical_bytes(document)
            body = sign_envelope(payload, PAYLOAD_TYPE, self._key)
            sealed.append(StoredEnvelope(counter, body))
        return sealed

    def deliver(self, plane: ControlPlane) -> int:
        """Send what is unsent, oldest first; stop at the first that cannot be delivered now.

        Returns:
            How many were acknowledged.

        Raises:
            UnavailableError: the control plane does not answer; everything is kept.
        """
        sent = 0
        for envelope in self._store.unsent():
            try:
                answer = plane.send_evidence(envelope.body)
            except UnavailableError:
                raise
            except MythosError as refusal:
                self._store.mark_refused(envelope.counter, str(refusal))
                continue
            self._store.mark_sent(envelope.counter)
            self._take(answer)
            sent += 1
        return sent

    def _take(self, answer: Acknowledged) -> None:
        """Keep what the witness remembers, as far as it can be believed."""
        key = self._key.public
        if answer.view:
            with suppress(TrustError, IdentityError, MemoryLogError):
                take_signed(self._store, answer.view.encode(), self._acceptance, key)
        take_view(self._store, answer.witnessed, node=self._acceptance.node, key=key)

    def _time_rows(self, place: Place, *, stale: bool, at_s: float) -> Iterable[EvidenceRow]:
        """What this beat covers: the time back to the one before it, unless beats were missed."""
        reach_s = MISSED_BEATS * self._acceptance.heartbeat_s
        since_s = self._store.newest_beat_s
        if since_s is None or not 0 <= at_s - since_s <= reach_s:
            since_s = at_s
        late = self._stale_for(stale=stale, at_s=at_s) > STALE_GRACE_S
        touched = hours_touched(since_s, at_s + 1e-3, cell_s=place.cell_s)
        for hour, bits in touched.items():
            body = TimeBody(cell_s=place.cell_s, covered=bits, stale=bits if late else 0)
            yield EvidenceRow(place.hour(hour * NS), body)

    def _stale_for(self, *, stale: bool, at_s: float) -> float:
        """Seconds that this node has known of an assignment it does not run."""
        if not stale:
            self._stale_since_s = None
            return 0.0
        if self._stale_since_s is None:
            self._stale_since_s = at_s
        return at_s - self._stale_since_s


def parts_of(rows: Iterable[EvidenceRow]) -> Iterator[list[EvidenceRow]]:
    """Rows in portions that one envelope may carry; one empty portion where there are none."""
    part: list[EvidenceRow] = []
    size = 0
    for row in rows:
        more = len(bytes_of_row(row))
        if part and (size + more > ENVELOPE_BYTES or len(part) >= ENVELOPE_ROWS):
            yield part
            part, size = [], 0
        part.append(row)
        size += more
    yield part


def status_of(store: NodeStore, acceptance: Acceptance) -> dict[str, JsonValue]:
    """What `mythos node status` tells of the spool."""
    return {
        "node": acceptance.node,
        "environment": acceptance.environment,
        "at": datetime.now(UTC).isoformat(),
        **store.backlog(),
    }
