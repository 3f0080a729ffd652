"""The wire form of evidence, `mythos.evidence/1`: rows under an envelope.

An envelope holds *deltas* under the id (key, epoch, counter); a new state folder is a new epoch.
Unseen ids are accepted in any order; the same bytes again are "already counted"; the same id with
other bytes is a fork. Evidence does not expire; beyond retention it is refused as gone. Decay is
applied when reading, never when writing. The algebra of rows lives in `engines.evidence`.

The envelope travels as the payload of a DSSE envelope, signed by the node's Ed25519 key.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue

from mythos.values.accept_order import MAX_ORDERS, OrderAnswer
from mythos.values.base import Count, Digest, Value
from mythos.values.in_words import PLAIN_NAME
from mythos.values.memory import GrowthProof, LogTail

SCHEMA: Final = "mythos.evidence/1"
PAYLOAD_TYPE = "application/vnd.mythos.evidence.v1+json"

RowKind = Literal["policy", "shadow", "action", "workflow", "time", "memory"]
LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999: no later time can be written as a date."""
UnixSeconds = Annotated[int, Field(ge=0, le=LAST_SECOND)]
NodeName = Annotated[str, Field(min_length=1, max_length=150, pattern=PLAIN_NAME)]
EnvironmentName = NodeName
AgentRef = Annotated[str, Field(max_length=200, pattern=r"^(sha256:[0-9a-f]{64}|name:.*|)$")]


class Row(Value):
    """One evidence row. `cell` is the start of its cell (Unix seconds), `width_s` its width.

    `bundle` is the digest in force or `""`; `agent` a digest or `name:<name>`, `""` for rows of
    the whole node; `subject` a policy-set or workflow digest, a tool name, a log origin or `""`.
    `body` is the kind's own monoid in JSON (`engines.evidence`).
    """

    node: NodeName
    environment: EnvironmentName
    bundle: Digest | Literal[""] = ""
    agent: AgentRef = ""
    kind: RowKind
    subject: Annotated[str, Field(max_length=300)] = ""
    cell: UnixSeconds
    width_s: Annotated[int, Field(ge=1, le=86_400)]
    body: dict[str, JsonValue]


class InForce(Value):
    """What a node says it runs: the launched bundle and the policy sets that judge."""

    bundle: Digest | Literal[""] = ""
    agents: dict[str, Digest] = Field(default_factory=dict)
    policy_sets: tuple[Digest, ...] = ()
    shadow_sets: tuple[Digest, ...] = ()
    workflows: tuple[Digest, ...] = ()
    assignment_sequence: Count = 0
    timestamp_version: Count = 0


class Envelope(Value):
    """Rows and header of one signed message. A heartbeat's rows may be `time` alone.

    `checkpoints` are signed notes of the node's memory logs, at most one a log; `growth` proves
    that they extend checkpoints sent before; `tails` are the newest entries of those logs, and
    `answers` say what became of orders. Where there are none, a node leaves these three out.
    """

    schema_: Literal["mythos.evidence/1"] = Field(default=SCHEMA, alias="schema")
    node: NodeName
    environment: EnvironmentName
    key_id: Annotated[str, Field(min_length=8, max_length=128)]
    epoch: Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]
    counter: Count
    sent_at: UnixSeconds
    cell_s: Annotated[int, Field(ge=1, le=3_600)]
    heartbeat_s: Annotated[int, Field(ge=1, le=86_400)]
    in_force: InForce = InForce()
    rows: Annotated[tuple[Row, ...], Field(max_length=100_000)] = ()
    checkpoints: tuple[str, ...] = ()
    growth: Annotated[tuple[GrowthProof, ...], Field(max_length=2_000)] = ()
    tails: Annotated[tuple[LogTail, ...], Field(max_length=1_000)] = ()
    answers: Annotated[tuple[OrderAnswer, ...], Field(max_length=MAX_ORDERS)] = ()
