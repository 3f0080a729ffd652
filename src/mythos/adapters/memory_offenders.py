"""What the log says of the keys that an audit found wrong, beside what is there.

Nothing of a content is told but its hash under the salt of the key's newest entry, which stays on
this host. Someone who knows both hashes learns whether two contents are equal, and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import get_args

from mythos.adapters.memory_log_reader import LogReader
from mythos.engines.memory.entry import SALT_BYTES, entry_content_hash, key_hash
from mythos.engines.memory.live import Content
from mythos.values.memory import MAX_KEY_CHARS, MAX_OFFENDERS, BadClass, MemoryAudit, Offender

_HASHED = "sha256:"


def offenders_of(
    found: MemoryAudit, log: LogReader, look: Callable[[str], Content | None], *, store: str
) -> tuple[Offender, ...]:
    """The first wrong keys of an audit, altered ones first.

    Call it inside the transaction in which the audit ended, so that log and store are what it saw.

    Args:
        found: what the audit found.
        log, store: the log, and the name of the store in it.
        look: the live content of a key, now.
    """
    return tuple(
        _offender(key, kind, log, look, store=store)
        for key, kind in islice(_wrong(found), MAX_OFFENDERS)
    )


def _wrong(found: MemoryAudit) -> Iterator[tuple[str, BadClass]]:
    for kind in get_args(BadClass):
        for key in getattr(found, kind):
            if len(key) <= MAX_KEY_CHARS:
                yield key, kind


def _offender(
    key: str,
    kind: BadClass,
    log: LogReader,
    look: Callable[[str], Content | None],
    *,
    store: str,
) -> Offender:
    """A key whose name the log has forgotten is named by its hash, and only its entry is found."""
    hashed = key if key.startswith(_HASHED) and kind == "missing" else key_hash(store, key)
    seq = log.newest(bytes.fromhex(hashed.removeprefix(_HASHED)))
    if seq is None:
        return Offender(key=key, kind=kind)
    entry, kept = log.entry(seq), log.kept(seq)
    content = look(key) if kind == "altered" else None
    return Offender(
        key=key,
        kind=kind,
        seq=seq,
        op=entry.op,
        logged=entry.content_hash,
        found=None if kept is None else _found(kept.salt, content),
        source=entry.source,
        trace_id=entry.trace_id,
        policy_ref=entry.policy_ref,
        ts=entry.ts,
    )


def _found(salt: bytes, content: Content | None) -> str | None:
    if len(salt) != SALT_BYTES or not isinstance(content, bytes):
        return None
    return entry_content_hash(salt, content)
