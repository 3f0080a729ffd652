"""The audit: replay the log to the state it says, stream the live store past it, and compare.

The log's own proofs come first: entries in order, and every remembered checkpoint still the root
at its size. If one fails, nothing is compared, because the state it would be compared with may be
the forger's; the score is 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mythos.engines.memory.checkpoint import require_extends, root_text
from mythos.engines.memory.entry import entry_content_hash, key_hash
from mythos.engines.memory.tree import MerkleLog
from mythos.errors import MemoryLogError
from mythos.values.memory import Checkpoint, MemoryAudit, MemoryEntry


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that stands where a memory would, and is none: a symbolic link, a device."""

    reason: str


@dataclass(frozen=True, slots=True)
class MemoryState:
    """What a log says is there: key hash to content hash, and the keys gone by expiry."""

    expected: dict[str, str] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)

    def apply(self, entry: MemoryEntry) -> None:
        """Let the last entry of a key win."""
        self.expired.discard(entry.key_hash)
        if entry.content_hash is not None:
            self.expected[entry.key_hash] = entry.content_hash
            return
        self.expected.pop(entry.key_hash, None)
        if entry.op == "expire":
            self.expired.add(entry.key_hash)


@dataclass(slots=True)
class _Census:
    ok: int = 0
    altered: list[str] = field(default_factory=list)
    unlogged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def replay(entries: Iterable[MemoryEntry], *, store: str) -> MemoryState:
    """Return the state of `store` after `entries`, which may log other stores too.

    Raises:
        MemoryLogError: entry n of the log does not carry `seq` n.
    """
    state = MemoryState()
    for index, entry in enumerate(entries):
        if entry.seq != index:
            raise MemoryLogError(
                f"entry {index} of the log says it is number {entry.seq}",
                remedy="treat the log as altered: an entry was removed, added or moved",
            )
        if entry.store == store:
            state.apply(entry)
    return state


def audit(
    entries: Iterable[MemoryEntry],
    live: Iterable[tuple[str, bytes | Unreadable]],
    salts: Mapping[str, bytes],
    *,
    at: datetime,
    store: str,
    origin: str,
    checkpoints: Iterable[Checkpoint] = (),
    keys: Iterable[str] = (),
) -> MemoryAudit:
    """Compare a live store with its log: a census of `ok, altered, missing, unlogged, expired`.

    Memory use is one hash for each logged key; contents are looked at one by one.

    Args:
        entries: the whole log, from entry 0.
        live: every key of the store once, with its content.
        salts: key hash to the salt of the key's last entry. A salt that is gone proves nothing,
            so its memory counts as altered.
        at: the time of the audit, with its zone.
        store: the store to audit; entries of other stores of this log only enter the tree.
        origin: name of the log, which every checkpoint must carry.
        checkpoints: what was signed or remembered; the log must extend each of them.
        keys: names that may belong to missing keys. They are hashed, so a wrong one is harmless.

    Returns:
        The audit. `proof_failed` where the log does not hold; then nothing was compared.
    """
    log = MerkleLog()
    try:
        state = replay(_grow(log, entries), store=store)
        for known in checkpoints:
            require_extends(log, known, origin=origin)
    except MemoryLogError as broken:
        return MemoryAudit(origin=origin, proof_failed=broken.message, size=log.size, audited_at=at)
    expected = dict(state.expected)
    census = _compare(expected, live, salts, store=store)
    names = {key_hash(store, key): key for key in keys}
    return MemoryAudit(
        origin=origin,
        ok=census.ok,
        altered=tuple(sorted(census.altered)),
        missing=_named(expected, names),
        unlogged=tuple(sorted(census.unlogged)),
        expired=_named(state.expired, names),
        notes=tuple(sorted(census.notes)),
        size=log.size,
        root=root_text(log.root()),
        audited_at=at,
    )


def _grow(log: MerkleLog, entries: Iterable[MemoryEntry]) -> Iterator[MemoryEntry]:
    for entry in entries:
        log.append(entry.canonical())
        yield entry


def _compare(
    expected: dict[str, str],
    live: Iterable[tuple[str, bytes | Unreadable]],
    salts: Mapping[str, bytes],
    *,
    store: str,
) -> _Census:
    """Classify what is live, taking each key found out of `expected`; the rest is missing."""
    census = _Census()
    for key, content in live:
        hashed = key_hash(store, key)
        wanted = expected.pop(hashed, None)
        if isinstance(content, Unreadable):
            census.notes.append(f"{key}: {content.reason}")
        if wanted is None:
            census.unlogged.append(key)
        elif _holds(wanted, salts.get(hashed), content):
            census.ok += 1
        else:
            census.altered.append(key)
    return census


def _holds(wanted: str, salt: bytes | None, content: bytes | Unreadable) -> bool:
    if salt is None or isinstance(content, Unreadable):
        return False
    return entry_content_hash(salt, content) == wanted


def _named(hashes: Iterable[str], names: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(names.get(hashed, hashed) for hashed in hashes))
