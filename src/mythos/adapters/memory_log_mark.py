"""What a writer remembers of a log, to know it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from mythos.adapters.memory_log_reader import LogReader
from mythos.errors import MemoryLogError

RECENT = 1024  # more entries than writes one by one leave in a write-ahead file


@dataclass(frozen=True, slots=True)
class LogMark:
    """A log's origin, its size, and the leaf hashes of its newest entries, up to `RECENT`."""

    origin: str
    size: int
    leaves: tuple[bytes, ...]

    @classmethod
    def of(cls, log: LogReader) -> Self:
        """Remember the log as it is now."""
        size = log.size
        return cls(log.origin, size, log.leaves(max(size - RECENT, 0), size))

    def grown(self, log: LogReader) -> LogMark:
        """Remember the log as it is now, reading only what is new in it."""
        size = log.size
        new = log.leaves(max(size - RECENT, self.size), size)
        return LogMark(self.origin, size, (*self.leaves, *new)[-RECENT:])

    def require_newest_in(self, log: LogReader) -> None:
        """Refuse a log of another origin, or without the newest entry at its number.

        Raises:
            MemoryLogError: it is not as remembered.
        """
        self._require(log, self.leaves[-1:])

    def require_all_in(self, log: LogReader) -> None:
        """Refuse a log that is not as remembered in all that is.

        Raises:
            MemoryLogError: as `require_newest_in`.
        """
        self._require(log, self.leaves)

    def _require(self, log: LogReader, leaves: tuple[bytes, ...]) -> None:
        if (origin := log.origin) != self.origin:
            raise _refused(f"memory log {self.origin} was replaced by {origin}")
        start = self.size - len(leaves)
        if log.leaves(start, self.size) != leaves:
            raise _refused(
                f"memory log {self.origin} no longer holds entries {start} to {self.size - 1}"
                " as they were"
            )


def _refused(message: str) -> MemoryLogError:
    return MemoryLogError(
        f"{message} while a recorder had it open",
        remedy="find out who did it, and audit; then close the recorder and open another one",
    )
