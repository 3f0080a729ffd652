"""`mythos node`: enrol a host, run its sidecar, carry files across an air gap."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, bar, chosen
from mythos.errors import ConflictError, MythosError, NotFoundError, UsageError

if TYPE_CHECKING:
    from mythos.node.home import NodeHome

HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("mythos-node"),
    show_default=True,
    help="The node's state folder.",
)
FORMS = (
    ("--new-code", "--node", "--environment"),
    ("--sign", "--environment", "--out"),
    ("--request", "--node"),
    ("--server", "--node", "--code"),
    ("--code", "--server", "--node"),
)  # of `node enroll`, each by the option it begins with
READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(help="Enrol a host, run its sidecar, and carry files across an air gap.")
def node() -> None:
    """See the commands."""


@node.command(short_help="Enrol this host; or, as operator, let a host enrol.")
@HOME
@click.option("--node", "name", metavar="NAME", help="The node's id.")
@click.option("--server", metavar="URL", help="Address of the control plane.")
@click.option("--code", metavar="CODE", help="One-time code an operator gave you.")
@click.option("--request", type=click.Path(path_type=Path), help="Air gap: write a request file.")
@click.option("--accept", type=READABLE, help="Air gap: take the acceptance file.")
@click.option("--new-code", is_flag=True, help="Operator: make a one-time code for --node.")
@click.option("--sign", type=READABLE, help="Operator: admit the node of a request file.")
@click.option(
    "--environment", metavar="NAME", help="Operator: the environment the node belongs to."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Operator: the acceptance file; it is private."
)
@as_json
def enroll(
    home: Path,
    name: str | None,
    server: str | None,
    code: str | None,
    request: Path | None,
    accept: Path | None,
    new_code: bool,
    sign: Path | None,
    environment: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Enrol this host, or (as operator, on the control plane) let a host enrol.

    \b
    Online:   operator  mythos node enroll --new-code --node N --environment E
              host      mythos node enroll --server URL --node N --code CODE
    Air gap:  host      mythos node enroll --node N --request FILE
              operator  mythos node enroll --sign FILE --environment E --out FILE2
              host      mythos node enroll --accept FILE2
    """  # noqa: D301 - click takes the character itself for "do not wrap"
    if new_code and name and environment:
        result = _new_code(name, environment)
    elif sign and environment and out:
        result = _sign(sign, environment, out)
    elif accept:
        result = _accept(home, accept)
    elif request and name:
        result = _request(home, name, request)
    elif server and name and code:
        result = _enrol(home, server, name, code)
    else:
        given = {
            "--new-code": new_code,
            "--sign": sign,
            "--request": request,
            "--server": server,
            "--code": code,
            "--node": name,
            "--environment": environment,
            "--out": out,
        }
        raise _no_form([option for option, value in given.items() if value])
    chosen(as_json, result, lambda: _say(result))


def _no_form(given: list[str]) -> UsageError:
    """What the form that was begun still needs."""
    for form in FORMS:
        if form[0] in given:
            missing = ", ".join(option for option in form if option not in given)
            return UsageError(
                f"{form[0]} also needs {missing}", remedy="see `mythos node enroll --help`"
            )
    return UsageError(
        "these options enrol nobody",
        remedy="use one of the five forms that `mythos node enroll --help` shows",
    )


def _new_code(name: str, environment: str) -> dict[str, Any]:
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.server.catalog.commands import issue_code

    return {
        "node": name,
        "environment": environment,
        "code": issue_code(name, environment, at=timezone.now()),
    }


def _sign(request: Path, environment: str, out: Path) -> dict[str, Any]:
    from mythos.cli.serve import prepare

    prepare()
    from mythos.server.deployment.enrolment import admit_to_file

    acceptance = admit_to_file(request.read_bytes(), environment, out)
    return {"node": acceptance.node, "environment": environment, "file": str(out)}


def _accept(home: Path, file: Path) -> dict[str, Any]:
    from mythos.node.enrolment import accept_file

    acceptance = accept_file(_home(home), file=file)
    return {"node": acceptance.node, "environment": acceptance.environment, "home": str(home)}


def _request(home: Path, name: str, file: Path) -> dict[str, Any]:
    from mythos.node.enrolment import write_request

    write_request(_home(home), node=name, file=file)
    return {"node": name, "file": str(file), "home": str(home)}


def _enrol(home: Path, server: str, name: str, code: str) -> dict[str, Any]:
    from mythos.node.enrolment import enrol_online

    acceptance = enrol_online(_home(home), server=server, node=name, code=code)
    return {"node": acceptance.node, "environment": acceptance.environment, "home": str(home)}


@node.command(short_help="Run the sidecar in the foreground.")
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
    sidecar = Sidecar(_home(home), options)
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


@node.command()
@HOME
@as_json
def status(home: Path, as_json: bool) -> None:
    """Say what the sidecar last wrote about itself."""
    import orjson

    acceptance = _home(home).acceptance()
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
    chosen(as_json, told, lambda: _say({**told, "at": _aged(told.get("at"))}))


