"""`mythos memory audit`: is the live store what its log says?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.memory_keys import keys_of, witnessed_of
from mythos.cli.memory_place import (
    FILE,
    NEW_FILE,
    SHOWN,
    CarriedOut,
    Place,
    n_entries,
    opened_or_gone,
    place_options,
)
from mythos.cli.output import as_json, bar, chosen
from mythos.errors import MythosError, UsageError

if TYPE_CHECKING:
    from mythos.adapters.memory_audit_resume import Resumed
    from mythos.values.memory import MemoryAudit, Offender


@click.command(short_help="Compare a store with its log.")
@place_options
@click.option(
    "--vkey",
    multiple=True,
    help="Verifier key of the log's checkpoints, or of a witness, text or file. Repeatable. "
    "Without the log's the signatures of stored checkpoints are not checked.",
)
@click.option(
    "--witnessed",
    type=FILE,
    multiple=True,
    help="A checkpoint that was kept elsewhere: the log must extend it. Given a witness's key, "
    "the witness must have cosigned it. Repeatable.",
)
@click.option(
    "--sample",
    metavar="N",
    type=click.IntRange(min=1),
    help="Look at every key, and compare N contents drawn at random.",
)
@click.option(
    "--resume",
    type=NEW_FILE,
    help="Keep in this file how far the audit got, and go on from there if it is there already.",
)
@as_json
@click.pass_context
def audit(
    ctx: click.Context,
    store: str,
    log: str | None,
    vkey: tuple[str, ...],
    witnessed: tuple[Path, ...],
    sample: int | None,
    resume: Path | None,
    as_json: bool,
) -> None:
    """Compare a live store with its log, and exit 1 unless every memory is what was logged.

    What was written past the log is altered, missing or unlogged. Poison that was written the
    proper way is not found here: see `mythos memory trace`. What is logged and not yet in the
    store, because a writer was killed, is carried out first, and told.
    """
    from mythos.adapters.memory_auditor import audit_store

    if sample is not None and resume is not None:
        raise UsageError("a sample is not resumed", remedy="give --sample or --resume")
    place = opened_or_gone(store, log)
    keys, witnesses = keys_of(vkey)
    carried_out = CarriedOut()
    resumed: list[Resumed] = []
    left_off = resume is not None and resume.exists()
    remembered = witnessed_of(witnessed, keys, witnesses)
    with bar("auditing", total=_steps(place)) as shown:
        found = audit_store(
            place.store,
            place.log,
            at=datetime.now(UTC),
            verifiers=keys,
            witnessed=remembered,
            sample=sample,
            resume=resume,
            on_progress=shown.advance,
            on_settled=carried_out.note,
            on_resumed=resumed.append,
        )

    def tell() -> None:
        carried_out.tell()
        _tell(found, place)
        if left_off and found.proof_failed is None:
            _tell_resumed(resumed)

    result = {
        **audit_json(found),
        "carried_out": carried_out.json,
        "resumed": asdict(resumed[0]) if resumed else None,
    }
    chosen(as_json, result, tell)
    if found.score != 1.0:
        ctx.exit(1)


def _steps(place: Place) -> int | None:
    """About how many entries and memories an audit will look at."""
    from mythos.adapters.memory_log import open_to_read

    try:
        with open_to_read(place.log) as log:
            return 2 * log.size
    except MythosError:
        return None


def audit_json(found: MemoryAudit) -> dict[str, Any]:
    """An audit as it is printed; without a log there is neither score nor checkpoint.

    `failed` in the checkpoint says which proof did not hold.
    """
    from mythos.engines.memory.bounds import bounds_of

    score = bounds_of(found)
    checkpoint = {
        "origin": found.origin,
        "size": found.size,
        "root": found.root,
        "failed": found.proof_failed,
    }
    return {
        "ok": found.ok,
        "altered": list(found.altered),
        "missing": list(found.missing),
        "unlogged": list(found.unlogged),
        "expired": len(found.expired),
        "score": None if score is None else asdict(score),
        "checkpoint": None if score is None else checkpoint,
        "flags": list(_flags(found)),
        "notes": list(found.notes),
        "offenders": [each.model_dump(mode="json") for each in found.offenders],
    }


def _flags(found: MemoryAudit) -> Iterator[str]:
    """The flags that a control plane would raise; where the log does not hold, that alone."""
    if found.proof_failed is not None:
        yield "MEMORY_LOG_FORK"
        return
    for kind in ("altered", "missing", "unlogged"):
        if getattr(found, kind):
            yield f"MEMORY_{kind.upper()}"


def _tell(found: MemoryAudit, place: Place) -> None:
    from mythos.cli.source_lines import plain

    if found.proof_failed is not None:
        click.echo(f"MEMORY_LOG_FORK: the log does not hold: {plain(found.proof_failed)}")
    told = {(each.kind, each.key): each for each in found.offenders}
    for kind in ("altered", "missing", "unlogged"):
        keys = getattr(found, kind)
        for key in keys[:SHOWN]:
            click.echo(f"{kind:9} {plain(key)}")
            if (kind, key) in told:
                _tell_offender(told[kind, key])
        if len(keys) > SHOWN:
            click.echo(f"{kind:9} and {len(keys) - SHOWN} more (--json lists all)")
    for note in found.notes[:SHOWN]:
        click.echo(f"note      {plain(note)}")
    click.echo(_summary(found))
    click.echo(f"  log         {plain(str(place.log))}{_size_of(found)}")
    if found.proof_failed is not None:
        click.echo("  next        stop the agent, keep store and log as they are, and restore both")
    click.echo(f"  cannot see  {place.store.blind_to}")


def _tell_offender(offender: Offender) -> None:
    """The log's last word on a key, and below it what is there."""
    from mythos.cli.source_lines import plain
    from mythos.engines.memory.offending import found_in_words, logged_in_words

    click.echo(f"  log     {plain(logged_in_words(offender))}")
    if offender.logged is not None:
        click.echo(f"          {offender.logged}")
    click.echo(f"  found   {found_in_words(offender)}")


def _tell_resumed(resumed: list[Resumed]) -> None:
    for taken in resumed:
        begun_at = taken.begun_at.isoformat(timespec="seconds")
        click.echo(
            f"  not read    {taken.compared} contents: the audit that began {begun_at} had compared"
            f" them, at {n_entries(taken.size)}"
        )
    if not resumed:
        click.echo("  began anew  where the audit had left off is not to be found any more")


def _size_of(found: MemoryAudit) -> str:
    if found.proof_failed is not None:
        return ""
    return " (not there)" if found.root is None else f", {n_entries(found.size)}"


def _summary(found: MemoryAudit) -> str:
    from mythos.engines.memory.bounds import bounds_of

    if found.proof_failed is not None:
        return "NOT ok: nothing was compared, because the log does not hold; integrity 0"
    score = bounds_of(found)
    if score is None:
        return "NOT ok: no log, so no score: begin one with `mythos memory baseline`"
    wrong = len(found.altered) + len(found.missing) + len(found.unlogged)
    ok = "ok" if found.score == 1.0 else "NOT ok"
    integrity = f"integrity {score.mid:.4f}"
    if score.low < score.high:
        drawn = found.ok + len(found.altered)
        integrity += f" (at least {score.low:.4f}: {drawn} of {found.present} contents compared)"
    return f"{ok}: {found.ok} as logged, {wrong} not, {len(found.expired)} expired; {integrity}"
