"""`mythos policy`: check policy sets, try them on events and tests, and carry them elsewhere."""

from __future__ import annotations

import click

from mythos.cli.policy_backtest import backtest
from mythos.cli.policy_check import check
from mythos.cli.policy_coherence import coherence
from mythos.cli.policy_decide import decide
from mythos.cli.policy_diff import diff
from mythos.cli.policy_exchange import export, import_
from mythos.cli.policy_test import test


@click.group(help="Check policy sets, try them, and see what a new version would change.")
def policy() -> None:
    """See the commands."""


policy.add_command(backtest)
policy.add_command(check)
policy.add_command(coherence)
policy.add_command(decide)
policy.add_command(diff)
policy.add_command(test)
policy.add_command(export)
policy.add_command(import_)
