"""The WSGI application of the control plane."""

from __future__ import annotations

import os
import signal
from functools import partial

from django.core.wsgi import get_wsgi_application

from mythos.adapters.parent_watch import when_gone

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mythos.server.project.settings")


if os.environ.get("MYTHOS_PARENT", "").isdigit():
    # Until the server sets its own, the worker has its parent's handlers, which would swallow the
    # parent's word to end; Ctrl-C is the parent's to answer.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # An orphan would keep the port and the database.
    when_gone(int(os.environ["MYTHOS_PARENT"]), partial(os._exit, 1))

application = get_wsgi_application()

if os.environ.get("MYTHOS_PARENT", "").isdigit():
    from mythos.server.project import upkeep

    upkeep.start()
