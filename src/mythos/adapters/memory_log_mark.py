"""What a writer remembers of a log: to know it again, and to write on without reading it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from mythos.adapters.memory_log_database import Question, Rows, blob_of, text_of
from mythos.engines.memory.frontier import Frontier
from mythos.errors import MemoryLogError

RECENT = 1024  # more entries than writes one by one leave in a write-ahead file
_NEWEST = """
SELECT -1 AS seq, origin, NULL AS leaf FROM log
UNION ALL SELECT seq, NULL, leaf FROM entries WHERE seq >= ? AND seq < ?
UNION ALL SELECT seq, NULL, leaf FROM (
    SELECT seq, leaf FROM entries WHERE seq >= ? ORDER BY seq DESC LIMIT ?) AS newest
"""


@dataclass(frozen=True, slots=True)
class LogMark:
    """A log's origin, its size, and the leaf hashes of its newest entries, up to `RECENT`.

    `edge` is the right edge of its tree, where that is known; whoever grows it grows a copy.
    """

    origin: str
    size: int
    leaves: tuple[bytes, ...]
    edge: Frontier | None = None

    @classmethod
    def of(cls, rows: Rows) -> Self:
        """Remember a log by what it answers to `question_of_all`."""
        entries = _entries(rows)
        size = entries[-1][0] + 1 if entries else 0
        return cls(_origin(rows), size, tuple(leaf for _, leaf in entries))

    def question(self, n: int) -> Question:
        """What to ask of the log: the newest `n` remembered entries, and `RECENT` behind them."""
        start = self.size - len(self.leaves[-n:])
        return _NEWEST, (start, self.size, self.size, RECENT)

    def grown(self, rows: Rows, n: int) -> LogMark:
        """Remember also what has come to the log, by what it answers to `question(n)`.

        Raises:
            MemoryLogError: another origin, or not the same entries under the same numbers.
        """
        if (origin := _origin(rows)) != self.origin:
            raise _refused(f"memory log {self.origin} was replaced by {origin}")
        entries, known = _entries(rows), self.leaves[-n:]
        if tuple(leaf for seq, leaf in entries if seq < self.size) != known:
            raise _refused(
                f"memory log {self.origin} no longer holds entries {self.size - len(known)}"
                f" to {self.size - 1} as they were"
            )
        new = entries[len(known) :]
        if not new:
            return self
        leaves, size = [leaf for _, leaf in new], new[-1][0] + 1
        if size != self.size + len(new):  # more than were asked for
            return LogMark(origin, size, tuple(leaves))
        edge = self.edge and self.edge.copy()
        if edge is not None:
            edge.extend_hashes(leaves)
        return self.appended(leaves, edge)

    def appended(self, leaves: Sequence[bytes], edge: Frontier | None) -> LogMark:
        """Remember also `leaves`, which were just logged, and the edge of the tree with them."""
        newest = (self.leaves + tuple(leaves))[-RECENT:]  # half the time of unpacking both
        return LogMark(self.origin, self.size + len(leaves), newest, edge)


NOTHING = LogMark("", 0, ())


def _origin(rows: Rows) -> str:
    return text_of(next((origin for seq, origin, _ in rows if seq == -1), None))


def _entries(rows: Rows) -> list[tuple[int, bytes]]:
    return sorted(
        (seq, blob_of(leaf)) for seq, _, leaf in rows if isinstance(seq, int) and seq >= 0
    )


def _refused(message: str) -> MemoryLogError:
    return MemoryLogError(
        f"{message} while a recorder had it open",
        remedy="find out who did it, and audit; then close the recorder and open another one",
    )
