"""A watch on the process that started this one: a killed parent cannot tell its child to end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

LOOK_EVERY_S = 0.5


def when_gone(parent: int, end: Callable[[], object]) -> None:
    """Call `end` from a thread of its own once `parent` is no longer this process's parent."""
    threading.Thread(target=_watch, args=(parent, end), daemon=True).start()


def _watch(parent: int, end: Callable[[], object]) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    end()
