"""`mythos witness`: what the control plane remembers of memory logs, and how it gets to nodes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, chosen
from mythos.errors import MemoryLogError

if TYPE_CHECKING:
    from mythos.server.resilience.witness_files import Remembered

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
MAX_NOTE_CHARS = 1_000_000


@click.group(help="See what is remembered of nodes' memory logs, and carry it to nodes.")
def witness() -> None:
    """See the commands."""


@witness.command("list", short_help="What is remembered of each log.")
@as_json
def list_(as_json: bool) -> None:
    """List each memory log with the size that was proved last, and the witness's verifier key.

    Exits 1 if a log contradicts what is remembered, or has not proved its growth.
    """
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.resilience.witness_files import remembered
    from mythos.server.resilience.witness_key import witness_verifier

    found, vkey = remembered(), witness_verifier().vkey

    def tell() -> None:
        for each in found:
            click.echo(_line(each))
        if not found:
            click.echo("no memory log was witnessed yet")
        click.echo(f"\nverifier key  {vkey}")

    logs = [{**asdict(each), "seen_at": each.seen_at.isoformat()} for each in found]
    chosen(as_json, {"vkey": vkey, "logs": logs}, tell)
    if any(each.fork or each.unproved_size for each in found):
        raise SystemExit(1)


def _line(each: Remembered) -> str:
    from mythos.cli.source_lines import plain

    unproved = f"  UNPROVED {each.unproved_size}" if each.unproved_size else ""
    fork = f"  FORK {plain(each.fork)}" if each.fork else ""
    orders = f"  ORDERS {each.orders}" if each.orders else ""
    seen = f"{each.seen_at:%Y-%m-%d %H:%M:%S}Z"
    return f"{plain(each.origin):<48} {each.size:>9} entries, told {seen}{unproved}{orders}{fork}"


@witness.command(short_help="Write what a node needs to know, to carry across a gap.")
@click.option("--node", "name", metavar="NAME", required=True, help="The node's id.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="File for `mythos node import`."
)
@as_json
def export(name: str, out: Path, as_json: bool) -> None:
    """Write the cosigned checkpoints of a node's logs, and the orders that wait for it.

    The node proves its next growth from there, and notices if its logs were put back behind it.
    It accepts the keys that operators took for right, and answers with its next report.
    """
    from mythos.adapters.atomic_file import write_atomically
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.server.resilience.orders_under_way import deliverable
    from mythos.server.resilience.witness_files import view_for

    write_atomically(out, view_for(name, at=timezone.now()))
    orders = deliverable(name).count()
    held = f", orders that wait in it: {orders}" if orders else ""
    result = {"node": name, "file": str(out), "orders": orders}
    said = f"{out}{held}: carry it to {name}, `mythos node import`"
    chosen(as_json, result, lambda: click.echo(said))


@witness.command(short_help="Let a log begin anew, after looking.")
@click.argument("origin", metavar="LOG")
@click.option("--by", "who", metavar="WHO", required=True, help="Who decides.")
@click.option("--why", metavar="TEXT", required=True, help="The reason; it is logged.")
@as_json
def restart(origin: str, who: str, why: str, as_json: bool) -> None:
    """Forget what is remembered of LOG, so that its next checkpoint is taken as its first.

    For a log that was lost, and for a fork that was looked into. What was remembered goes into
    the log of operator actions.
    """
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.server.resilience.witness_files import restart_log

    restart_log(origin, by=who, why=why, at=timezone.now())
    result = {"log": origin, "by": who, "why": why}
    chosen(as_json, result, lambda: click.echo(f"{origin} begins anew with its next checkpoint"))


@witness.command(short_help="Check a cosignature offline.")
@click.argument("note", type=READABLE)
@click.option("--vkey", required=True, help="The witness's verifier key, as `list` prints it.")
@as_json
@click.pass_context
def verify(ctx: click.Context, note: Path, vkey: str, as_json: bool) -> None:
    """Check that the witness cosigned the checkpoint in NOTE; exits 1 if not. Asks nobody.

    It shows that the log had only grown, as far as the witness had seen it, up to this size.
    """
    from mythos.engines.memory.checkpoint import parse_checkpoint
    from mythos.engines.memory.cosignature import CosignatureVerifier, verify_cosignature
    from mythos.engines.memory.note import parse_note

    verifier = CosignatureVerifier.parse(vkey)
    with note.open(encoding="utf-8", errors="replace") as file:
        text = file.read(MAX_NOTE_CHARS)
    try:
        at = verify_cosignature(text, verifier)
        said = parse_checkpoint(parse_note(text).text)
    except MemoryLogError as error:
        why = error.message
        chosen(as_json, {"ok": False, "why": why}, lambda: click.echo(f"NOT cosigned: {why}"))
        ctx.exit(1)
    shown: dict[str, Any] = {"ok": True, "at": at.isoformat(), **said.model_dump()}
    chosen(
        as_json,
        shown,
        lambda: click.echo(f"cosigned {at:%Y-%m-%d %H:%M:%S}Z: {said.size} entries\n{said.root}"),
    )
