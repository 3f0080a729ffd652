"""The newest audit of one memory log.

An audit states the whole log, so two of them are never added: the later one stands. Later means
the larger (restarts, heard of the restart, proof failed, log size, audit time, digest of the body),
which makes merging a semilattice: any order, any grouping, any repetition gives the same body. An
audit whose proof failed outranks every other of its cell and of its beginning of the log, because a
log that was cut short is also the smaller one. A log that an operator let begin anew is smaller and
right: what was audited before is of another log, however large that was, and a node that had not
heard of that yet held the log against the other one, so it is outranked by one that had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self, get_args

from pydantic import JsonValue, ValidationError

from mythos.engines.evidence.body import (
    MAX_COUNT,
    JsonObject,
    count,
    flag,
    items,
    mapping,
    members,
    refused,
    text,
)
from mythos.values.digest import canonical_bytes, digest_of
from mythos.values.memory import BadClass, Offender

MAX_KEYS = 32
MAX_TOLD = 8
"""Offenders a row; one takes about 500 bytes, and a log that stays wrong has a row a minute."""

_COUNTS = ("ok", "altered", "missing", "unlogged", "expired", "written_since")
_OPTIONAL: JsonObject = {"restarts": 0, "heard_at": 0, "offenders": []}
_MEMBERS = ("size", "audited_at", "root", *_COUNTS, "proof_failed", "keys", *_OPTIONAL)


@dataclass(frozen=True, slots=True)
class MemoryBody:
    """What an audit found, and what was written to the log since.

    size: entries in the log. audited_at: Unix seconds, 0 = never audited. root: Merkle root at that
    size. ok, altered, missing, unlogged, expired: keys by class. written_since: keys logged after
    the audit, which are in no class. proof_failed: a proof, signature or consistency check did not
    hold. keys: up to 32 names of bad keys with their class. restarts: how often an operator had let
    the log begin anew before this was said; the witness tells it, never the node. heard_at: Unix
    seconds by the witness's clock; the node says when the checkpoint that it held its log against
    was cosigned, kept is when the log last began anew if the node had heard of that, else 0.
    offenders: of up to 8 of `keys` what the log says of them; none where it was not told.
    """

    size: int = 0
    audited_at: int = 0
    root: str = ""
    ok: int = 0
    altered: int = 0
    missing: int = 0
    unlogged: int = 0
    expired: int = 0
    proof_failed: bool = False
    keys: Mapping[str, BadClass] = field(default_factory=dict)
    written_since: int = 0
    restarts: int = 0
    heard_at: int = 0
    offenders: tuple[Offender, ...] = ()

    def __post_init__(self) -> None:
        for name in ("size", "audited_at", "restarts", "heard_at", *_COUNTS):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= MAX_COUNT:
                raise refused(f"memory {name}", value, f"a whole number from 0 to {MAX_COUNT}")
        if len(self.keys) > MAX_KEYS:
            raise refused("memory keys", f"{len(self.keys)} names", f"at most {MAX_KEYS}")
        if any(self.keys.get(each.key) != each.kind for each in self.offenders):
            raise refused("memory offenders", "other keys", "some of the keys, in their class")

    @property
    def audited(self) -> int:
        """Keys the audit classified, expired ones left out."""
        return self.ok + self.altered + self.missing + self.unlogged

    def __add__(self, other: Self) -> MemoryBody:
        """Keep the later audit."""
        if self in (_NONE, other):
            return other
        if other == _NONE:
            return self
        mine, theirs = self._age, other._age
        if mine == theirs:
            return max(self, other, key=MemoryBody._digest)
        return self if mine > theirs else other

    @property
    def _age(self) -> tuple[int, int, bool, int, int]:
        return self.restarts, self.heard_at, self.proof_failed, self.size, self.audited_at

    def _digest(self) -> str:
        return digest_of(canonical_bytes(self.to_json()))

    def to_json(self) -> JsonObject:
        """Write every member; `keys` as `{name: class}`, the last three if there are any."""
        return {
            "size": self.size,
            "audited_at": self.audited_at,
            "root": self.root,
            **{name: getattr(self, name) for name in _COUNTS},
            "proof_failed": self.proof_failed,
            "keys": dict(self.keys),
            **({"restarts": self.restarts} if self.restarts else {}),
            **({"heard_at": self.heard_at} if self.heard_at else {}),
            **self._told(),
        }

    def _told(self) -> JsonObject:
        """Offenders, without the members that say nothing; nothing where there are none."""
        told: list[JsonValue] = [
            each.model_dump(mode="json", exclude_defaults=True) for each in self.offenders
        ]
        return {"offenders": told} if told else {}

    @classmethod
    def from_json(cls, value: Mapping[str, JsonValue]) -> MemoryBody:
        """Read what `to_json` wrote; EvidenceError where it is anything else."""
        given = mapping(value, where="memory")
        found = members({**_OPTIONAL, **given}, _MEMBERS, where="memory")
        return cls(
            size=count(found["size"], where="memory size"),
            audited_at=count(found["audited_at"], where="memory audited_at"),
            root=text(found["root"], where="memory root", at_most=200),
            ok=count(found["ok"], where="memory ok"),
            altered=count(found["altered"], where="memory altered"),
            missing=count(found["missing"], where="memory missing"),
            unlogged=count(found["unlogged"], where="memory unlogged"),
            expired=count(found["expired"], where="memory expired"),
            proof_failed=flag(found["proof_failed"], where="memory proof_failed"),
            keys={
                text(name, where="memory key"): _bad_class(kind)
                for name, kind in mapping(found["keys"], where="memory keys").items()
            },
            written_since=count(found["written_since"], where="memory written_since"),
            restarts=count(found["restarts"], where="memory restarts"),
            heard_at=count(found["heard_at"], where="memory heard_at"),
            offenders=tuple(
                _offender(each)
                for each in items(found["offenders"], where="memory offenders", at_most=MAX_TOLD)
            ),
        )


_NONE = MemoryBody()


def _offender(value: JsonValue) -> Offender:
    try:
        return Offender.model_validate(value, strict=True)
    except ValidationError as error:
        raise refused("memory offender", value, error.errors()[0]["msg"]) from None


def _bad_class(value: JsonValue) -> BadClass:
    for known in get_args(BadClass):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise refused("memory key class", value, "altered, missing or unlogged")
