"""The root command: loads a noun only when it is asked for, and ends every error in one line.

Exit codes: 0 done; 1 a finding or failure; 2 bad usage; 130 interrupted. With `--json` an error is
`{"error": {"type", "message", "remedy", "where"}}` on standard output. What the machine refuses (a
full disk, a folder that may not be written) is told like any other error, wherever it happens.
"""

from __future__ import annotations

import errno
import importlib
import json
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from mythos import __version__
from mythos.cli import INTERRUPTED
from mythos.errors import MythosError, UnavailableError, UsageError

_OS_REMEDIES = {
    errno.ENOSPC: "free some disk space, then repeat the command",
    errno.EACCES: "check the permissions, or name another place",
    errno.EPERM: "check the permissions, or name another place",
    errno.EROFS: "name a place that can be written",
}

# noun -> (module:attribute, one line of help); the help here is what `mythos --help` shows.
COMMANDS: dict[str, tuple[str, str]] = {
    "actions": (
        "mythos.cli.actions:actions",
        "Read and check the log of what operators did.",
    ),
    "audit": ("mythos.cli.audit:audit", "Judge traces you already have, offline."),
    "bundle": ("mythos.cli.bundle:bundle", "Pack agents, policies and workflows as one artifact."),
    "demo": ("mythos.cli.demo:demo", "Run a small fleet on this machine, and watch it go wrong."),
    "memory": (
        "mythos.cli.memory:memory",
        "Log what agents remember, and find what was changed past the log.",
    ),
    "node": ("mythos.cli.node:node", "Enrol a host, and run its sidecar."),
    "policy": (
        "mythos.cli.policy:policy",
        "Check policy sets, try them, and see what a new version would change.",
    ),
    "rollout": ("mythos.cli.rollout:rollout", "Assign a genuine bundle to an environment."),
    "serve": ("mythos.cli.serve:serve", "Run the control plane: pages, API, evidence intake."),
    "strategy": (
        "mythos.cli.strategy:strategy",
        "Recommend where a bundle may run next, with reasons.",
    ),
    "trust": ("mythos.cli.trust:trust", "Say which bundles are genuine; keep signatures fresh."),
    "user": ("mythos.cli.user:user", "Say who may sign in to the control plane, in which role."),
    "witness": (
        "mythos.cli.witness:witness",
        "See what is remembered of memory logs, and carry it to nodes.",
    ),
    "workflow": (
        "mythos.cli.workflow:workflow",
        "Check workflows, and show where runs stray from them.",
    ),
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
        """Run, and end whatever goes wrong in one line with its remedy."""
        try:
            code = super().main(args, *rest, **{**kwargs, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as nothing_asked:
            nothing_asked.show()
            sys.exit(nothing_asked.exit_code)
        except click.Abort:
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)
        except _expected() as problem:
            error = told(problem)
            report(error, sys.argv[1:] if args is None else args)
            sys.exit(error.exit_code)
        sys.exit(code if isinstance(code, int) else 0)


def _expected() -> tuple[type[Exception], ...]:
    """What may go wrong without being a bug; Django names a database's refusal its own way."""
    ours = (MythosError, click.ClickException, OSError, sqlite3.OperationalError)
    django = sys.modules.get("django.db.utils")
    return (*ours, django.OperationalError) if django else ours


def told(problem: Exception) -> MythosError:
    """What went wrong, as an error of ours."""
    if isinstance(problem, MythosError):
        return problem
    if isinstance(problem, click.ClickException):
        context = problem.ctx if isinstance(problem, click.UsageError) else None
        command = context.command_path if context else "mythos"
        return UsageError(problem.format_message(), remedy=f"see `{command} --help`")
    if isinstance(problem, OSError):
        place = f"{problem.filename}: " if problem.filename else ""
        return UnavailableError(
            f"{place}{problem.strerror or problem}",
            remedy=_OS_REMEDIES.get(
                problem.errno or 0, "check that place, then repeat the command"
            ),
        )
    return UnavailableError(
        f"a database file cannot be used: {problem}",
        remedy="check the disk's free space, and the permissions of the state folder",
    )


def report(error: MythosError, argv: Sequence[str]) -> None:
    """Print an error: JSON when `--json` was given, else a line and its remedy.

    Where standard output takes no JSON, it is the line; where nothing takes that, the exit code.
    """
    if "--json" in argv and _printed_json(error):
        return
    with suppress(OSError):
        click.echo(f"error: {error}", err=True)
        click.echo(f"  → {error.remedy}", err=True)


def _printed_json(error: MythosError) -> bool:
    body = {
        "type": type(error).__name__,
        "message": error.message,
        "remedy": error.remedy,
        "where": error.where,
    }
    try:
        click.echo(json.dumps({"error": body}))
    except BrokenPipeError:
        return True  # nobody reads on, so nobody is told
    except OSError:
        return False
    return True


@click.command(
    "mythos",
    cls=LazyGroup,
    help="Know what every AI agent is allowed to do, prove it still does only that, decide where "
    "it may run, and stop it.",
    epilog="Begin with `mythos demo`, or with `mythos audit` on traces you have. A fleet of your "
    "own: bundle build, trust init, trust sign, rollout start, serve, node enroll, node run.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="mythos")
def root() -> None:
    """Everything happens in the nouns."""
