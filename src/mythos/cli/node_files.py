"""`mythos node export` and `import`: files that are carried across an air gap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mythos.cli.node_place import HOME, READABLE, home_of, say
from mythos.cli.output import as_json, bar, chosen
from mythos.errors import MythosError


@click.command("export", short_help="Host: write a report file of signed evidence.")
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

    home_of(home).acceptance()
    store = NodeStore(home_of(home).database)
    try:
        n_envelopes = export_report(store, out, everything=everything)
    finally:
        store.close()
    result = {"file": str(out), "envelopes": n_envelopes}
    chosen(as_json, result, lambda: say(result))


@click.command("import", short_help="Take in a carried file: a bundle, a report or a view.")
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

    acceptance, key = home_of(home).acceptance(), load_key(home_of(home).key).public
    store = NodeStore(home_of(home).database)
    try:
        taken = take_signed(store, file.read_bytes(), acceptance, key)
    finally:
        store.close()
    return {"file": str(file), "node": acceptance.node, **taken._asdict()}


def _import_bundle(home: Path, file: Path) -> dict[str, Any]:
    from datetime import UTC, datetime

    from mythos.adapters.bundle_archive import import_archive
    from mythos.adapters.tuf_client import Roots

    acceptance = home_of(home).acceptance()
    report = import_archive(
        file,
        home_of(home).depot,
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
    say({name: value for name, value in result.items() if name != "checks"})
    if checks:
        click.echo("verified and kept; the sidecar launches what is assigned at its next beat")
