"""Where a document is in force, in which mode, on how many hosts and since which bundle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mythos.server.documents.facts import HostFact, Mode, RolloutFact


@dataclass(frozen=True, slots=True)
class InForce:
    """One environment where a document is in force.

    `hosts` of `hosts_total` say that they have it; none means that the environment was told to,
    and no host has said so yet. `bundle` and `since` are of the rollout that brought it, empty for
    a document that comes with no bundle. `newest_beat` is the age of the freshest word.
    """

    environment: str
    mode: Mode
    hosts: int
    hosts_total: int
    bundle: str
    bundle_digest: str
    since: datetime | None
    newest_beat: datetime | None


def in_force_of(
    digest: str, hosts: Iterable[HostFact], rollouts: Sequence[RolloutFact]
) -> tuple[InForce, ...]:
    """Environments where it is in force: enforced before shadowed, many hosts before few."""
    total: dict[str, int] = defaultdict(int)
    there: dict[tuple[str, Mode], list[HostFact]] = defaultdict(list)
    for host in hosts:
        total[host.environment] += 1
        mode = host.mode_of(digest)
        if mode:
            there[host.environment, mode].append(host)
    brought = _brought(digest, rollouts)
    for environment in brought:
        if not any(where == environment for where, _ in there):
            there[environment, "enforce"] = []
    found = [
        _in_force(environment, mode, hosts=said, total=total[environment], by=brought)
        for (environment, mode), said in there.items()
    ]
    return tuple(sorted(found, key=lambda each: (each.mode, -each.hosts, each.environment)))


def _in_force(
    environment: str,
    mode: Mode,
    *,
    hosts: Sequence[HostFact],
    total: int,
    by: dict[str, RolloutFact],
) -> InForce:
    rollout = by.get(environment)
    beats = [host.last_beat_at for host in hosts if host.last_beat_at]
    return InForce(
        environment=environment,
        mode=mode,
        hosts=len(hosts),
        hosts_total=total,
        bundle=rollout.bundle if rollout else "",
        bundle_digest=rollout.bundle_digest if rollout else "",
        since=rollout.at if rollout else None,
        newest_beat=max(beats, default=None),
    )


def _brought(digest: str, rollouts: Sequence[RolloutFact]) -> dict[str, RolloutFact]:
    """The rollout since which each environment has been told to run it without a break."""
    since: dict[str, RolloutFact] = {}
    for rollout in sorted(rollouts, key=lambda each: each.sequence):
        if digest in rollout.documents and not rollout.halted:
            since.setdefault(rollout.environment, rollout)
        else:
            since.pop(rollout.environment, None)
    return since
