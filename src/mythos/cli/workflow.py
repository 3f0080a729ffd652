"""`mythos workflow`: check workflows, and show where runs stray from them."""

from __future__ import annotations

import click

from mythos.cli.workflow_align import align
from mythos.cli.workflow_check import check


@click.group(help="Check workflows, and show where runs stray from them.")
def workflow() -> None:
    """See the commands."""


workflow.add_command(align)
workflow.add_command(check)
