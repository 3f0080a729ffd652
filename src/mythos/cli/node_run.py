"""`mythos node run` and `status`: the sidecar in the foreground, and what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mythos.cli.node_place import HOME, home_of, say
from mythos.cli.output import as_json, chosen
from mythos.errors import ConflictError, NotFoundError


@click.command(short_help="Run the sidecar in the foreground.")
@HOME
@click.option(
    "--port",
    default=4318,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Loopback port for OTLP/HTTP and decisions; 0 takes any free one.",
)
@click.option(
    "--runtime",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    default=Path(),
    help="Folder of the programs that agents' commands call {runtime}; else the current folder.",
)
@click.option(
    "--keep-spans", type=click.Path(path_type=Path), help="Also append every span to this file."
)
@click.option(
    "--no-key-names",
    is_flag=True,
    help="Tell the newest entries of memory logs without the names of their keys.",
)
@click.option(
    "--no-accept-orders",
    is_flag=True,
    help="Refuse what the control plane orders to be accepted into memory logs.",
)
def run(
    home: Path,
    port: int,
    runtime: Path,
    keep_spans: Path | None,
    no_key_names: bool,
    no_accept_orders: bool,
) -> None:
    """Run the sidecar in the foreground until it is told to stop.

    It takes spans, judges runs, signs and sends evidence, and launches what its environment is
    assigned. What it does stands in `mythos node status`.
    """
    import signal
    import threading

    from mythos.cli.parent import end_with_parent
    from mythos.node.sidecar import Options, Sidecar

    end_with_parent()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _log_to_stderr()
    options = Options(
        runtime=runtime,
        port=port,
        keep_spans=keep_spans,
        key_names=not no_key_names,
        accept_orders=not no_accept_orders,
    )
    sidecar = Sidecar(home_of(home), options)
    _say_running(sidecar.status(), home)
    sidecar.run(stop)


def _log_to_stderr() -> None:
    """What the sidecar does and what fails, a line each with its time."""
    import logging

    told = logging.StreamHandler()
    told.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("mythos")
    logger.addHandler(told)
    logger.setLevel(logging.INFO)


def _say_running(told: dict[str, Any], home: Path) -> None:
    click.echo(
        f"{told['node']} of {told['environment']} on http://127.0.0.1:{told['port']}, "
        f"running {told['running'] or 'no bundle yet'}",
        err=True,
    )
    click.echo(f"what it does: mythos node status --home {home}", err=True)


@click.command()
@HOME
@as_json
def status(home: Path, as_json: bool) -> None:
    """Say what the sidecar last wrote about itself."""
    import orjson

    acceptance = home_of(home).acceptance()
    file = home / "status.json"
    if not file.is_file():
        raise NotFoundError(
            f"{acceptance.node} has not run yet", remedy=f"start it: mythos node run --home {home}"
        )
    try:
        told = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError:
        raise ConflictError(
            f"{file} is damaged",
            remedy=f"start the sidecar, which writes it anew: mythos node run --home {home}",
        ) from None
    chosen(as_json, told, lambda: say({**told, "at": _aged(told.get("at"))}))


def _aged(at: str | None) -> str:
    """A moment with its age, since what was written may be old."""
    from datetime import UTC, datetime

    if at is None:
        return "unknown"
    then = datetime.fromisoformat(at)
    return f"{then:%Y-%m-%d %H:%M:%S}Z, {(datetime.now(UTC) - then).total_seconds():.0f} s ago"