def _aged(at: str | None) -> str:
    """A moment with its age, since what was written may be old."""
    from datetime import UTC, datetime

    if at is None:
        return "unknown"
    then = datetime.fromisoformat(at)
    return f"{then:%Y-%m-%d %H:%M:%S}Z, {(datetime.now(UTC) - then).total_seconds():.0f} s ago"


@node.command("export", short_help="Host: write a report file of signed evidence.")
@HOME
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), required=True, help="The report file."
)
@click.option("--all", "everything", is_flag=True, help="Also what was exported before.")
@as_json
def export_(home: Path, out: Path, everything: bool, as_json: bool) -> None:
    """Write a report file of signed evidence, to carry to the control plane."""
    from mythos.node.report_file import export_report
    from mythos.node.store import NodeStore

    _home(home).acceptance()
    store = NodeStore(_home(home).database)
    try:
        n_envelopes = export_report(store, out, everything=everything)
    finally:
        store.close()
    result = {"file": str(out), "envelopes": n_envelopes}
    chosen(as_json, result, lambda: _say(result))


@node.command("import", short_help="Take in a carried file: a bundle, a report or a view.")
@HOME
@click.argument("file", type=READABLE)
@as_json
@click.pass_context
def import_(ctx: click.Context, home: Path, file: Path, as_json: bool) -> None:
    """Take in a file that was carried: on a host a bundle archive or what `mythos witness export`
    wrote, on the control plane a report.

    The file says which it is.
    """  # noqa: D205 - click shows it as one paragraph
    from mythos.adapters.report_file import kind_of

    kind = kind_of(file)
    if kind == "report":
        result = _import_report(file)
    else:
        result = _import_view(home, file) if kind == "view" else _import_bundle(home, file)
    chosen(as_json, result, lambda: _say_import(result))
    if result.get("refused"):
        ctx.exit(1)


def _import_report(file: Path) -> dict[str, Any]:
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.adapters.report_file import envelopes_of
    from mythos.server.resilience.commands import accept_envelope
    from mythos.server.resilience.readings import refresh

    counted, known, nodes = 0, 0, set()
    refused: list[dict[str, Any]] = []
    lines = list(envelopes_of(file))
    with bar("evidence", total=len(lines)) as progress:
        for number, line in enumerate(lines, start=1):
            progress.advance()
            try:
                accepted = accept_envelope(line, at=timezone.now(), via_file=True)
            except MythosError as error:
                refused.append({"line": number, "why": error.message, "remedy": error.remedy})
                continue
            counted += accepted.counted
            known += not accepted.counted
            nodes.add(accepted.node_id)
    for name in sorted(nodes):
        refresh(name, at=timezone.now())
    return {
        "file": str(file),
        "nodes": sorted(nodes),
        "counted": counted,
        "known": known,
        "refused": refused,
    }


def _import_view(home: Path, file: Path) -> dict[str, Any]:
    from mythos.adapters.key_file import load_key
    from mythos.node.store import NodeStore
    from mythos.node.witnessed import take_signed

    acceptance, key = _home(home).acceptance(), load_key(_home(home).key).public
    store = NodeStore(_home(home).database)
    try:
        taken = take_signed(store, file.read_bytes(), acceptance, key)
    finally:
        store.close()
    return {"file": str(file), "node": acceptance.node, **taken._asdict()}


def _import_bundle(home: Path, file: Path) -> dict[str, Any]:
    from datetime import UTC, datetime

    from mythos.adapters.bundle_archive import import_archive
    from mythos.adapters.tuf_client import Roots

    acceptance = _home(home).acceptance()
    report = import_archive(
        file,
        _home(home).depot,
        roots=Roots(acceptance.packets_root.encode(), acceptance.deployments_root.encode()),
        environment=acceptance.environment,
        at=datetime.now(UTC),
    )
    checks = [{"name": one.name, "state": one.state, "why": one.why} for one in report.checks]
    return {"file": str(file), "node": acceptance.node, "checks": checks}


def _say_import(result: dict[str, Any]) -> None:
    checks = result.get("checks", [])
    for one in checks:
        click.echo(f"{one['state']:<5} {one['name']:<30} {one['why']}")
    _say({name: value for name, value in result.items() if name != "checks"})
    if checks:
        click.echo("verified and kept; the sidecar launches what is assigned at its next beat")


def _home(path: Path) -> NodeHome:
    from mythos.node.home import NodeHome

    return NodeHome(path.absolute())


def _say(result: dict[str, Any]) -> None:
    for name, value in result.items():
        for shown in value if isinstance(value, list) else [value]:
            click.echo(f"{name:<16} {_line(shown)}".rstrip())


def _line(value: object) -> str:
    """One value on a line, with nothing a terminal would obey."""
    from mythos.cli.source_lines import plain

    if isinstance(value, dict):
        return ", ".join(f"{key} {_line(each)}" for key, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == "" else plain(str(value))
