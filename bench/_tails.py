"""The newest entries of a log: what a host pays to tell them, and a control plane to keep them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rows import Row, cpu_seconds

from mythos.adapters.memory_checkpoint import sign_growth
from mythos.adapters.memory_log import create_log
from mythos.adapters.memory_tail import read_tail
from mythos.engines.memory.entry import MemoryWrite
from mythos.engines.memory.tail import joined_tails, require_tail
from mythos.node.tails import MOST_OF_LOG
from mythos.values.digest import canonical_bytes
from mythos.values.memory import MAX_TAIL, Checkpoint, LogTail

AT = datetime(2026, 1, 1, tzinfo=UTC)
ENTRIES = 2_000
KEYS = 700


def told_and_kept() -> Iterator[Row]:
    """Of a log that wrote much, and of one that wrote a little, since it was told last."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "log.sqlite3"
        key = Ed25519PrivateKey.generate()
        with create_log(place) as log:
            with log.transaction():
                log.begin("mythos/bench/support")
            said = []
            for end in (ENTRIES - MOST_OF_LOG, ENTRIES - 5, ENTRIES):
                with log.transaction():
                    log.extend(map(_write, range(log.size, end)), at=AT)
                said.append(sign_growth(place, key, bases=[]).checkpoint)
        old, before, now = said
        yield from _measured(place, old, now)
        yield from _measured(place, before, now)


def _write(seq: int) -> MemoryWrite:
    key = f"notes/customer-{seq % KEYS:04}.md"
    return MemoryWrite("directory", key, "put", b"%d" % seq, "agent", "ab" * 16, "refunds: rule-7")


def _measured(place: Path, old: Checkpoint, now: Checkpoint) -> Iterator[Row]:
    n = now.size - old.size
    kept = read_tail(place, old, most=MAX_TAIL, named=True).model_dump_json()

    def tell() -> bytes:
        tail = read_tail(place, now, most=n, named=True)
        return canonical_bytes(tail.model_dump(mode="json"))

    told = tell()

    def keep() -> None:
        tail = LogTail.model_validate_json(told)
        require_tail(tail, now)
        joined = joined_tails(LogTail.model_validate_json(kept), tail, keep=MAX_TAIL)
        require_tail(joined, now)
        joined.model_dump_json()

    yield Row(f"{n} newest entries told", cpu_seconds(tell) * 1e3, "CPU-ms")
    yield Row(f"{n} newest entries kept, with {MAX_TAIL} before", cpu_seconds(keep) * 1e3, "CPU-ms")
    yield Row(f"{n} newest entries, each", len(told) / n, "bytes")
