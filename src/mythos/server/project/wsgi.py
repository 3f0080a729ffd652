"""The WSGI application of the control plane."""

from __future__ import annotations

import os
import signal
import threading
import time

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mythos.server.project.settings")


def _end_with(parent: int) -> None:
    """End this worker when the process that started it is gone, however it went.

    A killed parent cannot tell its worker; an orphan would keep the port and the database.
    """
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if os.environ.get("MYTHOS_PARENT", "").isdigit():
    # Until the server sets its own, the worker has its parent's handlers, which would swallow the
    # parent's word to end; Ctrl-C is the parent's to answer.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(
        target=_end_with, args=(int(os.environ["MYTHOS_PARENT"]),), daemon=True
    ).start()

application = get_wsgi_application()

if os.environ.get("MYTHOS_PARENT", "").isdigit():
    from mythos.server.project import upkeep

    upkeep.start()
