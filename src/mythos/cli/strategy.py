"""`mythos strategy`: where a bundle may run next, on what evidence, with which reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mythos.cli.output import as_json, chosen
from mythos.errors import NotFoundError

if TYPE_CHECKING:
    from mythos.server.deployment.models import MythOSDeploymentPacket
    from mythos.values.recommendation import EnvironmentAdvice, Recommendation


@click.group(help="Recommend where a bundle may run next, with reasons (control plane).")
def strategy() -> None:
    """See the commands."""


@strategy.command(short_help="Rank the environments for a bundle.")
@click.option("--bundle", "wanted", metavar="DIGEST", help="Digest of the bundle; else the newest.")
@as_json
def recommend(wanted: str | None, as_json: bool) -> None:
    """Rank the environments for a bundle, each with its verdict and reasons."""
    from mythos.cli.serve import prepare

    prepare()
    from django.utils import timezone

    from mythos.server.strategy.commands import refresh
    from mythos.values.recommendation import Recommendation

    packet = _packet(wanted)
    stored = refresh(packet, at=timezone.now())
    answer = Recommendation.model_validate(stored.document)
    chosen(as_json, stored.document, lambda: _say(str(packet), answer))


def _packet(digest: str | None) -> MythOSDeploymentPacket:
    from mythos.server.deployment.models import MythOSDeploymentPacket

    packets = MythOSDeploymentPacket.objects.all()
    found = (packets.filter(digest=digest) if digest else packets).first()
    if found is None:
        raise NotFoundError(
            f"there is no bundle {digest}" if digest else "there is no bundle yet",
            remedy="take one in with `mythos trust sign LAYOUT`; it prints the digest",
        )
    return found


def _say(bundle: str, answer: Recommendation) -> None:
    click.echo(f"{bundle}: {answer.verdict}   (evidence as of {answer.evidence_as_of})")
    for rank, advice in enumerate(answer.environments, start=1):
        _say_environment(rank, advice)
    if not answer.environments:
        click.echo("no environments yet: run mythos trust init --fleet fleet.yaml")


def _say_environment(rank: int, advice: EnvironmentAdvice) -> None:
    score = f"{advice.symbolic_alignment_score:.2f} (at least {advice.lower:.2f})"
    click.echo(f"\n{rank}. {advice.target_environment}: {advice.verdict}, expected share {score}")
    for cell in advice.cells:
        needed = f"; {cell.needed_runs} more clean runs would do" if cell.needed_runs else ""
        click.echo(f"   {cell.agent:<20} {cell.verdict:<10} {cell.reason}{needed}")
    said = {cell.reason for cell in advice.cells}
    for reason in (*advice.reasons, *advice.counterfactuals):
        if reason.text not in said:
            click.echo(f"   - {reason.text}")
