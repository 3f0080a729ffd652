"""The `mythos` command, one file a noun.

`main` imports click alone: a command's own imports happen when it runs, so that `--help` stays
fast and a node never loads what it does not need.
"""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130  # 128 + SIGINT, as shells say it


def main() -> None:
    """Entry point of the `mythos` command; an interrupt ends it quietly, even while it loads."""
    try:
        from mythos.cli.root import root

        root()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
    finally:
        _let_go()


def _let_go() -> None:
    """Drop what could not be printed; it was told, and the interpreter would try once more."""
    if sys.stdout is None:  # the caller closed it before it started us
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
