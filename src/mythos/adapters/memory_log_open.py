"""A log that stays open: one call at a time, in the process that opened it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log
from mythos.errors import ConflictError


class OpenLog:
    """Lends one open log to calls of any thread, and opens it anew where it is lost.

    What lies there then must be the same log, and hold the newest entries that were seen in it.

    A connection does not outlive a fork: what the parent's locks and buffers say is not true of the
    child.
    """

    def __init__(self, place: LogPlace) -> None:
        """Open the log; errors are those of `open_log`."""
        self._place = place
        self._process = os.getpid()
        self._turns = threading.RLock()
        self._lent = False
        self._closed = False
        with ExitStack() as opening:
            self._log = opening.enter_context(open_log(place))
            self._log.remember()
            self._open = opening.pop_all()

    @contextmanager
    def turn(self) -> Iterator[MemoryLog]:
        """Lend the log for one call; other threads wait.

        Its transactions refuse a log that is another, or was rolled back.

        Raises:
            ConflictError: it is closed, lent to this thread already, or of another process.
            NotFoundError, UnavailableError, MemoryLogError: it was lost and cannot be opened anew.
        """
        if os.getpid() != self._process:
            raise ConflictError(
                f"this recorder was opened by process {self._process}, before a fork",
                remedy="open a recorder in each process, after the fork",
            )
        with self._turns:
            if self._lent:  # by a signal's handler, or by a store that records
                raise ConflictError(
                    "this recorder is at work", remedy="call it when its other call has returned"
                )
            self._lent = True
            try:
                yield self._live()
            finally:
                self._lent = False

    def close(self) -> None:
        """Close the log; once is enough. A forked process leaves it to its parent."""
        if os.getpid() != self._process:
            return
        with self._turns:
            self._closed = True
            self._open.close()

    def _live(self) -> MemoryLog:
        if self._closed:
            raise ConflictError("this recorder is closed", remedy="open another one")
        if self._log.lost:
            self._open.close()
            anew = self._open.enter_context(open_log(self._place))
            anew.mark, anew.doubted = self._log.mark, True
            self._log = anew
        return self._log
