"""What the log says of the keys that an audit found wrong, beside what is there.

Nothing of a content is told but its hash under the salt of the key's newest entry, or of a secret
of this host where no entry has one; both stay here. Someone who knows two hashes of a key learns
whether its contents are equal, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import get_args

from mythos.adapters.memory_log_reader import LogReader
from mythos.engines.memory.as_seen import host_salt, shown_hash
from mythos.engines.memory.entry import key_hash
from mythos.engines.memory.live import Content
from mythos.values.memory import MAX_KEY_CHARS, MAX_OFFENDERS, BadClass, MemoryAudit, Offender


def offenders_of(
    found: MemoryAudit,
    log: LogReader,
    look: Callable[[str], Content | None],
    *,
    store: str,
    secret: bytes | None = None,
) -> tuple[Offender, ...]:
    """The first wrong keys of an audit, altered ones first.

    Call it inside the transaction in which the audit ended, so that log and store are what it saw.

    Args:
        found: what the audit found.
        log, store: the log, and the name of the store in it.
        look: the live content of a key, now.
        secret: the host's own; without it nothing is told of contents that are logged nowhere.
    """
    told = _Told(log, look, store, secret)
    return tuple(told.of(key, kind) for key, kind in islice(_wrong(found), MAX_OFFENDERS))


def _wrong(found: MemoryAudit) -> Iterator[tuple[str, BadClass]]:
    for kind in get_args(BadClass):
        for key in getattr(found, kind):
            if len(key) <= MAX_KEY_CHARS:
                yield key, kind


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of the keys of one store."""

    log: LogReader
    look: Callable[[str], Content | None]
    store: str
    secret: bytes | None

    def of(self, key: str, kind: BadClass) -> Offender:
        """A key whose name the log has forgotten is named by its hash; its entry is found so."""
        hashed = key_hash(self.store, key)
        seq = self._newest(hashed)
        if seq is None and kind == "missing":
            hashed, seq = key, self._newest(key)
        found = None if kind == "missing" else self._found(key, kind, hashed, seq)
        if seq is None:
            return Offender(key=key, kind=kind, found=found)
        entry = self.log.entry(seq)
        return Offender(
            key=key,
            kind=kind,
            seq=seq,
            op=entry.op,
            logged=entry.content_hash,
            found=found,
            source=entry.source,
            trace_id=entry.trace_id,
            policy_ref=entry.policy_ref,
            ts=entry.ts,
        )

    def _newest(self, hashed: str) -> int | None:
        return self.log.newest(bytes.fromhex(hashed.removeprefix("sha256:")))

    def _found(self, key: str, kind: BadClass, hashed: str, seq: int | None) -> str | None:
        """The hash of what is there, None where it has no salt or cannot be read."""
        if kind == "unlogged" and self.secret is not None:
            salt = host_salt(self.secret, origin=self.log.origin, key_hash=hashed)
        elif kind == "altered" and seq is not None and (kept := self.log.kept(seq)) is not None:
            salt = kept.salt
        else:
            return None
        content = self.look(key)
        return shown_hash(content, salt) if isinstance(content, bytes) else None
