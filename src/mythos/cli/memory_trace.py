"""`mythos memory trace` and `rollback`: what came from where, and taking it back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.memory_place import FILE, SHOWN, CarriedOut, n_entries, opened, place_options
from mythos.cli.memory_record import SOURCES, entry_json
from mythos.cli.output import as_json, chosen
from mythos.errors import UsageError

if TYPE_CHECKING:
    from mythos.adapters.memory_log import LogPlace
    from mythos.adapters.memory_rollback import RolledBack
    from mythos.engines.memory.rollback import Past, RollbackPlan
    from mythos.values.memory import MemoryEntry


ERASED = "sha256:"  # how a key is named whose name the log has forgotten


@click.command(short_help="List what a run, a source or anybody wrote.")
@place_options
@click.option("--run", "runs", multiple=True, help="A trace id. Repeatable.")
@click.option("--source", type=click.Choice(SOURCES), multiple=True, help="Repeatable.")
@click.option("--key", "keys", multiple=True, help="A memory. Repeatable.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="From this entry on (0).")
@as_json
def trace(
    store: str,
    log: str | None,
    runs: tuple[str, ...],
    source: tuple[str, ...],
    keys: tuple[str, ...],
    after: int,
    as_json: bool,
) -> None:
    """List the log entries that a run or a source wrote: what came from this poisoned run?

    The log is one agent's, so without a choice it is everything that the agent ever wrote.
    `current` says that no later entry changed that memory since. What a roll-back put back is still
    of the run that wrote it. Exits 1 if no entry is of one of the runs.
    """
    from mythos.adapters.memory_log import open_to_read
    from mythos.engines.memory.entry import key_hash
    from mythos.engines.memory.rollback import require_runs, written_by

    place = opened(store, log)
    asked = {run.lower() for run in runs}
    unmet = set(asked)
    hashes = {key_hash(place.store.name, key) for key in keys}

    def wanted(entry: MemoryEntry) -> bool:
        if entry.store != place.store.name:
            return False
        unmet.discard(entry.trace_id)
        return (
            entry.seq >= after
            and (not asked or entry.trace_id in asked)
            and (not source or entry.source in source)
            and (not hashes or entry.key_hash in hashes)
        )

    with open_to_read(place.log) as known:
        names = {key_hash(place.store.name, key): key for key in known.keys(place.store.name)}
        found = [
            {**entry_json(entry, names.get(entry.key_hash)), "current": current}
            for entry, current in written_by(known.entries(), wanted=wanted)
        ]
        origin = known.origin
    require_runs(unmet)
    chosen(as_json, {"origin": origin, "entries": found}, lambda: _tell_trace(found))


def _tell_trace(found: list[dict[str, Any]]) -> None:
    from mythos.cli.source_lines import plain

    for one in found:
        key = plain(one["key"] or one["key_hash"])
        run = f"  run {one['trace_id']}" if one["trace_id"] else ""
        why = f"  {plain(one['policy_ref'])}" if one["policy_ref"] else ""
        mark = "" if one["current"] else "  (changed since)"
        at = _iso(one["ts"])
        click.echo(f"{one['seq']:>7}  {at}  {one['op']:8} {one['source']:8} {key}{run}{why}{mark}")
    current = sum(one["current"] for one in found)
    stand = "still stands" if current == 1 else "still stand"
    click.echo(f"{n_entries(len(found))}, {current} {stand}")


@click.command(short_help="Take a store back to what its log once said.")
@place_options
@click.option(
    "--to", metavar="SIZE", type=click.IntRange(min=0), help="As after this many entries."
)
@click.option("--to-checkpoint", type=FILE, help="As it was at a checkpoint, from its file.")
@click.option("--without-run", multiple=True, help="As if this run (trace id) had written nothing.")
@click.option("--backup", metavar="STORE", help="Where contents may come from that the log lost.")
@click.option("--apply", is_flag=True, help="Do it; without this it is a dry run.")
@click.option("--by", metavar="WHO", help="Who decides; required with --apply.")
@click.option("--why", metavar="TEXT", help="The reason; it is logged. Required with --apply.")
@as_json
@click.pass_context
def rollback(
    ctx: click.Context,
    store: str,
    log: str | None,
    to: int | None,
    to_checkpoint: Path | None,
    without_run: tuple[str, ...],
    backup: str | None,
    apply: bool,
    by: str | None,
    why: str | None,
    as_json: bool,
) -> None:
    """Take a store back to what its log once said. Without --apply nothing is changed.

    The log itself only grows: each change of the roll-back is an entry. Memories that the log never
    knew are left alone and named. Exits 1 if something cannot be restored or is not yet written; if
    the store would refuse a change, the log is shorter, or it has no entry of the run, nothing is
    changed.
    """
    from mythos.adapters.memory_rollback import RolledBack, plan, roll_back
    from mythos.engines.memory.entry import reason_ref

    place = opened(store, log)
    past, meant = _past(place.log, to, to_checkpoint, without_run)
    other = opened(backup, None, there=True).store if backup else None
    carried_out = CarriedOut()
    if not apply:
        made = plan(place.store, place.log, past, backup=other, on_settled=carried_out.note)
        done = RolledBack(made, 0, ())
    elif by and why:
        done = roll_back(
            place.store,
            place.log,
            past,
            at=datetime.now(UTC),
            policy_ref=reason_ref(by, f"{meant}. {why}"),
            backup=other,
            on_settled=carried_out.note,
        )
    else:
        raise UsageError("a roll-back is logged with who and why", remedy="give --by and --why")

    def tell() -> None:
        carried_out.tell()
        _tell_rollback(done, apply, meant)

    chosen(as_json, {**_rollback_json(done, apply), "carried_out": carried_out.json}, tell)
    if done.plan.impossible or done.plan.blocked or done.stuck:
        ctx.exit(1)


def _past(
    log: LogPlace, to: int | None, to_checkpoint: Path | None, without_run: tuple[str, ...]
) -> tuple[Past, str]:
    """Which entries are to have happened, and the same in words."""
    from mythos.engines.memory.rollback import Past

    if sum((to is not None, to_checkpoint is not None, bool(without_run))) != 1:
        raise UsageError(
            "say what to roll back to",
            remedy="give one of --to, --to-checkpoint and --without-run",
        )
    if without_run:
        runs = [run.lower() for run in without_run]
        return Past(without=frozenset(runs)), f"undo {', '.join(runs)}"
    size = _size(log, to_checkpoint) if to_checkpoint is not None else to or 0
    return Past(size), f"back to {n_entries(size)}"


def _size(log: LogPlace, to_checkpoint: Path) -> int:
    from mythos.adapters.memory_log import open_to_read
    from mythos.cli.memory_keys import checkpoint_of
    from mythos.engines.memory.checkpoint import require_extends

    said = checkpoint_of(to_checkpoint, ())
    with open_to_read(log) as known:
        require_extends(known.tree(), said, origin=known.origin)
    return said.size


def _rollback_json(done: RolledBack, applied: bool) -> dict[str, Any]:
    plan = done.plan
    return {
        "applied": applied and not plan.blocked,
        "restore": list(plan.restore),
        "remove": list(plan.remove),
        "impossible": plan.impossible,
        "blocked": plan.blocked,
        "left": plan.left,
        "unchanged": plan.unchanged,
        "standing": plan.n_standing,
        "logged": done.logged,
        "not_yet_written": list(done.stuck),
    }


def _tell_rollback(done: RolledBack, applied: bool, meant: str) -> None:
    from mythos.cli.source_lines import plain

    plan: RollbackPlan = done.plan
    told = " (refused: nothing of this was done)" if plan.blocked else ""
    click.echo(f"{meant}{told if applied else ' (dry run: nothing of this was done)'}")
    rows = (
        ("restore", [f"{key} (entry {seq})" for key, seq in plan.restore.items()]),
        ("remove", [*plan.remove]),
        ("cannot", plan.impossible),
        ("blocked", [f"{key}: {why}" for key, why in plan.blocked.items()]),
        ("left", plan.left),
    )
    for word, keys in rows:
        for key in keys[:SHOWN]:
            click.echo(f"  {word:8} {plain(key)}")
        if len(keys) > SHOWN:
            click.echo(f"  {word:8} and {len(keys) - SHOWN} more (--json lists all)")
    for waiting in done.stuck:
        click.echo(f"  not yet  {plain(waiting)}")
    if done.stuck:
        click.echo("NOT done: the changes above are logged and will be tried again at every use")
    verb = "changed" if applied and not plan.blocked else "would change"
    changes = len(plan.restore) + len(plan.remove)
    right = f"{plan.unchanged} {'is' if plan.unchanged == 1 else 'are'} right already"
    click.echo(f"{changes} {verb}, {right}, {len(plan.left)} left alone")
    if plan.n_standing == 0:
        click.echo(
            "nothing of this stands any more: whatever it wrote was written anew, removed, accepted"
            " or taken back since (`mythos memory trace --run`)"
        )
    if next_step := _after_rollback(done, applied):
        click.echo(f"  next  {next_step}")


def _after_rollback(done: RolledBack, applied: bool) -> str:
    """The one thing to be told next; empty if there is none."""
    plan = done.plan
    if plan.blocked:
        return "clear the way of what is blocked, then repeat"
    if any(not key.startswith(ERASED) for key in plan.impossible):
        return "what cannot be restored may be in a copy of the store: --backup STORE"
    if not applied:
        return "--apply, with --by and --why, does it" if plan.restore or plan.remove else ""
    if plan.left:
        return "those left alone are in no log: remove them, or `mythos memory accept` them"
    if done.logged:
        return "start running agents anew: they may have read what was there before"
    return ""


def when(entry: MemoryEntry) -> str:
    """The time of an entry, in UTC to the second."""
    return _iso(entry.ts)


def _iso(ts_ms: int) -> str:
    return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="seconds")
