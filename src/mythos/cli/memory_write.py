"""`mythos memory baseline`, `record` and `accept`: what enters the log, and on whose word."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.memory_place import Place, hex_digits, opened, place_options
from mythos.cli.output import as_json, chosen
from mythos.cli.source_lines import plain
from mythos.errors import MemoryLogError, MythosError, NotFoundError, UsageError

if TYPE_CHECKING:
    from mythos.values.memory import MemoryEntry

MEMORY_KEY = "gen_ai.memory.record.id"
MEMORY_SHA256 = "mythos.memory.sha256"
SOURCES = ("user", "tool", "agent", "import", "operator")


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
    out, and stays unlogged.
    """
    import platform

    from mythos.adapters.memory_baseline import adopt
    from mythos.adapters.memory_log import open_log
    from mythos.engines.memory.checkpoint import log_origin

    place = opened(store, log, there=True)
    try:
        with open_log(place.log) as known:
            origin = known.origin
    except NotFoundError:
        origin = ""
    if not origin or node or agent:
        origin = log_origin(node or platform.node() or "node", agent or place.label)
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


@click.command(short_help="Log a write, and carry it out.")
@place_options
@click.argument("key", required=False)
@click.option("--content", metavar="FILE", help="Write what this file holds; - reads it here.")
@click.option(
    "--sha256",
    metavar="HEX",
    callback=partial(hex_digits, n=64),
    help="The agent wrote it itself: log it if it is this.",
)
@click.option(
    "--spans",
    type=click.Path(path_type=Path, exists=True),
    help="Log what the memory spans of these traces announce, as --sha256 does.",
)
@click.option("--delete", is_flag=True, help="Remove it.")
@click.option("--expire", is_flag=True, help="Remove it because its time is over.")
@click.option("--erase", is_flag=True, help="Remove it with its name and all it ever held.")
@click.option(
    "--source", type=click.Choice(SOURCES), default="agent", help="On whose behalf (agent)."
)
@click.option(
    "--trace-id",
    default="",
    callback=partial(hex_digits, n=32),
    help="The run that wrote it: 32 hex digits.",
)
@click.option("--policy-ref", default="", help="The decision that let it through.")
@as_json
def record(
    store: str,
    log: str | None,
    key: str | None,
    content: str | None,
    sha256: str | None,
    spans: Path | None,
    delete: bool,
    expire: bool,
    erase: bool,
    source: str,
    trace_id: str,
    policy_ref: str,
    as_json: bool,
) -> None:
    """Log one write to a store, and carry it out.

    With --sha256 nothing is written: the agent has done so, and what the store holds is logged if
    it has that hash. With --sha256 and --delete, if it holds nothing.
    """
    from mythos.adapters.memory_recorder import Recorder

    ways = {
        "--content": content is not None,
        "--delete": delete and sha256 is None,
        "--expire": expire,
        "--erase": erase,
        "--sha256": sha256 is not None,
        "--spans": spans is not None,
    }
    if sum(ways.values()) != 1 or (key is None) != (spans is not None):
        raise UsageError(
            "say one thing that happened to the memory",
            remedy=f"name a KEY and one of {', '.join(ways)}; with --spans no KEY",
        )
    place = opened(store, log)
    if spans is not None or key is None:
        _record_spans(place, spans or Path(), as_json)
        return
    said: dict[str, Any] = {
        "source": source,
        "trace_id": trace_id,
        "policy_ref": policy_ref,
        "at": datetime.now(UTC),
    }
    with Recorder(place.store, place.log) as recorder:
        if content is not None:
            entry = recorder.record(key, _bytes_of(content), **said)
        elif sha256 is not None:
            entry = recorder.announce(key, None if delete else sha256, **said)
        elif erase:
            entry = recorder.erase(key, **said)
        else:
            entry = recorder.forget(key, op="expire" if expire else "delete", **said)

    def tell() -> None:
        _tell_entry(entry, key)
        if erase:
            click.echo(
                "  erased  its name, salts and contents from this log; copies of log and store"
                " elsewhere still have them"
            )

    chosen(as_json, entry_json(entry, key), tell)


def _record_spans(place: Place, traces: Path, as_json: bool) -> None:
    from mythos.adapters.memory_announcer import log_announced
    from mythos.adapters.trace_archive import archive_files, read_archive
    from mythos.engines.memory.announcement import announcements

    n_read, naming = 0, []
    for request in read_archive(archive_files([traces]), on_bytes=lambda _: None):
        n_read += len(request)
        naming += [span for span in request if MEMORY_KEY in span.attributes]
    announced = announcements(naming)
    done = log_announced(place.store, place.log, announced, at=datetime.now(UTC))
    looked_at = {"spans": n_read, "naming": len(naming), "announced": len(announced)}
    logged = [entry_json(entry, key) for key, entry in done.logged.items()]

    def tell() -> None:
        for key, entry in done.logged.items():
            _tell_entry(entry, key)
        for why in done.passed_over.values():
            click.echo(f"passed over: {plain(why)}")
        _tell_looked_at(looked_at)

    chosen(as_json, {"logged": logged, "passed_over": done.passed_over, **looked_at}, tell)
    if done.passed_over:
        raise SystemExit(1)


def _tell_looked_at(n: dict[str, int]) -> None:
    click.echo(
        f"{n['spans']} spans read: {n['naming']} name a memory, {n['announced']} writes announced"
    )
    if not n["announced"]:
        click.echo(
            f"  to announce one a span needs {MEMORY_KEY} and {MEMORY_SHA256},"
            " or is a delete_memory"
        )


def _bytes_of(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    return Path(file).read_bytes()


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
    """Log an operator's word that what is, or is not, under these keys now is right."""
    from mythos.adapters.memory_recorder import Recorder
    from mythos.engines.memory.entry import key_hash, reason_ref

    if bool(keys) == every:
        raise UsageError("say which memories to accept", remedy="name keys, or give --all")
    place = opened(store, log)
    reason = reason_ref(by, why)
    accepted: list[MemoryEntry] = []
    refused: dict[str, str] = {}
    wrong = _wrong(place) if every else keys
    with Recorder(place.store, place.log) as recorder:
        for key in wrong:
            try:
                accepted.append(recorder.accept(key, at=datetime.now(UTC), policy_ref=reason))
            except MythosError as error:
                if not every:
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
    elif refused:
        click.echo("  next  remove what is refused, or put what can be read in its place")
    elif not every:
        click.echo("  next  `mythos memory audit`: nothing else was looked at")


def entry_json(entry: MemoryEntry, key: str | None) -> dict[str, Any]:
    """One entry as commands print it: as it is logged, with the key where it is known."""
    return {"key": key, **entry.model_dump()}


def _tell_entry(entry: MemoryEntry, key: str) -> None:
    click.echo(f"entry {entry.seq}: {entry.op} {plain(key)}")
