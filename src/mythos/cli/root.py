"""The root command: loads a noun only when it is asked for, and ends every error in one line.

Exit codes: 0 done; 1 a finding or failure; 2 bad usage. With `--json` an error is
`{"error": {"type", "message", "remedy", "where"}}` on standard output.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from mythos import __version__
from mythos.errors import MythosError

# noun -> (module:attribute, one line of help); the help here is what `mythos --help` shows.
COMMANDS: dict[str, tuple[str, str]] = {
    "audit": ("mythos.cli.audit:audit", "Score a trace archive offline."),
    "bundle": ("mythos.cli.bundle:bundle", "Build, show, verify, export and import bundles."),
    "demo": ("mythos.cli.demo:demo", "Run the whole ring on this machine with real agents."),
    "node": ("mythos.cli.node:node", "Enrol and run the sidecar of a host."),
    "rollout": ("mythos.cli.rollout:rollout", "Decide what environments run."),
    "serve": ("mythos.cli.serve:serve", "Run the control plane."),
    "strategy": ("mythos.cli.strategy:strategy", "Recommend where what may run next."),
    "trust": ("mythos.cli.trust:trust", "Keys and TUF repositories."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are first needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command itself, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in sorted(COMMANDS.items())])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - click's own signature
        """Run, and end every error of ours in one line with its remedy."""
        try:
            return super().main(args, *rest, **kwargs)
        except MythosError as error:
            report(error, sys.argv[1:] if args is None else args)
            sys.exit(error.exit_code)


def report(error: MythosError, argv: Sequence[str]) -> None:
    """Print an error: JSON when `--json` was given, else a line and its remedy."""
    if "--json" in argv:
        body = {
            "type": type(error).__name__,
            "message": error.message,
            "remedy": error.remedy,
            "where": error.where,
        }
        click.echo(json.dumps({"error": body}))
        return
    click.echo(f"error: {error}", err=True)
    click.echo(f"  → {error.remedy}", err=True)


@click.command(
    cls=LazyGroup,
    help="Know what every AI agent is allowed to do, prove it still does only that, decide where "
    "it may run, and stop it.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="mythos")
def root() -> None:
    """Everything happens in the nouns."""
