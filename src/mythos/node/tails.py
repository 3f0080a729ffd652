"""What a node tells of the newest entries of its memory logs: those since it told them last.

What was told is remembered by its size and root: where the log has another root there, it is
another log by now, and its newest entries are told anew. So they are when the witness says of a log
what it had said before: an operator let that log begin anew, and what was kept of it went.
"""

from __future__ import annotations

from collections.abc import Iterable

from mythos.adapters.memory_log import LogPlace, open_log
from mythos.engines.memory.tail import newest, tree_of
from mythos.node.store import NodeStore
from mythos.values.memory import Checkpoint, LogTail

TAILED = "entries told "
MOST_OF_LOG = 200
MOST_AT_ONCE = 1_000


def untold(store: NodeStore, place: LogPlace, said: Checkpoint) -> int:
    """How many of a log's newest entries to tell with a checkpoint of it, at most 200.

    Raises:
        NotFoundError: no log.
        MemoryLogError: its tree cannot be read.
    """
    size, root = _told(store.recall(TAILED + said.origin) or "")
    known = size <= said.size and root == _root_at(place, said, size)
    return min(said.size - size if known else said.size, MOST_OF_LOG)


def within(tails: Iterable[LogTail], *, most: int = MOST_AT_ONCE) -> list[LogTail]:
    """Cut tails to `most` entries in all: short ones stay whole, the others get equal shares."""
    rising = sorted(tails, key=lambda tail: len(tail.entries))
    told: list[LogTail] = []
    for n_left, tail in zip(range(len(rising), 0, -1), rising, strict=True):
        share = most // n_left
        if not share:
            continue
        told.append(newest(tail, keep=share) if len(tail.entries) > share else tail)
        most -= len(told[-1].entries)
    return told


def memos_of(tails: Iterable[LogTail]) -> dict[str, str]:
    """What to remember of tails that were told: size and root."""
    return {
        TAILED + tail.origin: f"{tail.size} sha256:{tree_of(tail).root().hex()}" for tail in tails
    }


def forget_told(store: NodeStore, origin: str) -> None:
    """Tell the newest entries of a log once more at the next beat."""
    store.remember(TAILED + origin, "")


def _told(memo: str) -> tuple[int, str]:
    """Size and root of what was told; a memo without a root says nothing."""
    size, _, root = memo.partition(" ")
    return (int(size), root) if root else (0, "")


def _root_at(place: LogPlace, said: Checkpoint, size: int) -> str:
    """The root of the first `size` (at most `said.size`) entries of a log; empty for none."""
    if not size or size == said.size:
        return said.root if size else ""
    with open_log(place) as log:
        return f"sha256:{log.tree(size).root().hex()}"
