"""Where an interrupted audit left off, in a file of the operator's.

It says how far contents were compared, and at which size and root of the log; the log must extend
that root when the audit goes on. Whoever may write the file may claim that contents were compared,
so it does not belong where the agent can write.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from mythos.adapters.atomic_file import write_atomically
from mythos.errors import UsageError
from mythos.values.base import Count, Digest, Value
from mythos.values.memory import Checkpoint, MemoryAudit

SAVE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Resumed:
    """What an audit took from one that was interrupted.

    `compared`: contents that were compared then, and not read again. `size`: entries of the log
    up to which that holds. `begun_at`: when the first of the audits began.
    """

    compared: int
    size: int
    begun_at: AwareDatetime


OnResumed = Callable[[Resumed], None]


class LeftOff(Value):
    """The state of an audit between two batches.

    `share` is the share of keys that was being audited, `done` the results of those before.
    `after`: the last key whose content was compared, `altered`: those up to it that were altered.
    `begun_at`: when the first content that counts was compared, or a little before.
    """

    store: str
    origin: str
    begun_at: AwareDatetime
    size: Count
    root: Digest
    share: Count
    shares: Count
    done: tuple[MemoryAudit, ...] = ()
    after: str
    altered: tuple[str, ...] = ()

    @property
    def checkpoint(self) -> Checkpoint:
        """What the log was."""
        return Checkpoint(origin=self.origin, size=self.size, root=self.root)


class ResumeFile:
    """Loads what was left, and keeps what may be left, at most every few seconds."""

    def __init__(self, path: Path | None) -> None:
        """None keeps nothing."""
        self._path = path
        self._saved_s = time.monotonic()

    def load(self, *, store: str, origin: str, shares: int) -> LeftOff | None:
        """What was left of an audit of this store; None if there is none.

        Raises:
            UsageError: the file is of another audit, or no such file.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            left = LeftOff.model_validate_json(self._path.read_bytes())
        except ValidationError as error:
            raise self._other("it cannot be read") from error
        if (left.store, left.origin) != (store, origin):
            raise self._other(f"it is of {left.store!r} in {left.origin!r}")
        return left if left.shares == shares else None

    def due(self) -> bool:
        """Whether it is time to keep the state."""
        return self._path is not None and time.monotonic() - self._saved_s >= SAVE_EVERY_S

    def keep(self, left: LeftOff) -> None:
        """Write the state, whole or not at all."""
        if self._path is not None:
            write_atomically(self._path, left.model_dump_json().encode(), mode=0o600)
            self._saved_s = time.monotonic()

    def done(self) -> None:
        """The audit is complete: nothing is left."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _other(self, why: str) -> UsageError:
        return UsageError(
            f"{self._path} does not say where an audit of this store left off: {why}",
            remedy="name the file of this store's audit, or one that is not there",
        )
