"""The memory log: append, rebuild, audit and proofs, against bare SHA-256 of the same bytes.

    python bench/memory.py [--entries N] [--peer pymerkle] [--json]

A million memories of 190 bytes pass in batches. Each batch is given to the log's code and then, in
the same breath, hashed bare with `hashlib`, message by message: so a busy machine slows both. "The
same bytes" are the messages that must be hashed: for a rebuild each entry and each pair of hashes
above (the floor of two hashes an entry), for an audit each key, and each salt with its content.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import _pymerkle
import _tails
from _one_by_one import on_a_server, one_by_one
from rows import Row, as_json, as_table, cpu_seconds

from mythos.adapters.memory_auditor import audit_store
from mythos.adapters.memory_log import create_log, open_log
from mythos.adapters.memory_store_directory import DirectoryStore
from mythos.engines.memory.audit import Audit
from mythos.engines.memory.entry import MemoryWrite, entry_bytes
from mythos.engines.memory.frontier import Frontier
from mythos.engines.memory.proofs import verify_consistency, verify_inclusion
from mythos.engines.memory.replay import LoggedRow
from mythos.engines.memory.tree import MerkleLog, leaf_hash, leaf_hashes, leaf_message
from mythos.errors import MemoryLogError

STORE = "notes"
AT = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 1024
PROOFS = 2_000
IN_FILE = 100_000
TEXT = b"The customer prefers e-mail and asked twice about the second parcel. %07d "


@dataclass
class Clock:
    """CPU-seconds of this process by what they were spent on."""

    spent: dict[str, float] = field(default_factory=dict)

    def on(self, what: str, work: Callable[[], object]) -> None:
        """Add what `work` takes to what was spent on `what`."""
        start = time.process_time()
        work()
        self.spent[what] = self.spent.get(what, 0.0) + time.process_time() - start

    def ratio(self, bare: Iterable[str], ours: str) -> float:
        """Time of bare hashing over ours; 1 is as fast as hashing alone."""
        return sum(self.spent[what] for what in bare) / self.spent[ours]


def memory(n: int) -> MemoryWrite:
    content = (TEXT % n).ljust(190, b".")
    return MemoryWrite(STORE, f"customers/{n:07d}.md", "put", content, "agent")


def memories(entries: int) -> Iterator[list[MemoryWrite]]:
    for start in range(0, entries, BATCH):
        yield [memory(n) for n in range(start, min(start + BATCH, entries))]


def salt_of(seq: int) -> bytes:
    return sha256(b"salt %d" % seq).digest()


def hash_each(messages: list[bytes]) -> None:
    for message in messages:
        sha256(message).digest()


def messages_of(live: list[tuple[str, bytes]], seqs: Sequence[int]) -> list[bytes]:
    """What an audit has to hash for these memories: each key, and each content after its salt."""
    found = []
    for seq, (key, content) in zip(seqs, live, strict=True):
        found += [f'["{STORE}","{key}"]'.encode(), salt_of(seq) + content]
    return found


def replayed(entries: int, clock: Clock) -> Audit:
    """An audit that has taken a log of `entries`."""
    audit, seq = Audit(store=STORE, origin="mythos/bench"), 0
    for writes in memories(entries):
        raws = [
            entry_bytes(write, seq=n, salt=salt_of(n), at=AT) for n, write in enumerate(writes, seq)
        ]
        rows = [
            LoggedRow(leaf_message(raw), leaf_hash(raw), salt_of(n))
            for n, raw in enumerate(raws, seq)
        ]
        clock.on("replay", lambda rows=rows: audit.log(rows, since=-1))
        seq += len(rows)
    return audit


def census(audit: Audit, order: Sequence[int], clock: Clock) -> None:
    """Give all memories to an audit, in this order."""
    for start in range(0, len(order), BATCH):
        seqs = order[start : start + BATCH]
        live = [(write.key, write.content or b"") for write in map(memory, seqs)]
        clock.on("audit", lambda live=live: audit.live(live))
        messages, contents = messages_of(live, seqs), [content for _, content in live]
        clock.on("bare audit", lambda messages=messages: hash_each(messages))
        clock.on("bare contents", lambda contents=contents: hash_each(contents))
    assert audit.census.ok == len(order)


def in_another_order(entries: int) -> Row:
    """The audit of a store that hands out its memories in no order that the log knows."""
    clock, order = Clock(), list(range(entries))
    random.Random(1).shuffle(order)
    census(replayed(entries, clock), order, clock)
    return Row(
        f"audit {entries // 1000:,}k, shuffled",
        entries / clock.spent["audit"],
        "memories/CPU-s",
        "bare SHA-256 of the same bytes, in the same order",
        clock.ratio(["bare audit"], "audit"),
    )


def in_memory(entries: int) -> list[Row]:
    """Rebuild, replay and audit of `entries` memories, batch by batch."""
    clock, edge, tree = Clock(), Frontier(), MerkleLog()
    before_mib = peak_mib()
    audit = replayed(entries, clock)
    replayed_mib = peak_mib()
    census(audit, range(entries), clock)
    audited_mib = peak_mib()
    seq = 0
    for writes in memories(entries):
        raws = [
            entry_bytes(write, seq=n, salt=salt_of(n), at=AT) for n, write in enumerate(writes, seq)
        ]
        leaves = list(map(leaf_message, raws))
        pairs = [b"\1" + salt_of(n) * 2 for n in range(len(raws))]
        clock.on("rebuild", lambda leaves=leaves: edge.extend_hashes(leaf_hashes(leaves)))
        clock.on("append", lambda raws=raws: tree.extend(raws))
        clock.on("bare entries", lambda leaves=leaves: hash_each(leaves))
        clock.on("bare pairs", lambda pairs=pairs: hash_each(pairs))
        seq += len(raws)
    assert tree.root() == edge.root() == audit.replay.root()
    per_s = {what: entries / spent for what, spent in clock.spent.items()}
    name = f"{entries // 1000:,}k"
    two = clock.ratio(["bare entries", "bare pairs"], "rebuild")
    floor = "bare SHA-256 of entries and pairs (two hashes an entry)"
    three = clock.ratio(["bare audit"], "audit")
    once = clock.ratio(["bare contents"], "audit")
    whole = clock.spent["replay"] + clock.spent["audit"]
    hashed = sum(clock.spent[what] for what in ("bare entries", "bare pairs", "bare audit"))
    return [
        Row(f"rebuild {name}", per_s["rebuild"], "entries/CPU-s", floor, two, ">= 0.8"),
        Row(
            f"audit {name}",
            per_s["audit"],
            "memories/CPU-s",
            "bare SHA-256 of the same bytes: keys, and salts with contents",
            three,
            ">= 0.8",
        ),
        Row(
            f"census {name}, to contents alone",
            per_s["audit"],
            "memories/CPU-s",
            "bare SHA-256 of each content once",
            once,
        ),
        Row(
            f"replay and census {name}",
            entries / whole,
            "memories/CPU-s",
            "bare SHA-256 of all that both hash",
            hashed / whole,
        ),
        in_another_order(entries),
        Row(f"append {name}, all hashes kept", per_s["append"], "entries/CPU-s"),
        Row(f"peak of replaying {name}", replayed_mib - before_mib, "MiB"),
        Row(f"peak of replay and census {name}", audited_mib - before_mib, "MiB"),
        *proofs(tree),
    ]


def proofs(tree: MerkleLog) -> Iterator[Row]:
    """Proofs of a log, made and verified."""
    places = [n * (tree.size // PROOFS) for n in range(1, PROOFS)]
    made = [tree.inclusion_proof(place) for place in places]
    grown = [tree.consistency_proof(place) for place in places]
    roots = [tree.root(place) for place in places]
    root = tree.root()

    def check() -> None:
        for place, proof in zip(places, made, strict=True):
            leaf = tree.node(0, place)
            verify_inclusion(leaf, place, tree.size, proof=proof, root=root)

    def check_grown() -> None:
        for place, old, proof in zip(places, roots, grown, strict=True):
            verify_consistency(place, tree.size, proof=proof, old_root=old, new_root=root)

    works: dict[str, Callable[[], object]] = {
        "inclusion proofs": lambda: [tree.inclusion_proof(place) for place in places],
        "inclusion proofs verified": check,
        "consistency proofs": lambda: [tree.consistency_proof(place) for place in places],
        "consistency proofs verified": check_grown,
    }
    for name, work in works.items():
        yield Row(name, len(places) / cpu_seconds(work), "proofs/CPU-s")


def in_a_file() -> Iterator[Row]:
    """A log in SQLite: appends in bulk, proofs, and an audit of a directory."""
    with tempfile.TemporaryDirectory() as folder:
        place, store = Path(folder) / "log.sqlite3", DirectoryStore(Path(folder) / "memory")
        writes = (write for some in memories(IN_FILE) for write in some)
        with create_log(place) as log, log.transaction():
            log.begin("mythos/bench")
            start = time.process_time()
            log.extend(writes, at=AT)
            bulk_s = time.process_time() - start
            log.settle_from(0)
        yield Row("bulk append, SQLite", IN_FILE / bulk_s, "entries/CPU-s")
        with open_log(place) as log:
            spent = cpu_seconds(
                lambda: [log.tree().inclusion_proof(n * 97) for n in range(PROOFS // 4)]  # unread
            )
            yield Row("inclusion proofs, SQLite", PROOFS // 4 / spent, "proofs/CPU-s")
        spent = cpu_seconds(lambda: audit_store(store, place, at=AT), best_of=1)
        yield Row("replay from SQLite", IN_FILE / spent, "entries/CPU-s")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--peer", choices=["pymerkle"])
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    try:
        measured = [*in_memory(asked.entries), *in_a_file(), *one_by_one(), *on_a_server()]
        measured += _tails.told_and_kept()
        measured += _pymerkle.beside() if asked.peer else []
    except MemoryLogError as broken:
        sys.exit(f"the log does not hold: {broken}")
    today = datetime.now(UTC).date().isoformat()
    written = as_json if asked.json else as_table
    print(written("memory", measured, on=today))
    sys.exit(int(any(row.verdict == "missed" for row in measured)))
