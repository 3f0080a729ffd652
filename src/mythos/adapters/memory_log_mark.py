"""What a writer remembers of a log, to know it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from mythos.adapters.memory_log_reader import LogReader
from mythos.errors import MemoryLogError


@dataclass(frozen=True, slots=True)
class LogMark:
    """A log's origin, its size, and the leaf hash of its newest entry (None: it has none)."""

    origin: str
    size: int
    leaf: bytes | None

    @classmethod
    def of(cls, log: LogReader) -> Self:
        """Remember the log as it is now."""
        size = log.size
        return cls(log.origin, size, log.leaf(size - 1))

    def require_in(self, log: LogReader) -> None:
        """Refuse a log that does not go on from here.

        Raises:
            MemoryLogError: it has another origin, or not this entry at this number.
        """
        if (origin := log.origin) != self.origin:
            raise _refused(f"memory log {self.origin} was replaced by {origin}")
        if log.leaf(self.size - 1) != self.leaf:
            raise _refused(
                f"memory log {self.origin} no longer holds entry {self.size - 1} as it was"
            )


def _refused(message: str) -> MemoryLogError:
    return MemoryLogError(
        f"{message} while a recorder had it open",
        remedy="find out who did it, and audit; then close the recorder and open another one",
    )
