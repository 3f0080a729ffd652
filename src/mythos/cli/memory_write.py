"""`mythos memory baseline` and `accept`: what is taken for right, and on whose word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.memory_place import Place, opened, place_options, require_known
from mythos.cli.memory_record import entry_json
from mythos.cli.output import as_json, chosen
from mythos.cli.source_lines import plain
from mythos.errors import MemoryLogError, MythosError, NotFoundError, UsageError

if TYPE_CHECKING:
    from mythos.values.memory import MemoryEntry


@click.command(short_help="Begin a log with what a store holds now.")
@place_options
@click.option("--node", help="Whose log it is: the node (else this machine's name).")
@click.option("--agent", help="Whose log it is: the agent (else the store's name).")
@as_json
def baseline(
    store: str, log: str | None, node: str | None, agent: str | None, as_json: bool
) -> None:
    """Begin the log of a store with what it holds now: trust starts here.

    A store that the log knows already is left as it is. What cannot be read as a memory is left
    out, and stays unlogged. A log that would have the name of another one beside it is not begun.
    """
    import platform

    from mythos.adapters.memory_baseline import adopt, require_sole
    from mythos.adapters.memory_log import open_log
    from mythos.engines.memory.checkpoint import log_origin

    place = opened(store, log, there=True)
    try:
        with open_log(place.log) as known:
            origin = known.origin
    except NotFoundError:
        origin = ""
    begun_before = bool(origin)
    if not begun_before or node or agent:
        origin = log_origin(node or platform.node() or "node", agent or place.label)
    if not begun_before:
        require_sole(place.log, origin=origin)
    adopted = adopt(place.store, place.log, origin=origin, at=datetime.now(UTC))
    begun = {
        "origin": origin,
        "log": str(place.log),
        "store": place.store.name,
        "entries": adopted.entries,
        "known": adopted.known,
        "n_left_out": adopted.n_left_out,
        "left_out": dict(adopted.left_out),
        "blind_to": place.store.blind_to,
    }
    chosen(as_json, begun, lambda: _tell_begun(begun))


def _tell_begun(begun: dict[str, Any]) -> None:
    from mythos.cli.source_lines import plain

    if begun["known"]:
        click.echo(f"nothing to do: {begun['origin']} knows this store")
    elif begun["entries"]:
        n = begun["entries"]
        found = "1 memory is" if n == 1 else f"{n} memories are"
        click.echo(f"{found} the baseline of {begun['origin']}")
    else:
        click.echo(f"{begun['origin']} begins with an empty store")
    for key, reason in begun["left_out"].items():
        click.echo(f"  left out      {plain(key)}: {plain(reason)}")
    if more := begun["n_left_out"] - len(begun["left_out"]):
        click.echo(f"  left out      {more} more")
    click.echo(f"  log           {begun['log']}")
    click.echo(f"  cannot see    {begun['blind_to']}")


@click.command(short_help="Take what an audit found for right, and say why.")
@place_options
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every key that an audit finds wrong now.")
@click.option("--by", metavar="WHO", required=True, help="Who decides. Required.")
@click.option("--why", metavar="TEXT", required=True, help="The reason; it is logged. Required.")
@as_json
def accept(
    store: str,
    log: str | None,
    keys: tuple[str, ...],
    every: bool,
    by: str,
    why: str,
    as_json: bool,
) -> None:
    """Log an operator's word that what is, or is not, under these keys now is right.

    A key that is as logged is refused: accepted, it would be no more of the run that wrote it.
    """
    from mythos.adapters.memory_recorder import Recorder
    from mythos.engines.memory.entry import key_hash, reason_ref

    if bool(keys) == every:
        raise UsageError("say which memories to accept", remedy="name keys or give --all, not both")
    place = opened(store, log)
    for key in keys:
        require_known(place, key)
    reason = reason_ref(by, why)
    accepted: list[MemoryEntry] = []
    refused: dict[str, str] = {}
    wrong = _wrong(place) if every else keys
    with Recorder(place.store, place.log) as recorder:
        for key in wrong:
            try:
                accepted.append(recorder.accept(key, at=datetime.now(UTC), policy_ref=reason))
            except MythosError as error:
                if not every and len(wrong) == 1:
                    raise
                refused[key] = error.message
    named = {key_hash(place.store.name, key): key for key in wrong}
    rows = [entry_json(entry, named[entry.key_hash]) for entry in accepted]
    chosen(
        as_json,
        {"accepted": rows, "refused": refused},
        lambda: _tell_accepted(named, rows, refused, every=every),
    )
    if refused:
        raise SystemExit(1)


def _wrong(place: Place) -> list[str]:
    from mythos.adapters.memory_auditor import audit_store

    found = audit_store(place.store, place.log, at=datetime.now(UTC))
    if found.proof_failed is not None:
        raise MemoryLogError(
            f"the log does not hold: {found.proof_failed}",
            remedy="nothing can be accepted into it: restore the log first",
        )
    return [*found.altered, *found.missing, *found.unlogged]


def _tell_accepted(
    named: dict[str, str], rows: list[dict[str, Any]], refused: dict[str, str], *, every: bool
) -> None:
    for row in rows:
        what = "gone" if row["content_hash"] is None else "as it is"
        click.echo(f"accepted  {plain(row['key'])}: {what} (entry {row['seq']})")
    for key, why in refused.items():
        click.echo(f"refused   {plain(key)}: {plain(why)}")
    if not named:
        click.echo("nothing to accept: the audit finds nothing wrong")
    elif refused and every:
        click.echo("  next  remove what is refused, or put what can be read in its place")
    elif not every:
        click.echo("  next  `mythos memory audit`: nothing else was looked at")
