"""`mythos memory record`: log a write and carry it out, or log what an agent did itself."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.memory_place import Place, hex_digits, opened, place_options, require_known
from mythos.cli.output import as_json, chosen
from mythos.cli.source_lines import plain
from mythos.errors import UsageError

if TYPE_CHECKING:
    from mythos.values.memory import MemoryEntry

MEMORY_KEY = "gen_ai.memory.record.id"
MEMORY_SHA256 = "mythos.memory.sha256"
SOURCES = ("user", "tool", "agent", "import", "operator")


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
    it has that hash. With --sha256 and --delete, if it holds nothing. To remove what neither
    store nor log knows is refused: it is mistyped.
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
    if content is None and sha256 is None:
        require_known(place, key)
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
        _tell_entry(entry, key, asked=said["at"])
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
    at = datetime.now(UTC)
    done = log_announced(place.store, place.log, announced, at=at)
    looked_at = {"spans": n_read, "naming": len(naming), "announced": len(announced)}
    logged = [entry_json(entry, key) for key, entry in done.logged.items()]

    def tell() -> None:
        for key, entry in done.logged.items():
            _tell_entry(entry, key, asked=at)
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


def entry_json(entry: MemoryEntry, key: str | None) -> dict[str, Any]:
    """One entry as commands print it: as it is logged, with the key where it is known."""
    return {"key": key, **entry.model_dump()}


def _tell_entry(entry: MemoryEntry, key: str, *, asked: datetime) -> None:
    before = " (logged before)" if entry.ts < int(asked.timestamp() * 1000) else ""
    click.echo(f"entry {entry.seq}: {entry.op} {plain(key)}{before}")
