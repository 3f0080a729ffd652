"""`mythos rollout`: decide, under a name and with a reason, what an environment runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mythos.cli.output import as_json, chosen
from mythos.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from mythos.server.deployment.models import MythOSDeploymentPacket


@click.group(help="Assign a genuine bundle to an environment (control plane).")
def rollout() -> None:
    """See the commands."""


@rollout.command(short_help="Assign a bundle to an environment.")
@click.option("--environment", metavar="NAME", required=True, help="Where it is to run.")
@click.option(
    "--bundle",
    "wanted",
    metavar="NAME@VERSION",
    required=True,
    help="What is to run, as `trust sign` printed it.",
)
@click.option("--by", "who", metavar="WHO", required=True, help="Who decides.")
@click.option(
    "--why", metavar="TEXT", required=True, help="The reason; it is signed with the assignment."
)
@as_json
def start(environment: str, wanted: str, who: str, why: str, as_json: bool) -> None:
    """Assign a genuine bundle to an environment; its nodes launch it at their next poll."""
    from mythos.cli.serve import prepare

    name, version = _named(wanted)
    prepare()
    from django.utils import timezone

    from mythos.server.catalog.commands import environment_called
    from mythos.server.deployment.commands import assign

    packet = _packet(name, version)
    made = assign(
        packet, environment_called(environment), decided_by=who, decision=why, at=timezone.now()
    )
    result: dict[str, Any] = {
        "environment": environment,
        "bundle": wanted,
        "digest": packet.digest,
        "sequence": made.sequence,
        "decided_by": who,
        "decision": why,
    }
    chosen(
        as_json,
        result,
        lambda: click.echo(
            f"{environment} runs {wanted} from now on (sequence {made.sequence})\n{packet.digest}"
        ),
    )


def _named(wanted: str) -> tuple[str, int]:
    name, _, version = wanted.rpartition("@")
    if not name or not version.isascii() or not version.isdecimal() or len(version) > 9:
        raise UsageError(
            f"{wanted!r} is not NAME@VERSION", remedy="write it as `mythos trust sign` printed it"
        )
    return name, int(version)


def _packet(name: str, version: int) -> MythOSDeploymentPacket:
    from mythos.server.deployment.models import MythOSDeploymentPacket

    packets = MythOSDeploymentPacket.objects
    found = packets.filter(deployment_name=name, version=version).first()
    if found is None:
        known = ", ".join(f"{one.deployment_name}@{one.version}" for one in packets.all()[:5])
        raise NotFoundError(
            f"no bundle {name}@{version} is genuine (newest: {known or 'none yet'})",
            remedy="take it in first with `mythos trust sign LAYOUT`",
        )
    return found
