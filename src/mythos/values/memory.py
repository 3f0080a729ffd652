"""Agent-memory integrity on the wire: log entries, checkpoints and the result of an audit.

A memory log is append-only: one entry for each change of one memory. Entries hold hashes, never
content: `key_hash` hides the key, `content_hash` is of a salt, kept beside the content, and the
content, so that erasing both satisfies an erasure request while the log stays valid.

The Merkle tree over `MemoryEntry.canonical()` and its proofs live in `engines.memory`.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

import orjson
from pydantic import AwareDatetime, Field, model_validator

from mythos.values.base import Count, Digest, Value
from mythos.values.in_words import PLAIN_NAME

MemoryOp = Literal["put", "delete", "baseline", "expire", "accept"]
MemorySource = Literal["user", "tool", "agent", "import", "operator"]
ContentHash = Annotated[str, Field(pattern=r"^salted-sha256:[0-9a-f]{64}$")]
ShownHash = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,30}:[0-9a-f]{64}$")]
BadClass: TypeAlias = Literal["altered", "missing", "unlogged"]
Origin = Annotated[str, Field(min_length=1, max_length=300)]
StoreName = Annotated[str, Field(max_length=150, pattern=PLAIN_NAME)]
HashText = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
UnixMilliseconds = Annotated[int, Field(ge=0, le=253_402_300_799_999)]  # to the end of 9999

MAX_OFFENDERS = 32
MAX_TAIL = 500
"""Newest entries of a log that are kept and shown away from its host."""
MAX_KEY_CHARS = 10_000
MAX_NAME_CHARS = 1_000
_HAS_CONTENT: dict[MemoryOp, bool | None] = {
    "put": True,
    "baseline": True,
    "delete": False,
    "expire": False,
    "accept": None,  # an operator may accept a content or an absence
}


class MemoryEntry(Value):
    """One logged change of one memory; its canonical bytes are a leaf of the log's tree.

    `seq` is the leaf index; `ts` is Unix time in **milliseconds**; `trace_id` is the W3C trace of
    the change or `""`; `policy_ref` names the decision that let it through, or `""`.
    `content_hash` is the state after the change, null where the memory is gone. A roll-back's entry
    has the `trace_id` of the entry that it restores.
    """

    v: Literal[1] = 1
    seq: Count
    store: StoreName
    key_hash: Digest
    op: MemoryOp
    content_hash: ContentHash | None
    source: MemorySource
    trace_id: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""
    policy_ref: Annotated[str, Field(max_length=300)] = ""
    ts: UnixMilliseconds

    @model_validator(mode="after")
    def _content_fits_op(self) -> Self:
        wanted = _HAS_CONTENT[self.op]
        if wanted is not None and wanted != (self.content_hash is not None):
            needs = "a" if wanted else "no"
            msg = f"op {self.op!r} takes {needs} content_hash"
            raise ValueError(msg)
        return self

    def canonical(self) -> bytes:
        """Return the RFC 8785 bytes that the log's tree hashes.

        Of texts and whole numbers under ASCII names they are what orjson writes, sooner than the
        general writer.
        """
        return orjson.dumps(self.model_dump(), option=orjson.OPT_SORT_KEYS)


class Checkpoint(Value):
    """What a log claimed at one moment: its name, entry count and Merkle root (RFC 6962)."""

    origin: Origin
    size: Count
    root: Digest


class GrowthProof(Value):
    """The claim that a log of `size` entries begins with what it was at `old_size`.

    `hashes` is the consistency proof of RFC 9162 (2.1.4), each of 32 bytes in base64; none where
    the sizes are equal. It convinces only whoever knows the root at `old_size`.
    """

    origin: Origin
    old_size: Annotated[int, Field(ge=1, le=2**53)]
    size: Annotated[int, Field(ge=1, le=2**53)]
    hashes: Annotated[tuple[HashText, ...], Field(max_length=64)]


class LogTail(Value):
    """The newest entries of a log, up to a checkpoint that it has signed.

    `entries` are numbers `start`, `start + 1`, ...; `edge` the roots of the complete subtrees of
    all entries before them, the largest first, each of 32 bytes in base64. Together they give the
    root of the checkpoint, so that no entry can be invented. `names` are the keys of `entries`, by
    their hash, as far as the host knows them and they are short enough; a key that was erased has
    none.
    """

    origin: Origin
    start: Count
    edge: Annotated[tuple[HashText, ...], Field(max_length=64)]
    entries: Annotated[tuple[MemoryEntry, ...], Field(max_length=MAX_TAIL)]
    names: dict[Digest, Annotated[str, Field(max_length=MAX_NAME_CHARS)]] = Field(
        default_factory=dict
    )

    @property
    def size(self) -> int:
        """Entries of the whole log."""
        return self.start + len(self.entries)


class ShippedLog(Value):
    """The log of a memory that travels in a bundle, up to its newest signed checkpoint (`note`).

    `store` is what its entries call the shipped memory; `salts` (hex) are those of the memories
    that travel, by key.
    """

    schema_: Literal["mythos.memory-log/1"] = Field(default="mythos.memory-log/1", alias="schema")
    store: StoreName
    note: Annotated[str, Field(max_length=100_000)]
    entries: Annotated[tuple[MemoryEntry, ...], Field(max_length=10_000)]
    salts: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=dict)


class Offender(Value):
    """A key that is not as logged: the log's last word on it beside what was found.

    `seq` is the number of the key's newest entry, null where it has none; `op`, `logged`, `source`,
    `trace_id`, `policy_ref` and `ts` are that entry's (`logged` is its content hash). `found` is
    the hash of the live content: of an altered key under the entry's own salt, of an unlogged one
    under a salt that a node makes of a secret of its own. It is null where nothing is there, where
    it cannot be read, and where there is no salt.
    """

    key: Annotated[str, Field(max_length=MAX_KEY_CHARS)]
    kind: BadClass
    seq: Count | None = None
    op: MemoryOp | None = None
    logged: ShownHash | None = None
    found: ShownHash | None = None
    source: MemorySource | None = None
    trace_id: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""
    policy_ref: Annotated[str, Field(max_length=300)] = ""
    ts: UnixMilliseconds | None = None


class MemoryAudit(Value):
    """Every live memory compared with the log, taken at `audited_at`: a census, or a sample.

    `ok` is a count; the others list keys (the key's hash where its name is not known any more).
    `altered`: content differs. `missing`: logged, not there. `unlogged`: there, not logged.
    `expired`: gone by a logged expiry; in no score. `notes` say why a thing could not be read.
    `proof_failed` says which proof of the log itself does not hold. `root` is null without a log.
    `present` is null for a census. Of a sample it counts the logged keys that are there: all of
    them were looked for, and the contents of `ok + altered` of them compared.
    `offenders` are the first 32 keys that are not ok, altered ones first, with what the log says.
    """

    origin: str = ""
    ok: Count = 0
    altered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unlogged: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    proof_failed: str | None = None
    present: Count | None = None
    offenders: Annotated[tuple[Offender, ...], Field(max_length=MAX_OFFENDERS)] = ()
    size: Count = 0
    root: Digest | None = None
    audited_at: AwareDatetime

    @property
    def score(self) -> float | None:
        """Memory integrity in [0, 1]: 0 if a proof failed, None without a log, 1 if empty."""
        if self.proof_failed is not None:
            return 0.0
        if self.root is None:
            return None
        compared = self.ok + len(self.altered)
        there = compared if self.present is None else self.present
        seen = there + len(self.missing) + len(self.unlogged)
        good = self.ok / compared if compared else 1.0
        return good * there / seen if seen else 1.0
