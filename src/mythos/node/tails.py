"""What a node tells of the newest entries of its memory logs: those since it told them last.

Who forgets what it was told is told anew, so the memo of it goes when the witness says of a log
what it had said before: an operator let that log begin anew.
"""

from __future__ import annotations

from collections.abc import Iterable

from mythos.engines.memory.tail import newest
from mythos.node.store import NodeStore
from mythos.values.memory import Checkpoint, LogTail

TAILED = "entries told "
MOST_OF_LOG = 200
MOST_AT_ONCE = 1_000


def untold(store: NodeStore, said: Checkpoint) -> int:
    """How many of a log's newest entries to tell with a checkpoint of it, at most 200."""
    told = int(store.recall(TAILED + said.origin) or 0)
    return min(said.size - told if told <= said.size else said.size, MOST_OF_LOG)


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
    """What to remember of tails that were told."""
    return {TAILED + tail.origin: str(tail.size) for tail in tails}


def forget_told(store: NodeStore, origin: str) -> None:
    """Tell the newest entries of a log once more at the next beat."""
    store.remember(TAILED + origin, "0")
