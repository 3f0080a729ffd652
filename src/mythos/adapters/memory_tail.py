"""The newest entries of a log on this host, as they are told: hashes and provenance, no content."""

from __future__ import annotations

from itertools import islice

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log
from mythos.engines.memory.tail import require_tail, tail_of
from mythos.values.memory import MAX_NAME_CHARS, Checkpoint, LogTail, MemoryEntry


def read_tail(place: LogPlace, said: Checkpoint, *, most: int, named: bool) -> LogTail:
    """Read the newest entries of a log up to one of its checkpoints.

    A writer may append meanwhile: the entries before a checkpoint stay what they were.

    Args:
        place: the log.
        said: what was signed of it.
        most: how many entries to read.
        named: whether to name their keys, as far as they were not erased.

    Raises:
        NotFoundError: no log.
        MemoryLogError: its entries are not what the checkpoint says.
    """
    start = max(0, said.size - most)
    with open_log(place) as log:
        entries = list(islice(log.entries(start), said.size - start))
        names = _names(log, entries) if named else {}
        tail = tail_of(log.tree(said.size), entries, origin=said.origin, names=names)
    require_tail(tail, said)
    return tail


def _names(log: MemoryLog, entries: list[MemoryEntry]) -> dict[str, str]:
    """Names of the keys of some entries that follow each other, by hash."""
    if not entries:
        return {}
    names = log.names(entries[0].seq, entries[-1].seq + 1)
    others = {entry.key_hash for entry in entries} - names.keys()
    older = log.names_of([bytes.fromhex(hashed.removeprefix("sha256:")) for hashed in others])
    names.update((f"sha256:{hashed.hex()}", name) for hashed, name in older.items())
    return {hashed: name for hashed, name in names.items() if len(name) <= MAX_NAME_CHARS}
