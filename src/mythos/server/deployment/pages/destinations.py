"""Destinations of a bundle: what each was told to run, what it proved it runs, how old that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mythos.server.deployment.pages.facts import BundleFact, HostFact, TargetFact
from mythos.values.environment import eligible


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination; `running` are (digest, hosts), `proof_at` the oldest of its hosts' beats."""

    uri: str
    desired: str
    desired_name: str
    sequence: int | None
    running: tuple[tuple[str, int], ...]
    hosts: int
    proof_at: datetime | None
    state: str
    reason: str


def destinations_of(
    bundle: BundleFact, targets: Mapping[str, TargetFact], *, at: datetime
) -> tuple[Destination, ...]:
    """The bundle's own destinations first, then every other environment."""
    named = [_destination(uri, bundle, targets, at=at) for uri in bundle.destinations]
    others = [name for name in targets if f"env:{name}" not in bundle.destinations]
    return (*named, *(_destination(f"env:{name}", bundle, targets, at=at) for name in others))


def _destination(
    uri: str, bundle: BundleFact, targets: Mapping[str, TargetFact], *, at: datetime
) -> Destination:
    scheme, _, name = uri.partition(":")
    target = targets.get(name) if scheme == "env" else None
    if target is None:
        state = "no_environment" if scheme == "env" else "not_watched"
        reason = "no environment has this name" if scheme == "env" else "push it by command line"
        return Destination(uri, "", "", None, (), 0, None, state, reason)
    state, reason = _judged(bundle, target, at=at)
    beats = [host.presence.newest_beat for host in target.hosts if host.presence.newest_beat]
    running = Counter(host.running for host in target.hosts)
    return Destination(
        uri=uri,
        desired=target.desired,
        desired_name=target.desired_name,
        sequence=target.sequence,
        running=tuple(running.most_common()),
        hosts=len(target.hosts),
        proof_at=min(beats, default=None),
        state=state,
        reason=reason,
    )


def _judged(bundle: BundleFact, target: TargetFact, *, at: datetime) -> tuple[str, str]:
    """State of a destination as a badge, and its reason."""
    missing = eligible(dict(target.labels), dict(bundle.labels))
    if missing:
        return "not_eligible", "; ".join(
            f"label {key}: wants {bundle.labels[key]}, has {target.labels.get(key, 'none')}"
            for key in missing
        )
    if target.desired != bundle.digest:
        told = f"assigned: {target.desired_name}" if target.desired else "no bundle assigned"
        return "not_assigned", told
    if target.halted:
        return "halted", f"halted by {target.decided_by}"
    return _proved(bundle, target, at=at)


def _proved(bundle: BundleFact, target: TargetFact, *, at: datetime) -> tuple[str, str]:
    if not target.hosts:
        return "waiting", "no host is enrolled"
    heard = [host for host in target.hosts if host.running]
    other = [host for host in heard if host.running != bundle.digest]
    if other:
        return "drifted", f"{_named(other)} {'runs' if len(other) == 1 else 'run'} another bundle"
    if len(heard) < len(target.hosts):
        silent = [host for host in target.hosts if not host.running]
        return "waiting", f"{_named(silent)} reported no bundle yet"
    old = [host for host in target.hosts if host.presence.silent(at)]
    if old:
        return "old_proof", f"{_named(old)} fell silent since"
    by_file = "reports by file" if target.air_gapped else ""
    return "running", by_file or f"on {len(heard)} of {len(target.hosts)}"


def _named(hosts: Sequence[HostFact]) -> str:
    more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
    return f"{hosts[0].node_id}{more}"
