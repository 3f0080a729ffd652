"""`mythos trust`: make the repositories, say what is genuine, keep signatures fresh.

Runs on the control plane. *packets* says which bundles are genuine; one *deployments* repository
an environment says what runs there. Root keys lie beside the others until you move them away.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, chosen
from mythos.errors import DocumentError

if TYPE_CHECKING:
    from mythos.values.environment import FleetFile

READABLE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


@click.group(help="Say which bundles are genuine, and keep signatures fresh (control plane).")
def trust() -> None:
    """See the commands."""


@trust.command(short_help="Make the repositories; take in a fleet file.")
@click.option("--fleet", type=READABLE, help="Also take in the environments of this fleet file.")
@as_json
def init(fleet: Path | None, as_json: bool) -> None:
    """Make the packets repository, and the environments of a fleet file with theirs.

    What exists already is kept; a fleet file may be taken in again after a change.
    """
    document = _read_fleet(fleet) if fleet else None
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.server.catalog.commands import import_fleet
    from mythos.server.deployment import trust as kept

    now = timezone.now()
    kept.packets(at=now)
    environments = import_fleet(document) if document else []
    for environment in environments:
        kept.deployments(environment, at=now)
    roots = {name: str(kept.root_of(name)) for name in kept.repositories(at=now)}
    result = {"environments": [one.name for one in environments], "roots": roots}
    chosen(as_json, result, lambda: _say_roots(roots))


def _read_fleet(file: Path) -> FleetFile:
    from mythos.values.environment import FleetFile
    from mythos.values.source import read_document, validated

    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(
            f"byte {error.start} is not UTF-8", remedy="save the file as UTF-8", where=str(file)
        ) from error
    return validated(FleetFile, read_document(text, source=str(file)), DocumentError)


@trust.command()
@click.argument("layout", metavar="LAYOUT", type=FOLDER)
@as_json
def sign(layout: Path, as_json: bool) -> None:
    """Take a built bundle in, and name it genuine from now on.

    LAYOUT is the folder that `bundle build` wrote.
    """
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.adapters.oci_layout import OciLayout
    from mythos.server.deployment.commands import publish

    packet = publish(OciLayout(layout), at=timezone.now())
    result = {
        "digest": packet.digest,
        "name": packet.deployment_name,
        "version": packet.version,
        "genuine": True,
    }
    chosen(
        as_json,
        result,
        lambda: click.echo(
            f"{packet.digest}\n{packet.deployment_name}@{packet.version} is genuine from now on"
        ),
    )


@trust.command(short_help="List versions and expiry of every role.")
@as_json
def status(as_json: bool) -> None:
    """List versions and expiry of every role. Exits 1 if anything has expired."""
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.server.deployment import trust as kept

    now = timezone.now()
    result = [
        {
            "repository": name,
            "role": role.role,
            "version": role.version,
            "expires": role.expires.isoformat(),
            "days_left": round((role.expires - now).total_seconds() / 86_400, 1),
            "state": "expired" if role.expires <= now else "due" if role.due else "fresh",
        }
        for name, repository in kept.repositories(at=now).items()
        for role in repository.standing(at=now)
    ]
    chosen(as_json, result, lambda: _say_status(result))
    if any(role["state"] == "expired" for role in result):
        raise SystemExit(1)


@trust.command()
@as_json
def renew(as_json: bool) -> None:
    """Sign anew what has used up half of its period.

    Exits 1 if a role waits for a key that is not here.
    """
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.server.deployment import trust as kept

    now = timezone.now()
    done = {name: one.renew(at=now) for name, one in kept.repositories(at=now).items()}
    result = [
        {"repository": name, "renewed": list(one.renewed), "waiting": list(one.waiting)}
        for name, one in done.items()
    ]
    chosen(as_json, result, lambda: _say_renewed(result))
    if any(one.waiting for one in done.values()):
        raise SystemExit(1)


def _say_roots(roots: dict[str, str]) -> None:
    for name, path in roots.items():
        click.echo(f"{name:<32} root {path}")
    click.echo("next: mythos trust sign LAYOUT, then mythos rollout start")


def _say_status(result: list[dict[str, Any]]) -> None:
    if not result:
        click.echo("no repositories yet: run mythos trust init --fleet fleet.yaml")
    for one in result:
        click.echo(
            f"{one['repository']:<32} {one['role']:<10} v{one['version']:<5} "
            f"{one['state']:<8} {one['days_left']:>7} d left  (until {one['expires']})"
        )


def _say_renewed(result: list[dict[str, Any]]) -> None:
    for one in result:
        renewed = ", ".join(one["renewed"]) or "nothing was due"
        waiting = f"; waits for its key: {', '.join(one['waiting'])}" if one["waiting"] else ""
        click.echo(f"{one['repository']:<32} {renewed}{waiting}")
