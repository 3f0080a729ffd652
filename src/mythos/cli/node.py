"""`mythos node`: enrol a host, run its sidecar, carry files across an air gap."""

from __future__ import annotations

import click

from mythos.cli.node_enrol import enroll
from mythos.cli.node_files import export_, import_
from mythos.cli.node_run import run, status


@click.group(help="Enrol a host, run its sidecar, and carry files across an air gap.")
def node() -> None:
    """See the commands."""


for command in (enroll, export_, import_, run, status):
    node.add_command(command)
