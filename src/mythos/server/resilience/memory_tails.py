"""The newest entries of witnessed memory logs, kept so that each of them can be proved.

What is kept of a log ends where its witnessed checkpoint does and gives that checkpoint's root, or
nothing is kept. A tail that comes late fills in what lies before, if the two together give the
root.
"""

from __future__ import annotations

from mythos.engines.memory.tail import joined_tails, require_tail
from mythos.server.resilience.log_models import MemoryCheckpoint, MemoryTail
from mythos.values.evidence import Envelope
from mythos.values.memory import MAX_TAIL, Checkpoint, LogTail


def tail_in(envelope: Envelope, said: Checkpoint) -> LogTail | None:
    """The tail that an envelope has of a log, proved by the checkpoint it has of it.

    Raises:
        MemoryLogError: the two contradict each other.
    """
    for tail in envelope.tails:
        if tail.origin == said.origin:
            require_tail(tail, said)
            return tail if _storable(tail) else None
    return None


def follow(known: MemoryCheckpoint, told: LogTail | None) -> None:
    """Let what is kept of a log end where its witnessed checkpoint does.

    Args:
        known: the witnessed checkpoint.
        told: proved by it, or by an earlier one of the log.

    Raises:
        MemoryLogError: an earlier one has entries that are not in the log as it was witnessed.
    """
    row = MemoryTail.objects.select_for_update().filter(origin=known.origin).first()
    tails = [] if row is None else [LogTail.model_validate(row.tail)]
    tails += [] if told is None else [told]
    if not tails or max(tail.size for tail in tails) != known.size:
        MemoryTail.objects.filter(origin=known.origin).delete()
        return
    joined = joined_tails(tails[0], tails[-1], keep=MAX_TAIL)
    require_tail(
        joined, Checkpoint(origin=known.origin, size=known.size, root=f"sha256:{known.root}")
    )
    MemoryTail.objects.update_or_create(
        origin=known.origin,
        defaults={"node_id": known.node_id, "tail": joined.model_dump(mode="json")},
    )


def entries_of_run(node_id: str, origin: str, trace_id: str) -> int:
    """How many of the entries kept of a log are of a run; 0 where none are kept."""
    kept = MemoryTail.objects.filter(origin=origin, node_id=node_id)
    tail = kept.values_list("tail", flat=True).first() or {"entries": ()}
    return sum(entry["trace_id"] == trace_id for entry in tail["entries"])


def _storable(tail: LogTail) -> bool:
    """Whether every database can hold it: PostgreSQL has no text with a NUL."""
    refs = (entry.policy_ref for entry in tail.entries)
    return not any("\0" in text for text in (*refs, *tail.names.values()))
