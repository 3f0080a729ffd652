"""`mythos memory`: log what agents remember, and find what was changed past the log."""

from __future__ import annotations

import click

from mythos.cli.memory_audit import audit
from mythos.cli.memory_proof import checkpoint, prove, verify
from mythos.cli.memory_record import record
from mythos.cli.memory_trace import rollback, trace
from mythos.cli.memory_write import accept, baseline


@click.group(help="Log what agents remember, and find what was changed past the log.")
def memory() -> None:
    """See the commands."""


for command in (accept, audit, baseline, checkpoint, prove, record, rollback, trace, verify):
    memory.add_command(command)
