"""A command that ends with the process that started it, however that process went.

The demo sets `MYTHOS_END_WITH_PARENT` for its children: even killed with signal 9 it leaves
nothing behind.
"""

from __future__ import annotations

import os
import signal
import threading
import time

VARIABLE = "MYTHOS_END_WITH_PARENT"
LOOK_EVERY_S = 0.5


def end_with_parent() -> None:
    """Watch the parent from a thread if asked to; when it is gone, ask this process to stop."""
    if os.environ.get(VARIABLE):
        watch = threading.Thread(target=_watch, args=(os.getppid(),), daemon=True)
        watch.start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_EVERY_S)
    os.kill(os.getpid(), signal.SIGTERM)
