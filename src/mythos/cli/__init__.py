"""The `mythos` command, one file a noun.

`main` imports click alone: a command's own imports happen when it runs, so that `--help` stays
fast and a node never loads what it does not need.
"""

from __future__ import annotations


def main() -> None:
    """Entry point of the `mythos` command."""
    from mythos.cli.root import root

    root()
