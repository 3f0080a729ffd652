"""A command that ends with the process that started it, however that process went.

The demo sets `MYTHOS_END_WITH_PARENT` for its children: even killed with signal 9 it leaves
nothing behind.
"""

from __future__ import annotations

import os
import signal
from functools import partial

from mythos.adapters.parent_watch import when_gone

VARIABLE = "MYTHOS_END_WITH_PARENT"


def end_with_parent() -> None:
    """If asked to, stop this process, as SIGTERM does, once its parent is gone."""
    if os.environ.get(VARIABLE):
        when_gone(os.getppid(), partial(os.kill, os.getpid(), signal.SIGTERM))
