"""A log that stays open: one call at a time, in the process that opened it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from mythos.adapters.memory_log import LogPlace, MemoryLog, open_log
from mythos.adapters.memory_log_mark import LogMark
from mythos.errors import ConflictError, MythosError


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
        self._doubted = False
        with ExitStack() as opening:
            self._log: MemoryLog | None = opening.enter_context(open_log(place))
            self._mark = LogMark.of(self._log)
            self._open = opening.pop_all()

    @contextmanager
    def turn(self) -> Iterator[MemoryLog]:
        """Lend the log for one call; other threads wait.

        Raises:
            ConflictError: it is closed, lent to this thread already, or of another process.
            NotFoundError, UnavailableError: it was lost and cannot be opened anew.
            MemoryLogError: likewise; or it is another log, or was rolled back.
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
                log = self._live()
                self._require_same(log)
                yield log
                with suppress(MythosError):  # the change is made: the next turn tells what broke
                    self._mark = self._mark.grown(log)
            finally:
                self._lent = False

    def close(self) -> None:
        """Close the log; once is enough. A forked process leaves it to its parent."""
        if os.getpid() != self._process:
            return
        with self._turns:
            self._closed, self._log = True, None
            self._open.close()

    def _require_same(self, log: MemoryLog) -> None:
        self._doubted = log.look_afresh() or self._doubted
        if self._doubted:
            self._mark.require_all_in(log)
            self._doubted = False
        else:
            self._mark.require_newest_in(log)

    def _live(self) -> MemoryLog:
        if self._closed:
            raise ConflictError("this recorder is closed", remedy="open another one")
        if self._log is None or self._log.lost:
            self._log = None
            self._open.close()
            self._log = self._open.enter_context(open_log(self._place))
            self._doubted = True
        return self._log
