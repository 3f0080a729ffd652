"""`mythos actions`: what operators did on this control plane, and whether that log holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mythos.cli.output import as_json, chosen
from mythos.errors import NotFoundError

if TYPE_CHECKING:
    from mythos.values.action import OperatorAction

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
MAX_NOTE_BYTES = 1_000_000


@click.group(help="Read and check the log of what operators did (control plane).")
def actions() -> None:
    """See the commands."""


@actions.command("list", short_help="What operators did, newest first.")
@click.option(
    "--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many."
)
@as_json
def list_(limit: int, as_json: bool) -> None:
    """List what operators did, newest first."""
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.actions.ledger import newest

    found = newest(limit=limit)

    def tell() -> None:
        for each in found:
            click.echo(_line(each))
        if not found:
            click.echo("nothing yet")

    chosen(as_json, {"actions": [each.model_dump() for each in found]}, tell)


@actions.command(short_help="Check the log, alone and against kept checkpoints.")
@click.option(
    "--checkpoint",
    "kept",
    type=READABLE,
    multiple=True,
    help="A checkpoint that was kept elsewhere. Repeatable.",
)
@as_json
@click.pass_context
def verify(ctx: click.Context, kept: tuple[Path, ...], as_json: bool) -> None:
    """Check every entry and every checkpoint of the log; exits 1 if it does not hold.

    That its end was cut off, or that all of it was made anew, shows only against a checkpoint
    that was kept elsewhere.
    """
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.actions.ledger import check

    found = check(_note_in(path) for path in kept)
    shown = {
        "ok": not found.problem,
        "size": found.size,
        "root": f"sha256:{found.root}",
        "checkpoints": len(kept),
        "why": found.problem,
    }

    def tell() -> None:
        if found.problem:
            click.echo(f"NOT whole: {found.problem}")
            click.echo("  → keep the database as it is, and compare it with a backup")
            return
        against = f", and it extends {len(kept)} kept" if kept else ""
        click.echo(f"{found.size} actions, each under its checkpoint{against}")

    chosen(as_json, shown, tell)
    if found.problem:
        ctx.exit(1)


@actions.command(short_help="Write the newest checkpoint, to be kept elsewhere.")
@click.option("--out", type=click.Path(path_type=Path), help="Also write the signed note there.")
@as_json
def checkpoint(out: Path | None, as_json: bool) -> None:
    """Print the newest signed checkpoint of the log and the key that verifies it.

    Keep it where whoever can write this database cannot.
    """
    from mythos.adapters.atomic_file import write_atomically
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.actions.ledger import actions_verifier, newest_note

    note = newest_note()
    if not note:
        raise NotFoundError(
            "no operator has done anything yet", remedy="come back when there is something to keep"
        )
    if out is not None:
        write_atomically(out, note.encode())
    vkey = actions_verifier().vkey

    def tell() -> None:
        click.echo(note, nl=False)
        click.echo(f"\nverifier key  {vkey}")

    chosen(as_json, {"note": note, "vkey": vkey}, tell)


def _note_in(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(MAX_NOTE_BYTES)


def _line(each: OperatorAction) -> str:
    from mythos.cli.source_lines import plain

    at = datetime.fromtimestamp(each.ts / 1_000, UTC)
    why = f"  ({plain(each.why)})" if each.why else ""
    subject = plain(each.subject)
    return (
        f"{each.seq:>6}  {at:%Y-%m-%d %H:%M:%S}Z  {plain(each.by)}  {each.action}  {subject}{why}"
    )
