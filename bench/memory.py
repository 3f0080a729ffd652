"""The memory log: append, rebuild and audit, against bare SHA-256 of the same bytes.

The bytes are those the log must hash at least once: the canonical form of each entry, and for an
audit the content of each live memory too. Hashing them one by one with `hashlib` is the floor.
The tree hashes again on the way up, so a rebuild of n entries takes about 2n hashes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

from rows import Row, cpu_seconds, report

from mythos.engines.memory.audit import audit
from mythos.engines.memory.entry import MemoryWrite, entry_of, key_hash
from mythos.engines.memory.tree import MerkleLog, leaf_hash
from mythos.values.memory import MemoryEntry

ENTRIES = 100_000
STORE = "notes"
SALT = bytes(32)
AT = datetime(2026, 1, 1, tzinfo=UTC)
CONTENT = b"The customer prefers e-mail and asked twice about the second parcel. %06d"


def live() -> dict[str, bytes]:
    return {f"customers/{n:06d}.md": CONTENT % n for n in range(ENTRIES)}


def entries_of(memories: dict[str, bytes]) -> list[MemoryEntry]:
    return [
        entry_of(MemoryWrite(STORE, key, "put", content, "agent"), seq=seq, salt=SALT, at=AT)
        for seq, (key, content) in enumerate(memories.items())
    ]


def hash_each(parts: Sequence[bytes]) -> None:
    for part in parts:
        sha256(part).digest()


def measure() -> list[Row]:
    memories = live()
    entries = entries_of(memories)
    leaves = [entry.canonical() for entry in entries]
    hashes = [leaf_hash(leaf) for leaf in leaves]
    salts = {key_hash(STORE, key): SALT for key in memories}

    def audited() -> None:
        found = audit(entries, memories.items(), salts, at=AT, store=STORE, origin="mythos/bench")
        assert found.ok == ENTRIES
        assert found.score == 1.0

    bare_s = cpu_seconds(lambda: hash_each(leaves))
    bare_live_s = cpu_seconds(lambda: hash_each([*leaves, *memories.values()]))
    append_s = cpu_seconds(lambda: MerkleLog().extend(leaves))
    rebuild_s = cpu_seconds(lambda: MerkleLog.of_hashes(hashes).root())
    audit_s = cpu_seconds(audited)
    return [
        _row("append 100k", append_s, bare_s, "bare SHA-256 of the entries"),
        _row("rebuild 100k from leaf hashes", rebuild_s, bare_s, "bare SHA-256 of the entries"),
        _row("audit 100k", audit_s, bare_live_s, "bare SHA-256 of the entries and memories"),
    ]


def _row(name: str, ours_s: float, bare_s: float, against: str) -> Row:
    value = ENTRIES / ours_s
    return Row(name, value, "entries/CPU-s", against=against, ratio=bare_s / ours_s)


if __name__ == "__main__":
    sys.exit(report("memory", measure()))
