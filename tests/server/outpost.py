"""A node that speaks to a control plane: its key, its envelopes, its evidence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mythos.adapters.dsse import sign_envelope
from mythos.adapters.key_file import SigningKey
from mythos.engines.evidence.action import ActionBody
from mythos.engines.evidence.body import Body
from mythos.engines.evidence.row import EvidenceRow, RowKey, to_wire
from mythos.engines.evidence.time import TimeBody
from mythos.engines.evidence.window import HOUR_S, bit_at, cell_of
from mythos.values.digest import JsonValue
from mythos.values.enrolment import EnrolmentRequest
from mythos.values.evidence import PAYLOAD_TYPE, Envelope, InForce, RowKind

AT = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
SET = "sha256:" + "5" * 64


@dataclass
class Outpost:
    """`lab-1` of `lab` unless told otherwise."""

    node: str = "lab-1"
    environment: str = "lab"
    key: SigningKey = field(default_factory=lambda: SigningKey(Ed25519PrivateKey.generate()))
    epoch: str = "0123456789abcdef"
    counter: int = 0

    @property
    def request(self) -> EnrolmentRequest:
        return EnrolmentRequest(node=self.node, public_key=self.key.public.pem)

    def row(
        self, kind: RowKind, body: Body, *, subject: str = "", at: datetime = AT
    ) -> EvidenceRow:
        width = HOUR_S if kind == "time" else 60
        cell = cell_of(at.timestamp(), width)
        key = RowKey(self.node, self.environment, "", "", kind, subject, cell, width)
        return EvidenceRow(key, body)

    def actions(self, n: int = 1, x: int = 0, *, at: datetime = AT) -> EvidenceRow:
        return self.row("action", ActionBody(n, x), subject="refund", at=at)

    def covered(self, *, at: datetime = AT) -> EvidenceRow:
        body = TimeBody(cell_s=60, covered=bit_at(at.timestamp(), 60), spans_received=1)
        return self.row("time", body, at=at)

    def envelope(self, rows: Iterable[EvidenceRow] = (), **changes: object) -> Envelope:
        """The next envelope; `changes` override its header."""
        self.counter += 1
        made = Envelope(
            node=self.node,
            environment=self.environment,
            key_id=self.key.key_id,
            epoch=self.epoch,
            counter=self.counter,
            sent_at=int(AT.timestamp()),
            cell_s=60,
            heartbeat_s=60,
            in_force=InForce(policy_sets=(SET,)),
            rows=tuple(to_wire(row) for row in rows),
        )
        return made.model_copy(update=changes)

    def sealed(self, rows: Iterable[EvidenceRow] = (), **changes: object) -> bytes:
        """The next envelope, signed."""
        return self.signed(self.envelope(rows, **changes).model_dump(mode="json", by_alias=True))

    def signed(self, payload: JsonValue, *, key: SigningKey | None = None) -> bytes:
        return sign_envelope(json.dumps(payload).encode(), PAYLOAD_TYPE, key or self.key)


def minutes(n: int) -> timedelta:
    return timedelta(minutes=n)
